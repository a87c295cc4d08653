/**
 * The provider's end of a relayed way: see `inner-client.ts`.
 */
import type { Duplex } from 'node:stream'
import { createServer } from 'node:tls'
import type { Log } from '../../kernel/log.ts'
import { deadline, type Clock } from '../../kernel/system.ts'
import {
  type RearHandler,
  type RearResponse,
  type StreamHandler,
  StreamRefused,
  type TransportIdentity,
  type TransportLimits,
  type TransportPeer,
} from '../../rear/transport/index.ts'
import { peerOf } from '../../rear/transport/peer-certificate.ts'
import { problem } from '../../rear/transport/problem.ts'
import { SECURE_OPTIONS } from '../../rear/transport/tls-context.ts'
import { type AcceptStream, Mux } from '../mux/mux.ts'
import { type Answer, INNER_PROTOCOL, type Opening, readOpening } from './inner-protocol.ts'

export interface InnerServerOptions {
  readonly identity: TransportIdentity
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly log: Log
  /** Decides about whoever proved to be at the other end. @returns why not, or undefined */
  readonly refuse: (peer: TransportPeer) => string | undefined
  readonly handler: RearHandler
  readonly onStream: StreamHandler
}

/**
 * Serves everything that comes through `outer` until it ends. Whoever is not welcome is cut off
 * after the handshake, before anything it asks is read.
 */
export function serveInner(outer: Duplex, options: InnerServerOptions): void {
  const { log, clock, limits, identity } = options
  const give = (why: string): void => {
    timer.cancel()
    log.debug({ why }, 'relayed connection refused')
    outer.destroy(new Error(why))
  }
  const timer = clock.after(limits.handshakeTimeoutMs, () => give('the handshake took too long'))
  outer.on('error', () => undefined)
  outer.once('end', () => outer.destroy())
  outer.once('close', () => timer.cancel())
  // A server that listens nowhere: it does the handshake on what it is handed.
  const server = createServer({
    cert: identity.certificate,
    key: identity.privateKey,
    minVersion: 'TLSv1.3',
    secureOptions: SECURE_OPTIONS,
    ALPNProtocols: [INNER_PROTOCOL],
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.on('tlsClientError', (error, socket) => {
    socket.destroy()
    give(error.message)
  })
  server.once('secureConnection', (socket) => {
    timer.cancel()
    socket.on('error', (error) => log.debug({ err: error }, 'relayed connection failed'))
    outer.once('close', () => socket.destroy())
    const { peer, ...nobody } = peerOf(socket)
    const refusal = peer ? options.refuse(peer) : 'reason' in nobody ? nobody.reason : ''
    if (!peer || refusal !== undefined) return give(refusal ?? '')
    new Mux(socket, {
      clock,
      peer: peer.id,
      maxStreams: limits.maxStreamsPerConnection,
      pingIntervalMs: limits.pingIntervalMs,
      idleTimeoutMs: limits.idleTimeoutMs,
      onClose: () => outer.destroy(),
      onOpen: (head, accept) => {
        const opening = readOpening(head)
        if (!opening) refuseOpening(accept)
        else if (opening.kind === 'stream') void serveStream(options, opening, accept, peer)
        else void serveRequest(options, opening, accept, peer)
      },
    })
  })
  server.emit('connection', outer)
}

function refuseOpening(accept: AcceptStream): void {
  const { stream, answer } = accept()
  answer({ status: 400, headers: {}, detail: 'neither a request nor a stream' } satisfies Answer)
  stream.end()
  stream.resume()
}

async function serveStream(
  { onStream, log }: InnerServerOptions,
  { path, headers }: Opening,
  accept: AcceptStream,
  peer: TransportPeer,
): Promise<void> {
  let accepted = false
  const open = (): void => {
    if (accepted) return
    accepted = true
    answer({ status: 200, headers: {} } satisfies Answer)
  }
  const { stream, answer } = accept(open)
  try {
    await onStream({ path, headers, peer, duplex: stream })
    open()
  } catch (error) {
    if (!(error instanceof StreamRefused)) log.error({ err: error, path }, 'stream handler failed')
    if (accepted) {
      stream.destroy(error as Error)
      return
    }
    accepted = true
    const [status, detail] =
      error instanceof StreamRefused
        ? [error.status, error.message]
        : [500, 'the node failed to take the stream']
    answer({ status, headers: {}, detail } satisfies Answer)
    stream.destroy()
  }
}

async function serveRequest(
  { handler, log, clock, limits }: InnerServerOptions,
  opening: Extract<Opening, { kind: 'request' }>,
  accept: AcceptStream,
  peer: TransportPeer,
): Promise<void> {
  const { stream, answer } = accept()
  const gone = new AbortController()
  stream.once('close', () => {
    if (!stream.writableFinished) gone.abort(new DOMException('the caller is gone', 'AbortError'))
  })
  const limit = deadline(clock, limits.requestTimeoutMs, gone.signal)
  let response: RearResponse
  try {
    const body = await readBody(stream, limits.maxRequestBytes, limit.signal)
    response =
      body === 'too-large'
        ? problem(413, body, 'the request body is too large')
        : body === 'too-slow'
          ? problem(408, body, 'the request did not arrive in time')
          : await handler({
              method: opening.method,
              path: opening.path,
              headers: opening.headers,
              body,
              peer,
              signal: gone.signal,
            })
  } catch (error) {
    if (gone.signal.aborted) return
    log.error({ err: error, path: opening.path }, 'request handler failed')
    response = problem(500, 'internal', 'the node failed to answer')
  } finally {
    limit.done()
  }
  answer({ status: response.status, headers: response.headers } satisfies Answer)
  stream.end(response.body)
  stream.resume()
}

/** @throws what broke the stream */
function readBody(
  stream: Duplex,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined | 'too-large' | 'too-slow'> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else {
        chunks.length = 0
        resolve('too-large')
      }
    })
    stream.once('end', () => resolve(size === 0 ? undefined : Buffer.concat(chunks)))
    stream.once('close', () => reject(stream.errored ?? new Error('the caller is gone')))
    signal.addEventListener('abort', () => resolve('too-slow'), { once: true })
  })
}
