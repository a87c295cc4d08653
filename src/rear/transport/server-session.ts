/**
 * The serving end of a session: see `client-session.ts`.
 */
import type { Duplex } from 'node:stream'
import type { Log } from '../../kernel/log.ts'
import { type Clock, deadline } from '../../kernel/system.ts'
import { type AcceptStream, Mux } from '../mux/mux.ts'
import { bodyBytes } from './body-bytes.ts'
import { LISTENER_PATIENCE_MS, type TransportLimits } from './limits.ts'
import type { PeerResult } from './peer-certificate.ts'
import { problem } from './problem.ts'
import { type Answer, type Opening, readOpening } from './session-protocol.ts'
import { StreamRefused } from './stream-refused.ts'
import { WaitingBytes } from './waiting-bytes.ts'
import type { RearHandler, RearResponse, StreamHandler, TransportPeer } from './transport.ts'

export interface ServerSessionOptions {
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly log: Log
  /** Who is at the other end. Whoever proves nothing gets a 401 for whatever it asks. */
  readonly peer: PeerResult
  readonly handler: RearHandler
  readonly onStream: StreamHandler
  /** Told once, when the session is over. */
  readonly onClose: () => void
}

/** The handling of one stream or request. */
interface Call<Kind extends Opening['kind']> {
  readonly opening: Extract<Opening, { kind: Kind }>
  readonly accept: AcceptStream
  readonly peer: TransportPeer
}

/** @returns the session, already being served */
export function serveSession(socket: Duplex, options: ServerSessionOptions): Mux {
  const { clock, limits } = options
  const found = options.peer
  let running = 0
  const waiting = new WaitingBytes(limits.maxWaitingBytes)
  return new Mux(socket, {
    clock,
    peer: found.peer?.id ?? 'a caller without identity',
    maxStreams: limits.maxStreamsPerConnection,
    pingIntervalMs: limits.pingIntervalMs,
    idleTimeoutMs: limits.idleTimeoutMs + LISTENER_PATIENCE_MS,
    onClose: options.onClose,
    onOpen: (head, accept) => {
      if (!found.peer) return turnDown(accept, 401, `a client certificate is needed: ${found.reason}`)
      const opening = readOpening(head)
      if (!opening) return turnDown(accept, 400, 'neither a request nor a stream')
      // A stream that its opener resets is over at once, what the handler does about it is not.
      if (running >= limits.maxStreamsPerConnection) return turnDown(accept, 429, 'too many at a time')
      running++
      const { peer } = found
      const done =
        opening.kind === 'stream'
          ? serveStream(options, { opening, accept, peer })
          : serveRequest(options, { opening, accept, peer }, waiting)
      void done.finally(() => running--)
    },
  })
}

function turnDown(accept: AcceptStream, status: number, detail: string): void {
  const { stream, answer } = accept()
  answer({ status, headers: {}, detail } satisfies Answer)
  stream.destroy()
}

async function serveStream(
  { onStream, log }: ServerSessionOptions,
  { opening: { path, headers }, accept, peer }: Call<'stream'>,
): Promise<void> {
  let answered = false
  const open = (): void => {
    if (answered) return
    answered = true
    answer({ status: 200, headers: {} } satisfies Answer)
  }
  const { stream, answer } = accept(open)
  try {
    await onStream({ path, headers, peer, duplex: stream })
    open()
  } catch (error) {
    const refused = error instanceof StreamRefused
    if (!refused) log.error({ err: error, path }, 'stream handler failed')
    if (!answered) {
      answered = true
      const [status, detail] = refused
        ? [error.status, error.message.slice(0, MAX_DETAIL)]
        : [500, 'the node failed to take the stream']
      answer({ status, headers: {}, detail } satisfies Answer)
    }
    stream.destroy(error as Error)
  }
}

/** Characters of a refusal that the other side is told. */
const MAX_DETAIL = 2_000

async function serveRequest(
  { handler, log, clock, limits }: ServerSessionOptions,
  { opening: { method, path, headers }, accept, peer }: Call<'request'>,
  waiting: WaitingBytes,
): Promise<void> {
  let kept = 0
  const keep = (bytes: number): boolean => {
    if (!waiting.take(bytes)) return false
    kept += bytes
    return true
  }
  const { stream, answer } = accept()
  const gone = new AbortController()
  stream.once('close', () => {
    if (!stream.writableFinished) gone.abort(new DOMException('the caller is gone', 'AbortError'))
  })
  const limit = deadline(clock, limits.requestTimeoutMs, gone.signal)
  let response: RearResponse
  try {
    const body = await readBody(stream, { maxBytes: limits.maxRequestBytes, keep }, limit.signal)
    response =
      body === 'too-large'
        ? problem(413, body, 'the request body is too large')
        : body === 'too-many'
          ? problem(429, body, 'too much is sent at a time on this connection')
          : body === 'too-slow'
            ? problem(408, body, 'the request did not arrive in time')
            : await handler({ method, path, headers, body, peer, signal: gone.signal })
  } catch (error) {
    if (gone.signal.aborted) return
    log.error({ err: error, path }, 'request handler failed')
    response = problem(500, 'internal', 'the node failed to answer')
  } finally {
    limit.done()
    waiting.giveBack(kept)
  }
  answer({ status: response.status, headers: response.headers } satisfies Answer)
  stream.end(response.body === undefined ? undefined : bodyBytes(response.body))
  stream.resume()
}

/** @throws what broke the stream */
function readBody(
  stream: Duplex,
  { maxBytes, keep }: { readonly maxBytes: number; readonly keep: (bytes: number) => boolean },
  signal: AbortSignal,
): Promise<Buffer | undefined | 'too-large' | 'too-many' | 'too-slow'> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let refused = false
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (refused) return
      if (size <= maxBytes && keep(chunk.length)) chunks.push(chunk)
      else {
        refused = true
        chunks.length = 0
        resolve(size > maxBytes ? 'too-large' : 'too-many')
      }
    })
    stream.once('end', () => resolve(size === 0 ? undefined : Buffer.concat(chunks)))
    stream.once('close', () => reject(stream.errored ?? new Error('the caller is gone')))
    signal.addEventListener('abort', () => resolve('too-slow'), { once: true })
  })
}
