/**
 * The consumer's end of a relayed way: TLS with the provider inside a stream that relays pass on.
 * The relays see ciphertext; a byte that they change, and an end that they feign, end the connection.
 */
import type { Duplex } from 'node:stream'
import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import type { Clock } from '../../kernel/system.ts'
import {
  abortedBy,
  type OutgoingRequest,
  StreamRefused,
  TransportError,
  type TransportLimits,
} from '../../rear/transport/index.ts'
import { peerOf } from '../../rear/transport/peer-certificate.ts'
import { toTransportError } from '../../rear/transport/transport-error.ts'
import type { Carrier } from '../carrier.ts'
import { Mux } from '../mux/mux.ts'
import type { MuxStream } from '../mux/mux-stream.ts'
import { type Answer, INNER_PROTOCOL, type Opening, readAnswer } from './inner-protocol.ts'

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
 * @throws TransportError `wrong-peer`, `tls`, `protocol`, `timeout`, `aborted`, `unreachable`
 */
export async function openInnerSession(outer: Duplex, options: InnerClientOptions): Promise<InnerSession> {
  const { limits, clock, expected } = options
  const socket = await handshake(outer, options)
  const mux = new Mux(socket, {
    clock,
    peer: expected,
    maxStreams: limits.maxStreamsPerConnection,
    pingIntervalMs: limits.pingIntervalMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    onClose: () => outer.destroy(),
  })
  outer.once('close', () => mux.close())
  return {
    get usable() {
      return mux.usable
    },
    close: () => mux.close(),
    async request({ method, path, headers = {}, body, signal }) {
      const { stream, answer } = begin(mux, { kind: 'request', method, path, headers }, expected, signal)
      stream.end(body)
      try {
        const { status } = await answer
        return { status, body: await readBody(stream, limits.maxResponseBytes, expected) }
      } catch (error) {
        stream.destroy()
        throw signal.aborted ? abortedBy(signal, expected) : error
      }
    },
    async openStream({ path, signal }) {
      const { stream, answer } = begin(mux, { kind: 'stream', path, headers: {} }, expected, signal)
      try {
        const { status, detail } = await answer
        if (status !== 200) throw new StreamRefused(status, detail ?? 'refused')
        return stream
      } catch (error) {
        stream.destroy()
        throw signal.aborted ? abortedBy(signal, expected) : error
      }
    },
  }
}

/** @returns the stream, and the answer to its opening */
function begin(
  mux: Mux,
  opening: Opening,
  peer: string,
  signal: OutgoingRequest['signal'],
): { readonly stream: MuxStream; readonly answer: Promise<Answer> } {
  if (signal.aborted) throw abortedBy(signal, peer)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const stream = mux.open(opening, (head) => {
    const answer = readAnswer(head)
    if (answer) resolve(answer)
    else reject(new TransportError('protocol', `${peer} answers what is no answer`))
  })
  const onAbort = (): void => void stream.destroy(abortedBy(signal, peer))
  signal.addEventListener('abort', onAbort, { once: true })
  stream.once('close', () => {
    signal.removeEventListener('abort', onAbort)
    reject(stream.errored ?? new TransportError('unreachable', `${peer} closed the stream`))
  })
  const answer = promise.finally(() => {
    // A stream that is open outlives the call that opened it; a request does not.
    if (opening.kind === 'stream') signal.removeEventListener('abort', onAbort)
  })
  return { stream, answer }
}

async function readBody(stream: Duplex, maxBytes: number, peer: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new TransportError('too-large', `the answer of ${peer} is too large`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function handshake(outer: Duplex, options: InnerClientOptions): Promise<TLSSocket> {
  const { expected, signal } = options
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: outer,
      secureContext: options.context,
      ALPNProtocols: [INNER_PROTOCOL],
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
    // These stay for good: a late error that nobody listens to would end the process.
    socket.on('error', fail)
    outer.on('error', fail)
    socket.once('close', onClose)
    outer.once('end', onClose)
    outer.once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    socket.once('secureConnect', () => {
      const found = peerOf(socket)
      if (found.peer?.id !== expected) {
        const who = found.peer ? `is ${found.peer.id}` : `proves no identity: ${found.reason}`
        return fail(new TransportError('wrong-peer', `the other end of the relays ${who}, not ${expected}`))
      }
      if (socket.alpnProtocol !== INNER_PROTOCOL) {
        return fail(new TransportError('protocol', `${expected} does not speak ${INNER_PROTOCOL}`))
      }
      signal.removeEventListener('abort', onAbort)
      socket.off('close', onClose)
      outer.off('end', onClose)
      outer.off('close', onClose)
      outer.once('end', () => socket.destroy())
      resolve(socket)
    })
  })
}
