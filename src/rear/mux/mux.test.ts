import fc from 'fast-check'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { realSystem } from '../../kernel/system.ts'
import { encodeHeader, FRAME, FrameReader, type FrameType, MAX_PAYLOAD_BYTES } from './frame.ts'
import { type AcceptStream, Mux, type MuxOptions } from './mux.ts'
import { type MuxStream, StreamNotTaken } from './mux-stream.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Two ends of a TCP connection. */
async function sockets(): Promise<[Duplex, Duplex]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Duplex],
    unknown,
  ]
  closers.push(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return [client, accepted]
}

interface Ends {
  readonly client: Mux
  readonly server: Mux
  readonly closed: { client: boolean; server: boolean }
}

function join(
  [near, far]: [Duplex, Duplex],
  onOpen: (head: unknown, accept: AcceptStream) => void,
  { server: forServer, ...options }: Partial<MuxOptions> & { server?: Partial<MuxOptions> } = {},
): Ends {
  const closed = { client: false, server: false }
  const common = {
    clock: realSystem.clock,
    maxStreams: 1_000,
    pingIntervalMs: 15_000,
    idleTimeoutMs: 30_000,
    ...options,
  }
  const client = new Mux(near, { ...common, peer: 'server', onClose: () => (closed.client = true) })
  const server = new Mux(far, {
    ...common,
    ...forServer,
    peer: 'client',
    onOpen,
    onClose: () => (closed.server = true),
  })
  closers.push(() => {
    client.close()
    server.close()
  })
  return { client, server, closed }
}

const echo = (_head: unknown, accept: AcceptStream): void => {
  const { stream, answer } = accept()
  answer('ok')
  stream.pipe(stream)
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('the multiplexer', () => {
  it('does not come to a standstill when both ends flood each other on many streams', async () => {
    const { client } = join(await sockets(), echo)
    const bytes = 2 << 20
    const results = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const stream = client.open({ index }, () => undefined)
        stream.end(Buffer.alloc(bytes, index))
        const received = await readAll(stream)
        return received.equals(Buffer.alloc(bytes, index))
      }),
    )
    expect(results.every(Boolean)).toBe(true)
  })

  it('hands over the head, the answer, and the end of each direction by itself', async () => {
    const heads: unknown[] = []
    const { client } = join(duplexPair() as [Duplex, Duplex], (head, accept) => {
      heads.push(head)
      const { stream, answer } = accept()
      void readAll(stream).then((question) => {
        answer({ heard: question.toString() })
        stream.end('answer')
      })
    })
    const onHead = vi.fn()
    const stream = client.open({ path: '/x' }, onHead)
    stream.end('question')
    expect((await readAll(stream)).toString()).toBe('answer')
    expect(heads).toEqual([{ path: '/x' }])
    expect(onHead.mock.calls).toEqual([[{ heard: 'question' }]])
  })

  it('holds no more than the window of a stream that nobody reads, and lets the others pass', async () => {
    const unread: MuxStream[] = []
    const { client } = join(await sockets(), (head, accept) => {
      if (head === 'echo') return echo(head, accept)
      unread.push(accept().stream)
    })
    const stuck = client.open('stuck', () => undefined)
    stuck.write(Buffer.alloc(8 << 20))
    const passing = client.open('echo', () => undefined)
    passing.end('through')
    expect((await readAll(passing)).toString()).toBe('through')
    expect(unread[0]!.readableLength).toBeGreaterThan(0)
    expect(unread[0]!.readableLength).toBeLessThanOrEqual(1 << 20)
    expect(stuck.writableLength).toBeGreaterThan(0)
  })

  it('takes a connection that ends for a failure of every stream that has not ended', async () => {
    const [near, far] = duplexPair() as [Duplex, Duplex]
    const { client, closed } = join([near, far], (_head, accept) => void accept().stream.write('half'))
    const stream = client.open('x', () => undefined)
    await once(stream, 'data')
    far.end()
    await expect(readAll(stream)).rejects.toMatchObject({ name: 'TransportError', code: 'unreachable' })
    expect(closed.client).toBe(true)
    expect(client.usable).toBe(false)
    expect(() => client.open('y', () => undefined)).toThrow('over')
  })

  it('tells the other end of a reset, on this stream only', async () => {
    const opened: MuxStream[] = []
    const { client } = join(
      duplexPair() as [Duplex, Duplex],
      (_head, accept) => void opened.push(accept().stream),
    )
    const first = client.open('1', () => undefined)
    const second = client.open('2', () => undefined)
    await vi.waitFor(() => expect(opened).toHaveLength(2))
    first.destroy()
    await vi.waitFor(() => expect(opened[0]!.closed).toBe(true))
    expect(opened[0]!.errored).toMatchObject({ name: 'TransportError', code: 'aborted' })
    opened[1]!.end('fine')
    second.end()
    expect((await readAll(second)).toString()).toBe('fine')
  })

  it('refuses streams above the limit, does not open more than that again, and goes on with those it has', async () => {
    const heads: unknown[] = []
    const { client } = join(
      duplexPair() as [Duplex, Duplex],
      (head, accept) => {
        heads.push(head)
        echo(head, accept)
      },
      { server: { maxStreams: 1 } },
    )
    const first = client.open('1', () => undefined)
    const second = client.open('2', () => undefined)
    await vi.waitFor(() => expect(second.closed).toBe(true))
    expect(second.errored).toBeInstanceOf(StreamNotTaken)
    expect(client.usable).toBe(false)
    expect(() => client.open('3', () => undefined)).toThrow(StreamNotTaken)
    first.end('1')
    expect((await readAll(first)).toString()).toBe('1')
    await vi.waitFor(() => expect(client.usable).toBe(true))
    const next = client.open('4', () => undefined)
    next.end('4')
    expect((await readAll(next)).toString()).toBe('4')
    expect(heads).toEqual(['1', '4'])
  })

  it('ends when asked to after the streams that are open, and takes no new ones', async () => {
    const { client, server, closed } = join(duplexPair() as [Duplex, Duplex], echo)
    const running = client.open('running', () => undefined)
    running.write('before')
    await once(running, 'data')
    server.end()
    const late = client.open('late', () => undefined)
    await vi.waitFor(() => expect(late.errored).toBeInstanceOf(StreamNotTaken))
    running.end('after')
    expect((await readAll(running)).toString()).toBe('after')
    await vi.waitFor(() => expect(closed).toEqual({ client: true, server: true }))
  })

  it('opens nothing with a head that is too long, and resets a stream whose answer is', async () => {
    const long = 'x'.repeat(MAX_PAYLOAD_BYTES)
    const { client } = join(duplexPair() as [Duplex, Duplex], (_head, accept) => accept().answer(long))
    expect(() => client.open(long, () => undefined)).toThrow('too long')
    const stream = client.open('x', () => undefined)
    await vi.waitFor(() => expect(stream.errored).toMatchObject({ code: 'aborted' }))
    expect(client.usable).toBe(true)
  })

  it('ends a session whose other end is silent, and one that is not used', async () => {
    const simulation = createSimulatedSystem(1)
    const { clock } = simulation.system
    // Nobody answers at the far end.
    const [near] = duplexPair()
    const onClose = vi.fn()
    const lonely = new Mux(near as Duplex, {
      clock,
      peer: 'nobody',
      maxStreams: 10,
      pingIntervalMs: 15_000,
      idleTimeoutMs: 30_000,
      onClose,
    })
    const stream = lonely.open('x', () => undefined)
    await simulation.advance(46_000)
    expect(onClose).toHaveBeenCalledTimes(1)
    expect(stream.errored).toMatchObject({ code: 'unreachable' })

    const idle = join(duplexPair() as [Duplex, Duplex], echo, { clock })
    await simulation.advance(29_000)
    expect(idle.closed).toEqual({ client: false, server: false })
    const used = idle.client.open('x', () => undefined)
    used.resume()
    await simulation.advance(120_000)
    // An open stream keeps it, however quiet: both ends answer pings.
    expect(idle.closed).toEqual({ client: false, server: false })
    used.end()
    await simulation.advance(31_000)
    expect(idle.closed).toEqual({ client: true, server: true })

    // A client that connects and says nothing does not cost a connection for ever.
    const [, far] = duplexPair()
    const onIdle = vi.fn()
    new Mux(far as Duplex, {
      clock,
      peer: 'nobody',
      maxStreams: 10,
      pingIntervalMs: 15_000,
      idleTimeoutMs: 30_000,
      onOpen: echo,
      onClose: onIdle,
    })
    await simulation.advance(31_000)
    expect(onIdle).toHaveBeenCalledTimes(1)
  })

  describe('ends the session of a peer that violated the stream protocol:', () => {
    const frame = (type: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer =>
      Buffer.concat([encodeHeader(type as FrameType, stream, payload.length), payload])
    const open = frame(FRAME.open, 1, Buffer.from('"x"'))

    it.each<[string, Buffer[]]>([
      ['a frame of no type', [frame(99, 1)]],
      ['a frame that is too long', [encodeHeader(FRAME.data, 1, MAX_PAYLOAD_BYTES + 1)]],
      ['data of a stream that was never opened', [frame(FRAME.data, 7, Buffer.from('x'))]],
      ['a head that is no JSON', [frame(FRAME.open, 1, Buffer.from('{'))]],
      ['a stream opened twice', [open, open]],
      ['data after the end', [open, frame(FRAME.end, 1), frame(FRAME.data, 1, Buffer.from('x'))]],
      ['two ends', [open, frame(FRAME.end, 1), frame(FRAME.end, 1)]],
      ['an answer to what was not asked', [open, frame(FRAME.head, 1, Buffer.from('1'))]],
      ['a refusal of what it opened itself', [open, frame(FRAME.refuse, 1)]],
      ['credit that was not used', [open, frame(FRAME.credit, 1, Buffer.from([255, 255, 255, 255]))]],
      [
        'more data than there is room for',
        [open, ...Array.from({ length: 20 }, () => frame(FRAME.data, 1, Buffer.alloc(64 << 10)))],
      ],
    ])('%s', async (_what, frames) => {
      const [near, far] = duplexPair() as [Duplex, Duplex]
      const onClose = vi.fn()
      const opened: MuxStream[] = []
      new Mux(far, {
        clock: realSystem.clock,
        peer: 'villain',
        maxStreams: 10,
        pingIntervalMs: 15_000,
        idleTimeoutMs: 30_000,
        onOpen: (_head, accept) => void opened.push(accept().stream),
        onClose,
      })
      near.on('error', () => undefined)
      near.resume()
      near.write(Buffer.concat(frames))
      await vi.waitFor(() => expect(onClose).toHaveBeenCalledTimes(1))
      expect(onClose.mock.calls[0]![0]).toMatchObject({ name: 'TransportError', code: 'protocol' })
      expect(far.destroyed).toBe(true)
      for (const stream of opened)
        expect(stream.destroyed || stream.readableEnded || stream.closed).toBe(true)
    })
  })
})

/** Frames that are nearly right, which get further than noise. */
const anyFrame = fc
  .record({
    type: fc.integer({ min: 0, max: 10 }),
    stream: fc.integer({ min: 0, max: 4 }),
    payload: fc.oneof(
      fc.json().map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(Buffer.from([0, 0, 0, 1]), Buffer.alloc(MAX_PAYLOAD_BYTES)),
    ),
    /** What the header says is longer or shorter by so much. */
    lie: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -5, max: 5 })),
  })
  .map(({ type, stream, payload, lie }) =>
    Buffer.concat([encodeHeader(type as FrameType, stream, Math.max(0, payload.length + lie)), payload]),
  )

describe('any bytes at all', () => {
  it.each(['the side that opens streams', 'the side that takes them'])(
    'make %s end the session at worst: nothing is thrown, and no stream is left behind',
    async (side) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(anyFrame, fc.uint8Array().map(Buffer.from)), { maxLength: 30 }),
          fc.infiniteStream(fc.integer({ min: 1, max: 40_000 })),
          async (pieces, cuts) => {
            const [near, far] = duplexPair() as [Duplex, Duplex]
            near.on('error', () => undefined)
            near.resume()
            const streams: MuxStream[] = []
            const closed = Promise.withResolvers<void>()
            const mux = new Mux(far, {
              clock: realSystem.clock,
              peer: 'villain',
              maxStreams: 3,
              pingIntervalMs: 15_000,
              idleTimeoutMs: 30_000,
              onClose: () => closed.resolve(),
              ...(side === 'the side that takes them' && {
                onOpen: (head, accept) => {
                  const { stream, answer } = accept(() => answer(head))
                  streams.push(stream)
                  stream.pipe(stream)
                },
              }),
            })
            if (side === 'the side that opens streams') {
              for (const name of ['a', 'b']) {
                const stream = mux.open(name, () => undefined)
                stream.write('x')
                stream.resume()
                streams.push(stream)
              }
            }
            const bytes = Buffer.concat(pieces)
            for (let at = 0; at < bytes.length && !near.destroyed;) {
              const size = cuts.next().value as number
              near.write(bytes.subarray(at, at + size))
              at += size
            }
            near.end()
            await closed.promise
            await vi.waitFor(() => expect(streams.filter(({ closed }) => !closed)).toEqual([]))
          },
        ),
        { numRuns: 200 },
      )
    },
  )
})

describe('frames', () => {
  it('are the same, however the bytes are cut', () => {
    const frames = fc.array(
      fc.record({
        type: fc.integer({ min: 1, max: 9 }),
        stream: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        payload: fc.uint8Array({ maxLength: 100 }),
      }),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
        const bytes = Buffer.concat(
          sent.flatMap(({ type, stream, payload }) => [
            encodeHeader(type as FrameType, stream, payload.length),
            Buffer.from(payload),
          ]),
        )
        const reader = new FrameReader()
        const received = []
        for (let at = 0; at < bytes.length;) {
          const size = cuts.next().value as number
          received.push(...reader.read(bytes.subarray(at, at + size)))
          at += size
        }
        expect(joined(received)).toEqual(joined(sent))
      }),
    )
  })
})

/** `data` that comes in pieces is the same as in one. */
function joined(
  frames: readonly { readonly type: number; readonly stream: number; readonly payload: Uint8Array }[],
): unknown[] {
  const all: { type: number; stream: number; payload: number[] }[] = []
  for (const { type, stream, payload } of frames) {
    const last = all.at(-1)
    if (type === FRAME.data && last?.type === type && last.stream === stream) last.payload.push(...payload)
    else all.push({ type, stream, payload: [...payload] })
  }
  return all
}
