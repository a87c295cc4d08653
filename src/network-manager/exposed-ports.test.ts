import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { remove } from '../kernel/object-store.ts'
import { PodKind } from '../objects/core/pod.ts'
import {
  closed,
  connectNodes,
  createTestWorld,
  dialLocal,
  exposedPort,
  putPod,
  readAll,
  routerOf,
  setContractPhase,
  setPodPhase,
  type TestNode,
  type TestWorld,
  workload,
} from '../../test/support/network-nodes.ts'

describe('ports of remote pods on local addresses', () => {
  const contract = 'contract-1'
  let world: TestWorld
  let consumer: TestNode
  let provider: TestNode
  let server: Awaited<ReturnType<typeof workload>>

  beforeEach(async () => {
    world = createTestWorld({ wire: 'simulated' })
    consumer = await world.node('consumer', { limits: { portRetryMs: 20, maxStreamsPerContract: 3 } })
    provider = await world.node('provider')
    await connectNodes(consumer, provider, contract)
    server = await workload((socket) => void socket.pipe(socket))
    provider.endpoints.set(`${contract}/default/web/80`, server.port)
  })

  afterEach(async () => {
    await world.stop()
    await server.close()
  })

  const web = { contract, ports: [{ containerPort: 80 }] }
  const removePod = (name: string) => remove(consumer.store, PodKind, { namespace: 'default', name })
  const endpointsOf = async (node: TestNode) => (await routerOf(node, contract))?.status?.endpoints ?? []
  const conditionOf = async () =>
    (await routerOf(consumer, contract))!.status?.conditions?.find(({ type }) => type === 'PortsExposed')

  async function saysBack(port: number): Promise<string> {
    const socket = await dialLocal(port)
    socket.end('hello')
    return (await readAll(socket)).toString()
  }

  it('appear when the pod runs, one for each declared TCP port, and say where', async () => {
    await putPod(consumer, 'web', {
      contract,
      ports: [
        { containerPort: 80 },
        { containerPort: 5432, name: 'db' },
        { containerPort: 53, protocol: 'UDP' },
      ],
    })
    const port = await exposedPort(consumer, contract, 'web', 80)
    await vi.waitFor(async () => {
      expect(await endpointsOf(consumer)).toEqual([
        {
          namespace: 'default',
          pod: 'web',
          container: 'main',
          port: 80,
          localAddress: '127.0.0.1',
          localPort: port,
          url: `http://127.0.0.1:${port}`,
        },
        expect.objectContaining({ port: 5432, url: expect.stringMatching(/^tcp:/) as string }),
      ])
      expect(await conditionOf()).toMatchObject({ status: 'False', reason: 'NotCarried' })
    })
    expect(await saysBack(port)).toBe('hello')
  })

  it('stay while the pod restarts, and go when it has ended', async () => {
    await putPod(consumer, 'web', web)
    const port = await exposedPort(consumer, contract, 'web', 80)
    await setPodPhase(consumer, 'web', 'Pending')
    expect(await saysBack(port)).toBe('hello')
    await setPodPhase(consumer, 'web', 'Running')
    expect(await exposedPort(consumer, contract, 'web', 80)).toBe(port)
    await setPodPhase(consumer, 'web', 'Succeeded')
    await vi.waitFor(async () => {
      expect(await endpointsOf(consumer)).toEqual([])
      await expect(dialLocal(port)).rejects.toThrow('ECONNREFUSED')
    })
  })

  it('are the same for a pod that is made anew, and for one that takes its place', async () => {
    await putPod(consumer, 'web', { ...web, owner: 'web-set' })
    const port = await exposedPort(consumer, contract, 'web', 80)
    await removePod('web')
    await vi.waitFor(async () => expect(await endpointsOf(consumer)).toEqual([]))
    await putPod(consumer, 'web', { ...web, owner: 'web-set' })
    expect(await exposedPort(consumer, contract, 'web', 80)).toBe(port)
    await removePod('web')
    await vi.waitFor(async () => expect(await endpointsOf(consumer)).toEqual([]))
    await putPod(consumer, 'web-2', { ...web, owner: 'web-set' })
    expect(await exposedPort(consumer, contract, 'web-2', 80)).toBe(port)
  })

  it('follow their pod to another provider', async () => {
    await putPod(consumer, 'web', web)
    const port = await exposedPort(consumer, contract, 'web', 80)
    const other = await world.node('other-provider')
    await connectNodes(consumer, other, 'contract-2')
    other.endpoints.set('contract-2/default/web/80', server.port)
    await setContractPhase(consumer, contract, 'Failed')
    await removePod('web')
    await vi.waitFor(async () => expect(await routerOf(consumer, contract)).toBeUndefined())
    await putPod(consumer, 'web', { ...web, contract: 'contract-2' })
    expect(await exposedPort(consumer, 'contract-2', 'web', 80)).toBe(port)
    expect(await saysBack(port)).toBe('hello')
  })

  it('are the same after a restart of the node', async () => {
    await putPod(consumer, 'web', web)
    const port = await exposedPort(consumer, contract, 'web', 80)
    await consumer.stop()
    await expect(dialLocal(port)).rejects.toThrow('ECONNREFUSED')
    const again = await world.node('consumer', { store: consumer.store })
    // As after every start, it turns out a little later which node is whose.
    again.virtualNodes.set(`virtual-${contract}`, contract)
    await setPodPhase(consumer, 'web', 'Pending')
    await setPodPhase(consumer, 'web', 'Running')
    await vi.waitFor(async () => expect(await saysBack(port)).toBe('hello'))
    expect(await exposedPort(again, contract, 'web', 80)).toBe(port)
  })

  it('are those that the annotations ask for; one that is taken is said so, and taken when it is free', async () => {
    const squatter = await workload((socket) => socket.end())
    const annotations = { 'tributary.io/local-port': String(squatter.port) }
    await putPod(consumer, 'web', { ...web, annotations })
    await vi.waitFor(async () => {
      const condition = await conditionOf()
      expect(condition).toMatchObject({ status: 'False', reason: 'PortTaken' })
      expect(condition!.message).toContain(`127.0.0.1:${squatter.port} is taken`)
    })
    expect(await endpointsOf(consumer)).toEqual([])
    await squatter.close()
    expect(await exposedPort(consumer, contract, 'web', 80)).toBe(squatter.port)
    await vi.waitFor(async () => expect(await conditionOf()).toMatchObject({ status: 'True' }))
    expect(await saysBack(squatter.port)).toBe('hello')
  })

  it('take as many connections as the contract may have streams, and reset the others', async () => {
    await putPod(consumer, 'web', web)
    const port = await exposedPort(consumer, contract, 'web', 80)
    const open = await Promise.all([dialLocal(port), dialLocal(port), dialLocal(port)])
    await Promise.all(
      open.map((socket) => {
        socket.write('x')
        return new Promise((resolve) => socket.once('data', resolve))
      }),
    )
    // The reset may come before the client knows that it is connected.
    const failure = await dialLocal(port).then(
      async (socket) => {
        await closed(socket)
        return socket.failure?.code
      },
      (error: NodeJS.ErrnoException) => error.code,
    )
    expect(failure).toBe('ECONNRESET')
    open[0]!.end()
    await closed(open[0]!)
    await vi.waitFor(async () => expect(await saysBack(port)).toBe('hello'))
    for (const socket of open) socket.destroy()
  })
})
