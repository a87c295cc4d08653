/**
 * Serves one HTTP/2 connection: requests like `http1-server.ts`, and the streams that only HTTP/2 has.
 */
import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Log } from '../../kernel/log.ts'
import type { Clock } from '../../kernel/system.ts'
import { watchSession } from './http2-session.ts'
import { LISTENER_PATIENCE_MS, type TransportLimits } from './limits.ts'
import { peerOf } from './peer-certificate.ts'
import { problem } from './problem.ts'
import { STREAM_CONTENT_TYPE } from './stream-protocol.ts'
import { StreamRefused } from './stream-refused.ts'
import type { RearHandler, RearRequest, RearResponse, StreamHandler, TransportPeer } from './transport.ts'
import { Tunnel } from './tunnel.ts'

export interface Http2Options {
  readonly handler: RearHandler
  readonly onStream: StreamHandler
  readonly limits: TransportLimits
  readonly clock: Clock
  readonly log: Log
}

/** @returns the session, already being served. */
export function serveHttp2(socket: TLSSocket, options: Http2Options): ServerHttp2Session {
  const { limits } = options
  const session = performServerHandshake(socket, {
    settings: {
      enablePush: false,
      initialWindowSize: limits.streamWindowBytes,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
    maxSessionMemory: memoryLimit(limits),
  })
  watchSession(session, options, limits.idleTimeoutMs + LISTENER_PATIENCE_MS)
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined) // it is gone: whoever uses it learns by its `close`
    const { peer, ...rest } = peerOf(socket)
    if (!peer) {
      const reason = 'reason' in rest ? rest.reason : ''
      respond(stream, problem(401, 'not-authenticated', `a client certificate is needed: ${reason}`))
    } else if (headers['content-type'] === STREAM_CONTENT_TYPE && headers[':method'] === 'POST') {
      void serveStream(options, stream, headers, peer)
    } else {
      void serveRequest(options, stream, headers, peer)
    }
  })
  return session
}

/** @returns megabytes that Node may hold for a session; its default of 10 is below what the windows allow. */
export function memoryLimit(limits: TransportLimits): number {
  return Math.ceil((2 * limits.connectionWindowBytes) / 1e6) + 10
}

async function serveStream(
  options: Http2Options,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: TransportPeer,
): Promise<void> {
  const accept = (): void => {
    if (!stream.headersSent && !stream.destroyed && !stream.closed) {
      stream.respond({ ':status': 200, 'content-type': STREAM_CONTENT_TYPE })
    }
  }
  const duplex = new Tunnel(stream, peer.address, accept)
  try {
    await options.onStream({ path: headers[':path'] ?? '/', headers: plainHeaders(headers), peer, duplex })
    accept()
  } catch (error) {
    if (!(error instanceof StreamRefused)) options.log.error({ err: error }, 'stream handler failed')
    if (stream.headersSent) {
      duplex.destroy(error as Error)
      return
    }
    respond(
      stream,
      error instanceof StreamRefused
        ? problem(error.status, 'refused', error.message)
        : problem(500, 'internal', 'the node failed to take the stream'),
    )
  }
}

async function serveRequest(
  options: Http2Options,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: TransportPeer,
): Promise<void> {
  let response: RearResponse
  try {
    const body = stream.endAfterHeaders ? undefined : await readBody(options, stream, headers)
    if (body === 'gone') return
    if (body === 'too-large') {
      const { maxRequestBytes } = options.limits
      response = problem(413, 'too-large', `a request body may have ${maxRequestBytes} bytes at most`)
    } else if (body === 'too-slow') {
      response = problem(408, 'too-slow', 'the request did not arrive in time')
    } else {
      response = await options.handler(toRequest(stream, headers, peer, body))
    }
  } catch (error) {
    options.log.error({ err: error, path: headers[':path'] }, 'request handler failed')
    response = problem(500, 'internal', 'the node failed to answer')
  }
  try {
    respond(stream, response)
  } catch (error) {
    options.log.error({ err: error, path: headers[':path'] }, 'request handler gave an impossible answer')
    stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }
}

function toRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peer: TransportPeer,
  body: Buffer | undefined,
): RearRequest {
  let gone: AbortController | undefined
  return {
    method: headers[':method'] ?? 'GET',
    path: headers[':path'] ?? '/',
    headers: plainHeaders(headers),
    body,
    peer,
    get signal() {
      if (!gone) {
        const controller = (gone = new AbortController())
        const onClose = (): void => {
          if (!stream.writableFinished) controller.abort(new DOMException('the caller is gone', 'AbortError'))
        }
        if (stream.closed || stream.destroyed) onClose()
        else stream.once('close', onClose)
      }
      return gone.signal
    },
  }
}

function readBody(
  options: Http2Options,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<Buffer | undefined | 'too-large' | 'too-slow' | 'gone'> {
  const { clock, limits } = options
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (result: Buffer | undefined | 'too-large' | 'too-slow' | 'gone'): void => {
      timer.cancel()
      resolve(result)
    }
    const timer = clock.after(limits.requestTimeoutMs, () => settle('too-slow'))
    if (Number(headers['content-length'] ?? 0) > limits.maxRequestBytes) settle('too-large')
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limits.maxRequestBytes) chunks.push(chunk)
      else {
        chunks.length = 0
        settle('too-large')
      }
    })
    stream.once('end', () => settle(size === 0 ? undefined : Buffer.concat(chunks)))
    stream.once('close', () => settle('gone'))
  })
}

function respond(stream: ServerHttp2Stream, { status, headers, body }: RearResponse): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return
  const endStream = body === undefined
  stream.respond({ ...headers, ':status': status }, { endStream })
  if (!endStream) stream.end(body)
  // The answer is complete: what the caller still sends is of no use. RFC 9113, 8.1.
  if (!stream.readableEnded) {
    stream.resume()
    stream.close(constants.NGHTTP2_NO_ERROR)
  }
}

/** @returns the headers without HTTP/2's pseudo-headers. */
export function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || name.startsWith(':')) continue
    plain[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return plain
}
