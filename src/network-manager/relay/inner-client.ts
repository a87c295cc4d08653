/**
 * The consumer's end of a relayed way: TLS with the provider inside a stream that relays pass on, and
 * HTTP/2 inside that. The relays see ciphertext; a byte that they change ends the connection.
 */
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import type { Clock } from '../../kernel/system.ts'
import { memoryLimit } from '../../rear/transport/http2-server.ts'
import { watchSession } from '../../rear/transport/http2-session.ts'
import {
  abortedBy,
  type OutgoingRequest,
  StreamRefused,
  TransportError,
  type TransportLimits,
} from '../../rear/transport/index.ts'
import { peerOf } from '../../rear/transport/peer-certificate.ts'
import { detailOf } from '../../rear/transport/problem.ts'
import { STREAM_CONTENT_TYPE } from '../../rear/transport/stream-protocol.ts'
import { toTransportError } from '../../rear/transport/transport-error.ts'
import { Tunnel } from '../../rear/transport/tunnel.ts'
import type { Carrier } from '../carrier.ts'

export interface InnerClientOptions {
  readonly context: SecureContext
  /** Node id of the provider. */
  readonly expected: string
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly signal: AbortSignal
}

export interface InnerSession extends Carrier {
  /** Whether new requests and streams are taken. */
  readonly usable: boolean
  close(): void
}

/**
 * @param outer leads to the provider, through whomever; belongs to the session from now on
 * @throws TransportError `wrong-peer`, `tls`, `timeout`, `aborted`, `unreachable`
 */
export async function openInnerSession(outer: Duplex, options: InnerClientOptions): Promise<InnerSession> {
  const socket = await handshake(outer, options)
  const { limits, clock, expected } = options
  const http2 = connectHttp2('https://inner', {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: limits.streamWindowBytes },
    maxSessionMemory: memoryLimit(limits),
  })
  const watch = watchSession(http2, { clock, limits })
  let usable = true
  http2.once('goaway', () => (usable = false))
  http2.once('close', () => {
    usable = false
    socket.destroy()
    outer.destroy()
  })
  const open = (headers: Readonly<Record<string, string>>, endStream: boolean): ClientHttp2Stream => {
    const stream = begin(http2, headers, endStream, expected)
    stream.on('error', () => undefined) // `close` follows
    watch.add(stream)
    return stream
  }
  return {
    get usable() {
      return usable && !http2.closed && !http2.destroyed
    },
    close: () => http2.destroy(),
    request: ({ method, path, headers, body, signal }) => {
      const stream = open({ ...headers, ':method': method, ':path': path }, body === undefined)
      if (body !== undefined) stream.end(body)
      return answerOf(stream, expected, limits.maxResponseBytes, signal)
    },
    openStream: async ({ path, signal }) => {
      const stream = open({ ':method': 'POST', ':path': path, 'content-type': STREAM_CONTENT_TYPE }, false)
      return tunnelOf(stream, expected, signal)
    },
  }
}

/** The session was closing just then, and the other end did nothing: may be tried again on another one. */
export class NotTaken extends TransportError {}

function begin(
  http2: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  endStream: boolean,
  peer: string,
): ClientHttp2Stream {
  try {
    return http2.request(headers, { endStream })
  } catch (cause) {
    throw new NotTaken('unreachable', `the connection with ${peer} is closing`, { cause })
  }
}

function handshake(outer: Duplex, options: InnerClientOptions): Promise<TLSSocket> {
  const { expected, signal } = options
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: outer,
      secureContext: options.context,
      ALPNProtocols: ['h2'],
      // As between neighbours: the key is the node, and there is no authority above it.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      outer.destroy()
      reject(toTransportError(error, expected))
    }
    const onAbort = (): void => fail(abortedBy(signal, expected))
    const onClose = (): void => fail(new TransportError('unreachable', `the way to ${expected} was cut`))
    socket.on('error', fail)
    outer.on('error', fail)
    socket.once('close', onClose)
    outer.once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    socket.once('secureConnect', () => {
      const found = peerOf(socket)
      if (found.peer?.id !== expected) {
        const who = found.peer ? `is ${found.peer.id}` : `proves no identity: ${found.reason}`
        return fail(new TransportError('wrong-peer', `the other end of the relays ${who}, not ${expected}`))
      }
      if (socket.alpnProtocol !== 'h2') {
        return fail(new TransportError('protocol', `${expected} does not speak HTTP/2`))
      }
      signal.removeEventListener('abort', onAbort)
      socket.off('close', onClose)
      outer.off('close', onClose)
      outer.once('close', () => socket.destroy())
      resolve(socket)
    })
  })
}

function answerOf(
  stream: ClientHttp2Stream,
  peer: string,
  maxBytes: number,
  signal: OutgoingRequest['signal'],
): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    let status = 0
    let size = 0
    const chunks: Buffer[] = []
    const onAbort = (): void => fail(abortedBy(signal, peer))
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort)
      reject(error)
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    stream.once('response', (headers) => (status = headers[':status'] ?? 0))
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else fail(new TransportError('too-large', `the answer of ${peer} is too large`))
    })
    let ended = false
    stream.once('end', () => (ended = true))
    stream.once('close', () => {
      if (ended && status > 0 && stream.rstCode === constants.NGHTTP2_NO_ERROR) {
        signal.removeEventListener('abort', onAbort)
        resolve({ status, body: Buffer.concat(chunks) })
      } else fail(lost(stream, peer))
    })
  })
}

function tunnelOf(stream: ClientHttp2Stream, peer: string, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      stream.off('close', onClose)
      stream.off('response', onResponse)
    }
    const onAbort = (): void => {
      settle()
      stream.close(constants.NGHTTP2_CANCEL)
      reject(abortedBy(signal, peer))
    }
    const onClose = (): void => {
      settle()
      reject(lost(stream, peer))
    }
    const onResponse = (headers: { ':status'?: number }): void => {
      settle()
      const status = headers[':status'] ?? 0
      if (status === 200) return resolve(new Tunnel(stream, peer))
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => {
        // A refusal is short; what is longer is not read.
        if (chunks.length < 16) chunks.push(chunk)
      })
      stream.once('close', () =>
        reject(new StreamRefused(status, detailOf(Buffer.concat(chunks)) ?? 'refused')),
      )
      stream.end()
    }
    stream.once('close', onClose)
    stream.once('response', onResponse)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

function lost(stream: ClientHttp2Stream, peer: string): TransportError {
  const cause = stream.errored ?? undefined
  return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
    ? new NotTaken('unreachable', `${peer} is closing the connection`, { cause })
    : cause === undefined
      ? new TransportError('unreachable', `${peer} closed the connection`)
      : toTransportError(cause, peer)
}
