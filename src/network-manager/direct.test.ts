import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StreamRefused } from '../rear/transport/index.ts'
import { podStreamPath } from './stream-paths.ts'
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
  type TestNode,
  type TestWorld,
  type Wire,
  workload,
} from '../../test/support/network-nodes.ts'

describe.each<Wire>(['simulated', 'tls'])('a direct way over the %s network', (wire) => {
  const contract = 'contract-1'
  let world: TestWorld
  let consumer: TestNode
  let provider: TestNode
  const closers: (() => Promise<void>)[] = []

  beforeEach(async () => {
    world = createTestWorld({ wire })
    const limits = { trafficIntervalMs: 20 }
    consumer = await world.node('consumer', { limits })
    provider = await world.node('provider', { limits })
    await connectNodes(consumer, provider, contract)
  })

  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
    await world.stop()
  })

  /** Runs a workload as a pod with one port. @returns the local port that leads to it */
  async function expose(onConnection: Parameters<typeof workload>[0], name = 'web'): Promise<number> {
    const server = await workload(onConnection)
    closers.push(server.close)
    provider.endpoints.set(`${contract}/default/${name}/80`, server.port)
    await putPod(consumer, name, { contract, ports: [{ containerPort: 80 }] })
    return exposedPort(consumer, contract, name, 80)
  }

  it('carries bytes both ways, and each direction ends by itself', async () => {
    const port = await expose((socket) => {
      // Answers only when the question has ended: works with a half-close, not without.
      void readAll(socket).then((question) => socket.end(`you said ${question.toString()}`))
    })
    const socket = await dialLocal(port)
    socket.end('hello')
    expect((await readAll(socket)).toString()).toBe('you said hello')
    expect(socket.failure).toBeUndefined()
  })

  it('lets the pod end first and still hears the client', async () => {
    const heard = Promise.withResolvers<string>()
    const port = await expose((socket) => {
      socket.end('bye')
      void readAll(socket).then((last) => heard.resolve(last.toString()))
    })
    const socket = await dialLocal(port)
    expect((await readAll(socket)).toString()).toBe('bye')
    socket.end('last word')
    expect(await heard.promise).toBe('last word')
  })

  it('carries 20 MB each way without losing or changing a byte', async () => {
    const port = await expose((socket) => void socket.pipe(socket))
    const sent = randomFillSync(Buffer.alloc(20 << 20))
    const socket = await dialLocal(port)
    socket.end(sent)
    const received = await readAll(socket)
    expect(received.length).toBe(sent.length)
    expect(digest(received)).toBe(digest(sent))
    await vi.waitFor(async () => {
      const { bytesIn, bytesOut, streams } = (await routerOf(consumer, contract))!.status!
      expect(bytesIn).toBeGreaterThanOrEqual(sent.length)
      expect(bytesOut).toBeGreaterThanOrEqual(sent.length)
      expect(streams).toBe(0)
    })
    expect((await routerOf(provider, contract))!.status!.bytesIn).toBeGreaterThanOrEqual(sent.length)
  })

  it('carries 200 connections at once', async () => {
    const port = await expose((socket) => void socket.pipe(socket))
    const sockets = await Promise.all(Array.from({ length: 200 }, () => dialLocal(port)))
    // All are open before any is used up.
    for (const [index, socket] of sockets.entries()) socket.write(`hello ${index}`)
    await Promise.all(
      sockets.map(async (socket, index) => {
        const [first] = (await once(socket, 'data')) as [Buffer]
        expect(first.toString()).toBe(`hello ${index}`)
      }),
    )
    for (const socket of sockets) socket.end('!')
    const rest = await Promise.all(sockets.map((socket) => readAll(socket)))
    expect(rest.every((bytes) => bytes.toString() === '!')).toBe(true)
  })

  it('does not come to a standstill when both ends flood each other on many connections', async () => {
    const port = await expose((socket) => void socket.pipe(socket))
    const sent = randomFillSync(Buffer.alloc(2 << 20))
    const echoed = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = await dialLocal(port)
        socket.end(sent)
        return (await readAll(socket)).equals(sent)
      }),
    )
    expect(echoed.every(Boolean)).toBe(true)
  })

  it('stops the writer while the reader does not read', async () => {
    let written = 0
    const chunk = Buffer.alloc(64 << 10)
    const port = await expose((socket) => {
      const more = (): void => {
        while (socket.write(chunk)) written += chunk.length
        written += chunk.length
        if (written < 1 << 30) socket.once('drain', more)
      }
      more()
    })
    const socket = await dialLocal(port)
    await stable(() => written)
    // Kernel buffers, windows and stream buffers of both ends, far from what would be written without a brake.
    expect(written).toBeLessThan(64 << 20)
    const before = written
    socket.resume()
    await vi.waitFor(() => expect(written).toBeGreaterThan(before + (16 << 20)))
    socket.destroy()
  })

  it("hands on a pod's reset as a reset, not as an end", async () => {
    const port = await expose((socket) => {
      socket.write('half of an ans')
      socket.once('data', () => socket.resetAndDestroy())
    })
    const socket = await dialLocal(port)
    await once(socket, 'data')
    socket.write('x')
    await closed(socket)
    expect(socket.failure?.code).toBe('ECONNRESET')
  })

  it("hands on a client's reset to the pod", async () => {
    const failed = Promise.withResolvers<NodeJS.ErrnoException>()
    const connected = Promise.withResolvers<void>()
    const port = await expose((socket) => {
      connected.resolve()
      socket.resume()
      socket.on('error', failed.resolve)
    })
    const socket = await dialLocal(port)
    socket.write('x')
    await connected.promise
    socket.resetAndDestroy()
    expect((await failed.promise).code).toBe('ECONNRESET')
  })

  it('cuts one connection when its pod does not answer, and no other', async () => {
    const echo = await expose((socket) => void socket.pipe(socket))
    const good = await dialLocal(echo)
    const dead = await workload(() => undefined)
    await dead.close()
    provider.endpoints.set(`${contract}/default/dead/80`, dead.port)
    await putPod(consumer, 'dead', { contract, ports: [{ containerPort: 80 }] })
    const bad = await dialLocal(await exposedPort(consumer, contract, 'dead', 80))
    await closed(bad)
    expect(bad.failure?.code).toBe('ECONNRESET')
    good.end('still here')
    expect((await readAll(good)).toString()).toBe('still here')
  })

  it('refuses foreign callers, undeclared ports, dead ports and unknown contracts', async () => {
    await expose((socket) => void socket.pipe(socket))
    const dead = await workload(() => undefined)
    await dead.close()
    provider.endpoints.set(`${contract}/default/dead/80`, dead.port)
    const stranger = await world.node('stranger')
    const open = (from: TestNode, to: { contractID?: string; pod?: string; port?: number }) =>
      from.transport
        .openStream(
          { address: provider.address, id: provider.id },
          {
            path: podStreamPath({ contractID: contract, namespace: 'default', pod: 'web', port: 80, ...to }),
            signal: AbortSignal.timeout(10_000),
          },
        )
        .then(
          (stream) => {
            stream.destroy()
            return 'open'
          },
          (error: unknown) => (error instanceof StreamRefused ? error.status : error),
        )
    expect(await open(consumer, {})).toBe('open')
    expect(await open(stranger, {})).toBe(403)
    expect(await open(consumer, { port: 81 })).toBe(404)
    expect(await open(consumer, { pod: 'other' })).toBe(404)
    expect(await open(consumer, { contractID: 'contract-2' })).toBe(404)
    expect(await open(consumer, { pod: 'dead' })).toBe(502)
  })

  it('makes a router for each party, and takes it, its ports and its connections away with the contract', async () => {
    const connected = Promise.withResolvers<void>()
    const port = await expose(() => connected.resolve())
    const socket = await dialLocal(port)
    await connected.promise
    expect((await routerOf(consumer, contract))!.spec).toMatchObject({
      role: 'consumer',
      peer: { nodeID: provider.id },
    })
    expect((await routerOf(provider, contract))!.spec).toMatchObject({
      role: 'provider',
      peer: { nodeID: consumer.id },
    })
    await setContractPhase(consumer, contract, 'Closed')
    await closed(socket)
    await vi.waitFor(async () => {
      expect(await routerOf(consumer, contract)).toBeUndefined()
      await expect(dialLocal(port)).rejects.toThrow('ECONNREFUSED')
    })
    expect(consumer.manager.channelFor(contract)).toBeUndefined()
    // The other side learns of the end by its own contract.
    expect(await routerOf(provider, contract)).toBeDefined()
    await setContractPhase(provider, contract, 'Expired')
    await vi.waitFor(async () => expect(await routerOf(provider, contract)).toBeUndefined())
  })

  it('cuts what is open when the provider ends the contract', async () => {
    const connected = Promise.withResolvers<void>()
    const port = await expose(() => connected.resolve())
    const socket = await dialLocal(port)
    await connected.promise
    await setContractPhase(provider, contract, 'Closed')
    await closed(socket)
    expect(socket.failure?.code).toBe('ECONNRESET')
  })

  it('answers requests through the channel, and hands refusals over as problems', async () => {
    const channel = consumer.manager.channelFor(contract)!
    const signal = AbortSignal.timeout(10_000)
    const { status, body } = await channel.request({
      method: 'GET',
      path: `/api/v2/contracts/${contract}/ping`,
      signal,
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ contractID: contract })
    await expect(
      channel.request({ method: 'GET', path: '/api/v2/contracts/none/ping', signal }),
    ).rejects.toMatchObject({ name: 'Problem', code: 'contract-not-found', status: 404 })
    await expect(channel.request({ method: 'GET', path: '/nothing', signal })).rejects.toMatchObject({
      name: 'Problem',
      code: 'route-not-found',
    })
  })
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Waits until a value has stopped to change. */
async function stable(value: () => number): Promise<void> {
  let last = -1
  let same = 0
  await vi.waitFor(
    () => {
      same = value() === last && last > 0 ? same + 1 : 0
      last = value()
      if (same < 10) throw new Error('still changing')
    },
    { timeout: 30_000, interval: 50 },
  )
}
