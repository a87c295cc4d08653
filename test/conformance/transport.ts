/**
 * What every Transport must do. Called from the tests of each implementation.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realSystem, sleep } from '../../src/kernel/system.ts'
import type { Identity } from '../../src/privacy-and-security-manager/index.ts'
import {
  StreamRefused,
  type IncomingStream,
  type Listener,
  type RearHandler,
  type StreamHandler,
  type Transport,
  type TransportErrorCode,
} from '../../src/rear/transport/index.ts'
import { testIdentity } from '../support/identities.ts'
import { randomFrom } from '../support/simulated-system.ts'

/** A network to test transports on. */
export interface NetworkUnderTest {
  /** @returns a transport of the node, one per identity. */
  transport(identity: Identity): Transport
  close?(): Promise<void>
}

const never = new AbortController().signal
const MEGABYTE = 1 << 20

const echo: RearHandler = (request) =>
  Promise.resolve({
    status: 200,
    headers: { 'content-type': 'application/json', 'x-method': request.method },
    body: JSON.stringify({
      path: request.path,
      peer: request.peer?.id,
      header: request.headers['x-test'],
      body: request.body?.toString(),
    }),
  })

const refuseStreams: StreamHandler = () => {
  throw new StreamRefused(404, 'no streams here')
}

function failsWith(code: TransportErrorCode): object {
  return expect.objectContaining({ name: 'TransportError', code }) as object
}

export function transportConformance(name: string, makeNetwork: () => Promise<NetworkUnderTest>): void {
  describe(`transport: ${name}`, () => {
    const alice = testIdentity('alice')
    const bob = testIdentity('bob')
    let network: NetworkUnderTest
    let client: Transport
    let server: Transport
    const opened: Transport[] = []

    const start = (identity: Identity): Transport => {
      const transport = network.transport(identity)
      opened.push(transport)
      return transport
    }
    const listen = (parts: { handler?: RearHandler; onStream?: StreamHandler } = {}): Promise<Listener> =>
      server.listen({
        host: '127.0.0.1',
        port: 0,
        handler: parts.handler ?? echo,
        onStream: parts.onStream ?? refuseStreams,
      })
    const get = (address: string, path = '/'): ReturnType<Transport['request']> =>
      client.request({ address, id: bob.id }, { method: 'GET', path, signal: never })

    beforeEach(async () => {
      network = await makeNetwork()
      client = start(alice)
      server = start(bob)
    })
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((transport) => transport.close()))
      await network.close?.()
    })

    describe('requests', () => {
      it('carries method, path with query, headers and body there, and status, headers and body back', async () => {
        const { address } = await listen()
        const response = await client.request(
          { address, id: bob.id },
          {
            method: 'POST',
            path: '/a/b?c=d%20e',
            headers: { 'X-Test': 'yes' },
            body: 'hällo',
            signal: never,
          },
        )
        expect(response.status).toBe(200)
        expect(response.headers).toMatchObject({ 'content-type': 'application/json', 'x-method': 'POST' })
        expect(JSON.parse(response.body.toString())).toEqual({
          path: '/a/b?c=d%20e',
          peer: alice.id,
          header: 'yes',
          body: 'hällo',
        })
      })

      it('tells each side who the other is', async () => {
        const { address } = await listen()
        const response = await client.request({ address }, { method: 'GET', path: '/', signal: never })
        expect(response.peer).toBe(bob.id)
        expect(JSON.parse(response.body.toString())).toMatchObject({ peer: alice.id })
      })

      it('hands on every status as a response, and one without a body', async () => {
        const { address } = await listen({
          handler: ({ path }) =>
            Promise.resolve({ status: Number(path.slice(1)), headers: {}, body: undefined }),
        })
        for (const status of [204, 404, 409, 503]) {
          const response = await get(address, `/${status}`)
          expect([response.status, response.body.length]).toEqual([status, 0])
        }
      })

      it('gives no body to the handler when none was sent', async () => {
        const { address } = await listen()
        expect(JSON.parse((await get(address)).body.toString())).not.toHaveProperty('body')
      })

      it('sends nothing to somebody else than the expected peer', async () => {
        const handler = vi.fn(echo)
        const { address } = await listen({ handler })
        const target = { address, id: testIdentity('carol').id }
        await expect(
          client.request(target, { method: 'POST', path: '/', body: 'secret', signal: never }),
        ).rejects.toEqual(failsWith('wrong-peer'))
        expect(handler).not.toHaveBeenCalled()
      })

      it('says unreachable when nobody listens', async () => {
        const listener = await listen()
        await listener.close()
        await expect(get(listener.address)).rejects.toEqual(failsWith('unreachable'))
      })

      it('answers many requests at once, each with its own answer', async () => {
        const { address } = await listen()
        const paths = Array.from({ length: 500 }, (_, index) => `/${index}`)
        const answers = await Promise.all(paths.map((path) => get(address, path)))
        expect(answers.map(({ body }) => (JSON.parse(body.toString()) as { path: string }).path)).toEqual(
          paths,
        )
      })

      it('answers a body beyond the limit with 413, and goes on serving', async () => {
        const handler = vi.fn(echo)
        const { address } = await listen({ handler })
        const response = await client.request(
          { address, id: bob.id },
          { method: 'POST', path: '/', body: Buffer.alloc(MEGABYTE + 1), signal: never },
        )
        expect(response.status).toBe(413)
        expect(response.headers['content-type']).toBe('application/problem+json')
        expect(handler).not.toHaveBeenCalled()
        expect((await get(address)).status).toBe(200)
      })

      it('takes a body of exactly the limit', async () => {
        let size: number | undefined
        const { address } = await listen({
          handler: (request) => {
            size = request.body?.length
            return Promise.resolve({ status: 200, headers: {}, body: undefined })
          },
        })
        const body = Buffer.alloc(MEGABYTE)
        await client.request({ address }, { method: 'POST', path: '/', body, signal: never })
        expect(size).toBe(MEGABYTE)
      })

      it('answers a failing handler with a bare 500, and goes on serving', async () => {
        const { address } = await listen({
          handler: (request) =>
            request.path === '/bad' ? Promise.reject(new Error('secret')) : echo(request),
        })
        const response = await get(address, '/bad')
        expect(response.status).toBe(500)
        expect(response.body.toString()).not.toContain('secret')
        expect((await get(address)).status).toBe(200)
      })

      it('stops waiting when the signal says so, and the handler learns that nobody waits', async () => {
        const aborted = Promise.withResolvers<void>()
        const called = Promise.withResolvers<void>()
        const { address } = await listen({
          handler: ({ signal }) =>
            new Promise(() => {
              signal.addEventListener('abort', () => aborted.resolve())
              called.resolve()
            }),
        })
        const abort = new AbortController()
        const request = client.request({ address }, { method: 'GET', path: '/', signal: abort.signal })
        await called.promise
        abort.abort()
        await expect(request).rejects.toEqual(failsWith('aborted'))
        await aborted.promise
      })

      it('calls it a timeout when the signal ended by one', async () => {
        const { address } = await listen({ handler: () => new Promise(() => undefined) })
        const abort = new AbortController()
        const request = client.request({ address }, { method: 'GET', path: '/', signal: abort.signal })
        abort.abort(new DOMException('no answer within 1 ms', 'TimeoutError'))
        await expect(request).rejects.toEqual(failsWith('timeout'))
      })

      it('refuses at once with a signal that has ended already', async () => {
        const handler = vi.fn(echo)
        const { address } = await listen({ handler })
        const request = client.request({ address }, { method: 'GET', path: '/', signal: AbortSignal.abort() })
        await expect(request).rejects.toEqual(failsWith('aborted'))
        expect(handler).not.toHaveBeenCalled()
      })

      it('reaches a listener that was closed and came back', async () => {
        const first = await listen()
        expect((await get(first.address)).status).toBe(200)
        await first.close()
        const port = Number(first.address.split(':').at(-1))
        const again = await server.listen({ host: '127.0.0.1', port, handler: echo, onStream: refuseStreams })
        expect(again.address).toBe(first.address)
        expect((await get(first.address)).status).toBe(200)
      })
    })

    describe('streams', () => {
      const open = (address: string, path = '/stream'): Promise<Duplex> =>
        client.openStream({ address, id: bob.id }, { path, headers: { 'X-Test': 'yes' }, signal: never })

      it('tells the handler path, headers and peer, and carries bytes both ways', async () => {
        const incoming = Promise.withResolvers<IncomingStream>()
        const { address } = await listen({
          onStream: (stream) => {
            incoming.resolve(stream)
            stream.duplex.pipe(stream.duplex)
          },
        })
        const duplex = await open(address, '/api/streams/1?x=y')
        duplex.end('there and back')
        expect(await text(duplex)).toBe('there and back')
        const { path, headers, peer } = await incoming.promise
        expect(path).toBe('/api/streams/1?x=y')
        expect(headers['x-test']).toBe('yes')
        expect(peer.id).toBe(alice.id)
      })

      it('closes each direction by itself', async () => {
        const { address } = await listen({
          onStream: ({ duplex }) => {
            void text(duplex).then((asked) => duplex.end(`answer to ${asked}`))
          },
        })
        const duplex = await open(address)
        duplex.end('question')
        await once(duplex, 'finish')
        expect(await text(duplex)).toBe('answer to question')
      })

      it('goes on in one direction after the other one has ended', async () => {
        const received = Promise.withResolvers<string>()
        const { address } = await listen({
          onStream: ({ duplex }) => {
            duplex.end('first')
            text(duplex).then(received.resolve, received.reject)
          },
        })
        const duplex = await open(address)
        expect(await text(duplex)).toBe('first')
        duplex.end('then me')
        expect(await received.promise).toBe('then me')
      })

      it('refuses with the status and message of the handler', async () => {
        const { address } = await listen({
          onStream: async () => {
            await Promise.resolve()
            throw new StreamRefused(403, 'not for you')
          },
        })
        await expect(open(address)).rejects.toMatchObject({
          name: 'StreamRefused',
          status: 403,
          message: 'not for you',
        })
        expect((await get(address)).status).toBe(200)
      })

      it('is open by the first write of a handler that does not return', async () => {
        const { address } = await listen({
          onStream: async ({ duplex }) => {
            duplex.write('hello')
            await finished(duplex, { readable: false }).catch(() => undefined)
          },
        })
        const duplex = await open(address)
        const [first] = (await once(duplex, 'data')) as [Buffer]
        expect(first.toString()).toBe('hello')
        duplex.destroy()
      })

      it('is open by the first read of a handler that does not return', async () => {
        const { address } = await listen({
          onStream: async ({ duplex }) => {
            duplex.end(await text(duplex))
            await finished(duplex).catch(() => undefined)
          },
        })
        const duplex = await open(address)
        duplex.end('read me')
        expect(await text(duplex)).toBe('read me')
      })

      it('keeps fifty streams apart', async () => {
        const { address } = await listen({
          onStream: ({ duplex, path }) => void answerWithLength(duplex, path),
        })
        const paths = Array.from({ length: 50 }, (_, index) => `/streams/${index}`)
        const answers = await Promise.all(
          paths.map(async (path) => {
            const duplex = await open(address, path)
            duplex.end('x'.repeat(100_000))
            return text(duplex)
          }),
        )
        expect(answers).toEqual(paths.map((path) => `${path} 100000`))
      })

      it('carries 20 MB unaltered in both directions at once', async () => {
        const { address } = await listen({ onStream: ({ duplex }) => void duplex.pipe(duplex) })
        const sent = Buffer.from(randomFrom(1).bytes(20 * MEGABYTE))
        const duplex = await open(address)
        const received = buffer(duplex)
        for (let at = 0; at < sent.length; at += 100_000) {
          if (!duplex.write(sent.subarray(at, at + 100_000))) await once(duplex, 'drain')
        }
        duplex.end()
        expect(digest(await received)).toBe(digest(sent))
      })

      it('does not come to a standstill when both ends flood each other, nor hold in memory what is sent', async () => {
        const { address } = await listen({ onStream: ({ duplex }) => void duplex.pipe(duplex) })
        const [streams, each] = [50, 5 * MEGABYTE]
        const sent = Buffer.from(randomFrom(2).bytes(each + streams))
        let underWay = 0
        let most = 0
        const count = (bytes: number): number => (most = Math.max(most, (underWay += bytes)))
        const echoes = Array.from({ length: streams }, async (_, index) =>
          sendThrough(await open(address), sent.subarray(index, index + each), count),
        )
        await Promise.all(echoes)
        expect(underWay).toBe(0)
        // Both ways, all buffers together.
        expect(most).toBeLessThan((streams * each) / 2)
      }, 180_000)

      it('carries 500 streams of a megabyte at once', async () => {
        const { address } = await listen({ onStream: ({ duplex }) => void duplex.pipe(duplex) })
        const sent = Buffer.from(randomFrom(3).bytes(MEGABYTE + 500))
        const echoes = Array.from({ length: 500 }, async (_, index) =>
          sendThrough(await open(address), sent.subarray(index, index + MEGABYTE)),
        )
        await Promise.all(echoes)
      }, 180_000)

      it('holds up the writer when the reader pauses, and lets it go on when somebody does', async () => {
        const incoming = Promise.withResolvers<Duplex>()
        const { address } = await listen({ onStream: ({ duplex }) => incoming.resolve(duplex) })
        const duplex = await open(address)
        const reader = await incoming.promise
        let read = 0
        reader.on('data', (data: Buffer) => (read += data.length))
        const chunk = Buffer.alloc(64 << 10)
        let written = chunk.length
        duplex.write(chunk)
        await once(reader, 'data')
        reader.pause()
        const total = 64 * MEGABYTE
        const writing = (async () => {
          while (written < total) {
            written += chunk.length
            if (!duplex.write(chunk)) await once(duplex, 'drain')
          }
          duplex.end()
        })()
        // It stands still when twenty requests, which pass meanwhile, see nothing more written.
        for (let still = 0, before = -1; still < 20;) {
          still = written === before ? still + 1 : 0
          before = written
          expect((await get(address)).status).toBe(200)
          await turnOfEventLoop()
        }
        expect(written).toBeLessThan(16 * MEGABYTE)
        reader.resume()
        await once(reader, 'end')
        await writing
        expect(read).toBe(written)
        reader.end()
        await finished(duplex.resume()).catch(() => undefined)
      })

      it.each(['opener', 'other side'])(
        'a reset by the %s reaches the other end as an error, not as an end',
        async (who) => {
          const incoming = Promise.withResolvers<Duplex>()
          const { address } = await listen({ onStream: ({ duplex }) => incoming.resolve(duplex) })
          const near = await open(address)
          const far = await incoming.promise
          const [breaker, victim] = who === 'opener' ? [near, far] : [far, near]
          breaker.write('half of it')
          const outcome = text(victim)
          await once(victim, 'readable')
          breaker.destroy()
          await expect(outcome).rejects.toEqual(failsWith('aborted'))
        },
      )

      it('breaks open streams as unreachable when the other side goes away', async () => {
        const { address } = await listen({ onStream: ({ duplex }) => void duplex.write('up') })
        const duplex = await open(address)
        await once(duplex, 'readable')
        const broken = closed(duplex)
        await server.close()
        await broken
        expect(duplex.errored).toEqual(failsWith('unreachable'))
      })

      it('gives up opening when the signal says so, and the other side learns of it', async () => {
        const incoming = Promise.withResolvers<Duplex>()
        const { address } = await listen({
          onStream: ({ duplex }) => {
            incoming.resolve(duplex)
            return new Promise(() => undefined)
          },
        })
        const abort = new AbortController()
        const opening = client.openStream({ address }, { path: '/', signal: abort.signal })
        const far = await incoming.promise
        const gone = closed(far)
        abort.abort()
        await expect(opening).rejects.toEqual(failsWith('aborted'))
        await gone
      })

      it('does not end an open stream with the signal that opened it', async () => {
        const { address } = await listen({ onStream: ({ duplex }) => void duplex.pipe(duplex) })
        const abort = new AbortController()
        const duplex = await client.openStream({ address }, { path: '/', signal: abort.signal })
        abort.abort()
        duplex.end('still here')
        expect(await text(duplex)).toBe('still here')
      })

      it('opens no stream to somebody else than the expected peer', async () => {
        const onStream = vi.fn()
        const { address } = await listen({ onStream })
        const target = { address, id: testIdentity('carol').id }
        await expect(client.openStream(target, { path: '/', signal: never })).rejects.toEqual(
          failsWith('wrong-peer'),
        )
        expect(onStream).not.toHaveBeenCalled()
      })
    })

    it('close is idempotent, and refuses what comes after', async () => {
      const { address } = await listen()
      await client.close()
      await client.close()
      await expect(get(address)).rejects.toEqual(failsWith('aborted'))
      await expect(client.openStream({ address }, { path: '/', signal: never })).rejects.toEqual(
        failsWith('aborted'),
      )
    })
  })
}

/** What is ready to happen happens; promises alone would not let it. */
function turnOfEventLoop(): Promise<void> {
  return sleep(realSystem.clock, 0)
}

/** Unlike `once`, does not mind an error before. */
function closed(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => duplex.once('close', () => resolve()))
}

/**
 * Sends to an echo as much as it takes, and compares what comes back.
 * @param count told of the bytes that go, and, negative, of those that come
 */
async function sendThrough(duplex: Duplex, sent: Buffer, count?: (bytes: number) => void): Promise<void> {
  const writing = (async () => {
    for (let at = 0; at < sent.length; at += 64 << 10) {
      const chunk = sent.subarray(at, at + (64 << 10))
      count?.(chunk.length)
      if (!duplex.write(chunk)) await once(duplex, 'drain')
    }
    duplex.end()
  })()
  let at = 0
  for await (const chunk of duplex as AsyncIterable<Buffer>) {
    if (!sent.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`not what was sent, at ${at}`)
    at += chunk.length
    count?.(-chunk.length)
  }
  expect(at).toBe(sent.length)
  await writing
}

async function answerWithLength(duplex: Duplex, path: string): Promise<void> {
  const received = await text(duplex)
  duplex.end(`${path} ${received.length}`)
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
