import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { Duplex, Transform } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Transport } from '../rear/transport/index.ts'
import { StreamRefused } from '../rear/transport/index.ts'
import type { Path } from './index.ts'
import { relayPath } from './stream-paths.ts'
import {
  closed,
  createTestWorld,
  dialLocal,
  exposedPort,
  putContract,
  putPod,
  readAll,
  routerOf,
  setContractPhase,
  type TestNode,
  type TestWorld,
  type Wire,
  workload,
} from '../../test/support/network-nodes.ts'

/** Of the consumer with its supernode, of the two supernodes, of the provider's supernode with the provider. */
const [N_CS, CS_PS, PS_P] = ['contract-n-cs', 'contract-cs-ps', 'contract-ps-p'] as const

describe.each<Wire>(['simulated', 'tls'])('a way through two relays over the %s network', (wire) => {
  let world: TestWorld
  let n: TestNode
  let cs: TestNode
  let ps: TestNode
  let p: TestNode
  /** What passed the first relay, in both directions. */
  let seen: Buffer[]
  /** Changes what passes the first relay on its way to the consumer. */
  let tamper: ((chunk: Buffer) => Buffer) | undefined
  const paths = new Map<string, Path>()
  const closers: (() => Promise<void>)[] = []

  beforeEach(async () => {
    world = createTestWorld({ wire })
    seen = []
    tamper = undefined
    const limits = { probeIntervalMs: 100 }
    p = await world.node('p')
    ps = await world.node('ps', { pathOf: ({ metadata }) => paths.get(`ps ${metadata.name}`) })
    cs = await world.node('cs', {
      pathOf: ({ metadata }) => paths.get(`cs ${metadata.name}`),
      wrap: (transport) => tapped(transport, seen, (chunk) => tamper?.(chunk) ?? chunk),
    })
    n = await world.node('n', { pathOf: ({ metadata }) => paths.get(`n ${metadata.name}`), limits })
  })

  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
    paths.clear()
    await world.stop()
  })

  /**
   * Three contracts back to back.
   * @param provider whom N expects at the end
   * @param user whom the last contract names as the one who may use the slice, if not the buyer
   */
  async function join(
    provider: Pick<TestNode, 'id' | 'address'> = p,
    user?: Pick<TestNode, 'id'>,
  ): Promise<void> {
    const hop = ({ id, address }: Pick<TestNode, 'id' | 'address'>) => ({ nodeID: id as string, address })
    paths.set(`n ${N_CS}`, { type: 'through', peer: hop(provider), relays: [hop(cs)] })
    paths.set(`cs ${N_CS}`, { type: 'relay', next: { ...hop(ps), contractID: CS_PS } })
    paths.set(`cs ${CS_PS}`, { type: 'none' })
    paths.set(`ps ${CS_PS}`, { type: 'relay', next: { ...hop(p), contractID: PS_P } })
    paths.set(`ps ${PS_P}`, { type: 'none' })
    for (const [name, buyer, seller] of [
      [N_CS, n, cs],
      [CS_PS, cs, ps],
      [PS_P, ps, p],
    ] as const) {
      for (const at of [buyer, seller]) await putContract(at, name, { buyer, seller })
    }
    if (user) p.sold.set(PS_P, user.id)
    n.virtualNodes.set(`virtual-${N_CS}`, N_CS)
    await vi.waitFor(
      async () => {
        for (const [node, name] of [
          [n, N_CS],
          [cs, N_CS],
          [ps, CS_PS],
          [p, PS_P],
        ] as const) {
          expect(await routerOf(node, name)).toBeDefined()
          expect(node.manager.channelFor(name)).toBeDefined()
        }
        // What was tried before all hops were there is over.
        const works = provider === p && (user === undefined || user === n)
        expect((await routerOf(n, N_CS))!.status?.phase).toBe(works ? 'Ready' : 'Unreachable')
      },
      { timeout: 10_000 },
    )
  }

  async function expose(onConnection: Parameters<typeof workload>[0]): Promise<number> {
    const server = await workload(onConnection)
    closers.push(server.close)
    p.endpoints.set(`${PS_P}/default/web/80`, server.port)
    await putPod(n, 'web', { contract: N_CS, ports: [{ containerPort: 80 }] })
    return exposedPort(n, N_CS, 'web', 80)
  }

  it('carries 20 MB each way unchanged, with half-closes, and the relays see ciphertext only', async () => {
    await join()
    const port = await expose((socket) => {
      void readAll(socket).then((question) => socket.end(question))
    })
    const marker = Buffer.from('a secret that must not be seen on the way')
    const sent = randomFillSync(Buffer.alloc(20 << 20))
    for (let at = 0; at < sent.length; at += 1 << 20) marker.copy(sent, at)
    const socket = await dialLocal(port)
    socket.end(sent)
    const received = await readAll(socket)
    expect(digest(received)).toBe(digest(sent))
    const passed = Buffer.concat(seen)
    expect(passed.length).toBeGreaterThan(2 * sent.length)
    expect(passed.includes(marker)).toBe(false)
    // Nor what it is about: the path names the pod.
    expect(passed.includes('/ports/80')).toBe(false)
  })

  it('carries 200 connections at once', async () => {
    await join()
    const port = await expose((socket) => void socket.pipe(socket))
    const sockets = await Promise.all(Array.from({ length: 200 }, () => dialLocal(port)))
    for (const [index, socket] of sockets.entries()) socket.write(`hello ${index}`)
    await Promise.all(
      sockets.map(async (socket, index) => {
        const [first] = (await once(socket, 'data')) as [Buffer]
        expect(first.toString()).toBe(`hello ${index}`)
        socket.end()
      }),
    )
    await Promise.all(sockets.map((socket) => closed(socket)))
  })

  it('does not come to a standstill when both ends flood each other on many connections', async () => {
    await join()
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

  it('does not let one slow reader hold up the others, nor the writer fill the memory', async () => {
    await join()
    let written = 0
    const chunk = Buffer.alloc(64 << 10)
    const port = await expose((socket) => {
      socket.once('data', (first: Buffer) => {
        if (first.toString() === 'echo') return void socket.end('echo')
        const more = (): void => {
          while (socket.write(chunk)) written += chunk.length
          written += chunk.length
          if (written < 1 << 30) socket.once('drain', more)
        }
        more()
      })
    })
    const slow = await dialLocal(port)
    slow.write('flood')
    let last = -1
    let same = 0
    await vi.waitFor(
      () => {
        same = written === last && last > 0 ? same + 1 : 0
        last = written
        if (same < 10) throw new Error('still changing')
      },
      { timeout: 30_000, interval: 50 },
    )
    expect(written).toBeLessThan(64 << 20)
    const quick = await dialLocal(port)
    quick.end('echo')
    expect((await readAll(quick)).toString()).toBe('echo')
    slow.destroy()
  })

  it('hands on a reset as a reset', async () => {
    await join()
    const port = await expose((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const socket = await dialLocal(port)
    socket.write('x')
    await closed(socket)
    expect(socket.failure?.code).toBe('ECONNRESET')
  })

  it('answers requests: the contract has the name that the provider knows it by', async () => {
    await join()
    const { body } = await n.manager.channelFor(N_CS)!.request({
      method: 'GET',
      path: `/api/v2/contracts/${N_CS}/ping`,
      signal: AbortSignal.timeout(10_000),
    })
    expect(body).toMatchObject({ contractID: PS_P })
  })

  it('breaks the connection when a relay changes a byte; what was received until then is right', async () => {
    await join()
    const sent = randomFillSync(Buffer.alloc(8 << 20))
    const port = await expose((socket) => {
      socket.resume()
      socket.write(sent.subarray(0, 4 << 20))
      socket.once('data', () => socket.end(sent.subarray(4 << 20)))
    })
    const socket = await dialLocal(port)
    const received: Buffer[] = []
    let size = 0
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk)
        size += chunk.length
        if (size >= 4 << 20) resolve()
      })
    })
    let altered = 0
    tamper = (chunk) => {
      if (chunk.length < 1_000) return chunk
      altered++
      const changed = Buffer.from(chunk)
      changed[500]! ^= 1
      return changed
    }
    socket.write('go on')
    await closed(socket)
    expect(altered).toBeGreaterThan(0)
    expect(socket.failure?.code).toBe('ECONNRESET')
    const got = Buffer.concat(received)
    expect(got.length).toBeLessThan(sent.length)
    expect(got.equals(sent.subarray(0, got.length))).toBe(true)
    // The next connection makes a new session, and works again.
    tamper = undefined
    const again = await dialLocal(port)
    const [first] = (await once(again, 'data')) as [Buffer]
    expect(first.equals(sent.subarray(0, first.length))).toBe(true)
    again.destroy()
  })

  it('refuses another node in the place of the provider, before anything is sent to it', async () => {
    const other = await world.node('other')
    await join({ id: other.id, address: other.address })
    const channel = n.manager.channelFor(N_CS)!
    const signal = AbortSignal.timeout(10_000)
    const path = `/api/v2/contracts/${N_CS}/ping`
    await expect(channel.request({ method: 'GET', path, signal })).rejects.toMatchObject({
      name: 'TransportError',
      code: 'wrong-peer',
    })
    await expect(channel.openStream(path, signal)).rejects.toMatchObject({ code: 'wrong-peer' })
  })

  it('lets nobody but the parties use the way', async () => {
    await join()
    const stranger = await world.node('stranger')
    const attempt = (to: TestNode, contractID: string) =>
      stranger.transport
        .openStream(
          { address: to.address, id: to.id },
          { path: relayPath(contractID), signal: AbortSignal.timeout(10_000) },
        )
        .then(
          (stream: Duplex) => void stream.destroy(),
          (error: unknown) => (error instanceof StreamRefused ? error.status : error),
        )
    expect(await attempt(cs, N_CS)).toBe(403)
    expect(await attempt(ps, CS_PS)).toBe(403)
    expect(await attempt(p, PS_P)).toBe(403)
    expect(await attempt(cs, 'none')).toBe(404)
  })

  it('lets the named user in, when the contract names one, as itself', async () => {
    await join(p, n)
    const port = await expose((socket) => void socket.pipe(socket))
    const socket = await dialLocal(port)
    socket.end('hello')
    expect((await readAll(socket)).toString()).toBe('hello')
  })

  it('lets nobody else in, when the contract names a user', async () => {
    await join(p, await world.node('someone-else'))
    const ping = n.manager.channelFor(N_CS)!.request({
      method: 'GET',
      path: `/api/v2/contracts/${N_CS}/ping`,
      signal: AbortSignal.timeout(10_000),
    })
    await expect(ping).rejects.toMatchObject({ name: 'TransportError' })
  })

  it('says that the way works, and says so when a relay behind the first one is gone', async () => {
    await join()
    await vi.waitFor(async () => {
      const { status } = (await routerOf(n, N_CS))!
      expect(status).toMatchObject({ phase: 'Ready', conditions: [{ type: 'Reachable', status: 'True' }] })
      expect(status!.roundTripMs).toBeGreaterThan(0)
    })
    await ps.stop()
    await vi.waitFor(
      async () => {
        expect((await routerOf(n, N_CS))!.status).toMatchObject({ phase: 'Unreachable' })
        expect((await routerOf(cs, N_CS))!.status).toMatchObject({ phase: 'Unreachable' })
      },
      { timeout: 20_000 },
    )
  })

  it('cuts what passes when the contract of one hop ends', async () => {
    await join()
    const port = await expose((socket) => void socket.pipe(socket))
    const socket = await dialLocal(port)
    socket.write('x')
    await once(socket, 'data')
    await setContractPhase(ps, CS_PS, 'Closed')
    await closed(socket)
    expect(socket.failure?.code).toBe('ECONNRESET')
  })
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A transport whose outgoing streams can be looked into and changed. */
function tapped(transport: Transport, seen: Buffer[], change: (chunk: Buffer) => Buffer): Transport {
  const through = (what: (chunk: Buffer) => Buffer): Transform =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const changed = what(chunk)
        seen.push(changed)
        done(null, changed)
      },
    })
  return {
    ...transport,
    async openStream(target, options) {
      const stream = await transport.openStream(target, options)
      const out = through((chunk) => chunk)
      const back = through(change)
      stream.on('error', (error) => back.destroy(error))
      stream.on('close', () => {
        if (!stream.readableEnded) back.destroy(new Error('cut'))
      })
      out.on('error', (error) => stream.destroy(error))
      out.pipe(stream).pipe(back)
      return Duplex.from({ writable: out, readable: back })
    },
  }
}
