/**
 * The serving end of a session: see `client-session.ts`.
 */
import type { Duplex } from 'node:stream'
import type { Log } from '../../kernel/log.ts'
import { type Clock, deadline } from '../../kernel/system.ts'
import { type AcceptStream, Mux } from '../mux/mux.ts'
import { bodyBytes, sizeOf } from './body-bytes.ts'
import { callerNames } from './caller-name.ts'
import type { Turns } from './fair-turns.ts'
import { networkOf } from './network-of.ts'
import { LISTENER_PATIENCE_MS, type TransportLimits } from './limits.ts'
import type { PeerResult } from './peer-certificate.ts'
import { admitAll, problem, tooMany } from './problem.ts'
import { type Answer, type Opening, readOpening } from './session-protocol.ts'
import { StreamRefused } from './stream-refused.ts'
import { Waiting, WaitingBytes, type WaitingPeers } from './waiting-bytes.ts'
import type { RearHandler, RearResponse, StreamHandler, TransportPeer } from './transport.ts'

export interface ServerSessionOptions {
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly log: Log
  /** Who is at the other end. Whoever proves nothing gets a 401 for whatever it asks. */
  readonly peer: PeerResult
  readonly handler: RearHandler
  readonly onStream: StreamHandler
  /** What peers have waiting, over all their connections. */
  readonly waitingPeers: WaitingPeers
  readonly turns: Turns
  /** Told once, when the session is over. */
  readonly onClose: () => void
}

/** Does work when it is the peer's turn. @returns what it does; undefined when too much waits already */
type InTurn = <T>(work: () => Promise<T>) => Promise<T | undefined>

/** The handling of one stream or request. */
interface Call<Kind extends Opening['kind']> {
  readonly opening: Extract<Opening, { kind: Kind }>
  readonly accept: AcceptStream
  readonly peer: TransportPeer
  readonly inTurn: InTurn
}

/** @returns the session, already being served */
export function serveSession(socket: Duplex, options: ServerSessionOptions): Mux {
  const { clock, limits } = options
  const { turns } = options
  const found = options.peer
  let running = 0
  const name = callerNames(options.handler, found.peer)
  const from = networkOf(found.peer?.address.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1') ?? '')
  const waiting = new WaitingBytes(limits.maxWaitingBytes)
  return new Mux(socket, {
    clock,
    peer: found.peer?.id ?? 'a caller without identity',
    maxStreams: limits.maxStreamsPerConnection,
    pingIntervalMs: limits.pingIntervalMs,
    idleTimeoutMs: limits.idleTimeoutMs + LISTENER_PATIENCE_MS,
    onClose: options.onClose,
    onReceived: (ms) => turns.spent(name(), ms, socket),
    onOpen: (head, accept, bytes) => {
      if (!found.peer) return turnDown(accept, 401, `a client certificate is needed: ${found.reason}`)
      const opening = readOpening(head)
      if (!opening) return turnDown(accept, 400, 'neither a request nor a stream')
      // A stream that its opener resets is over at once, what the handler does about it is not.
      if (running >= limits.maxStreamsPerConnection) return turnDown(accept, 429, 'too many at a time')
      running++
      const { peer } = found
      const inTurn: InTurn = (work) =>
        new Promise((resolve, reject) => {
          const isTaken = turns.take(
            name(),
            () => {
              const done = work()
              done.then(resolve, reject)
              return done
            },
            { from },
          )
          if (!isTaken) resolve(undefined)
        })
      const done =
        opening.kind === 'stream'
          ? serveStream(options, { opening, accept, peer, inTurn })
          : serveRequest(options, { opening, accept, peer, inTurn, headBytes: bytes, running }, waiting)
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
  { opening: { path, headers }, accept, peer, inTurn }: Call<'stream'>,
): Promise<void> {
  let answered = false
  const open = (): void => {
    if (answered) return
    answered = true
    answer({ status: 200, headers: {} } satisfies Answer)
  }
  const { stream, answer } = accept(open)
  try {
    const isTaken = await inTurn(async () => {
      await onStream({ path, headers, peer, duplex: stream })
      return true
    })
    if (isTaken === undefined) throw new StreamRefused(429, 'too many at a time')
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

/** A request as it comes: how long its head is, and how many the connection has with it. */
interface RequestCall extends Call<'request'> {
  readonly headBytes: number
  readonly running: number
}

async function serveRequest(
  { handler, log, clock, limits, waitingPeers }: ServerSessionOptions,
  { opening: { method, path, headers }, accept, peer, inTurn, headBytes, running }: RequestCall,
  connection: WaitingBytes,
): Promise<void> {
  const { stream, answer } = accept()
  const reply = ({ status, headers: head, body }: RearResponse): void => {
    answer({ status, headers: head } satisfies Answer)
    stream.end(body === undefined ? undefined : bodyBytes(body))
    stream.resume()
  }
  // Who may not, or asks for too much at a time, is told so before anything is read.
  const admission = handler.admit?.({ method, path, peer }) ?? admitAll(limits)
  if ('refusal' in admission) {
    const isTaken = await inTurn(async () => {
      reply(admission.refusal)
      return true
    })
    if (isTaken === undefined) reply(tooMany())
    return
  }
  const { isStranger, maxBodyBytes, tooLarge } = admission
  const waiting = new Waiting(connection, waitingPeers, { id: peer.id, isStranger })
  if ((isStranger && running > limits.maxRequestsOfStranger) || !waiting.keep(headBytes))
    return reply(tooMany())
  const gone = new AbortController()
  stream.once('close', () => {
    waiting.release()
    if (!stream.writableFinished) gone.abort(new DOMException('the caller is gone', 'AbortError'))
  })
  const limit = deadline(clock, limits.requestTimeoutMs, gone.signal)
  let response: RearResponse
  try {
    const body = await readBody(
      stream,
      { maxBytes: Math.min(maxBodyBytes, limits.maxRequestBytes), keep: (bytes) => waiting.keep(bytes) },
      limit.signal,
    )
    response =
      body === 'too-large'
        ? tooLarge()
        : body === 'too-many'
          ? tooMany()
          : body === 'too-slow'
            ? problem(408, body, 'the request did not arrive in time')
            : ((await inTurn(() => handler({ method, path, headers, body, peer, signal: gone.signal }))) ??
              tooMany())
  } catch (error) {
    if (gone.signal.aborted) return
    log.error({ err: error, path }, 'request handler failed')
    response = problem(500, 'internal', 'the node failed to answer')
  } finally {
    limit.done()
  }
  // Until it is read: the stream is closed then.
  reply(waiting.answer(sizeOf(response.body)) ? response : tooMany())
  if (stream.closed) waiting.release()
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
