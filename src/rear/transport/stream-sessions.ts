/**
 * The client side of streams: HTTP/2 connections, shared by all streams to one peer, apart from those for requests.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { Clock } from '../../kernel/system.ts'
import { dial } from './dial.ts'
import { memoryLimit } from './http2-server.ts'
import { watchSession } from './http2-session.ts'
import type { TransportLimits } from './limits.ts'
import { detailOf } from './problem.ts'
import { STREAM_CONTENT_TYPE } from './stream-protocol.ts'
import { StreamRefused } from './stream-refused.ts'
import type { Transport, TransportTarget } from './transport.ts'
import { abortedBy, toTransportError, TransportError } from './transport-error.ts'
import { Tunnel } from './tunnel.ts'

interface Session {
  readonly http2: ClientHttp2Session
  readonly watch: ReturnType<typeof watchSession>
}

/** Bytes of a refusal that are read. */
const MAX_REFUSAL = 64 << 10

export class StreamSessions {
  /** Per peer, the usable sessions and the one being established. */
  readonly #sessions = new Map<string, Set<Session>>()
  readonly #dialling = new Map<string, Promise<Session>>()
  readonly #context: SecureContext
  readonly #clock: Clock
  readonly #limits: TransportLimits
  #closed = false

  constructor(options: {
    readonly context: SecureContext
    readonly clock: Clock
    readonly limits: TransportLimits
  }) {
    this.#context = options.context
    this.#clock = options.clock
    this.#limits = options.limits
  }

  /** See `Transport.openStream`. @throws StreamRefused, TransportError */
  async open(target: TransportTarget, options: Parameters<Transport['openStream']>[1]): Promise<Duplex> {
    const { signal } = options
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) throw abortedBy(signal, target.address)
      const session = await abortable(this.#session(target), signal, target.address)
      try {
        return await this.#openOn(session, target, options)
      } catch (error) {
        // The session was closing just then, and the other end says that it did nothing.
        if (attempt > 1 || !(error instanceof NotTaken)) throw error
      }
    }
  }

  /** Cuts all streams. Idempotent. */
  close(): void {
    this.#closed = true
    for (const sessions of this.#sessions.values()) {
      for (const { http2 } of sessions) http2.destroy()
    }
    this.#sessions.clear()
  }

  async #session(target: TransportTarget): Promise<Session> {
    if (this.#closed) throw new TransportError('aborted', 'the transport is closed')
    const key = `${target.address} ${target.id ?? ''}`
    for (const session of this.#sessions.get(key) ?? []) {
      if (hasRoom(session)) return session
    }
    let dialling = this.#dialling.get(key)
    if (!dialling) {
      dialling = this.#dial(key, target).finally(() => this.#dialling.delete(key))
      this.#dialling.set(key, dialling)
    }
    return dialling
  }

  async #dial(key: string, target: TransportTarget): Promise<Session> {
    const limits = this.#limits
    const { socket } = await dial(target.address, {
      context: this.#context,
      clock: this.#clock,
      timeoutMs: limits.connectTimeoutMs,
      protocol: 'h2',
      expected: target.id,
    })
    if (this.#closed) {
      socket.destroy()
      throw new TransportError('aborted', 'the transport is closed')
    }
    const http2 = connect(`https://${target.address}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: limits.streamWindowBytes },
      maxSessionMemory: memoryLimit(limits),
    })
    const session: Session = { http2, watch: watchSession(http2, { clock: this.#clock, limits }) }
    const sessions = this.#sessions.get(key) ?? new Set()
    this.#sessions.set(key, sessions.add(session))
    const forget = (): void => {
      sessions.delete(session)
      if (sessions.size === 0 && this.#sessions.get(key) === sessions) this.#sessions.delete(key)
    }
    http2.once('goaway', forget)
    http2.once('close', forget)
    return session
  }

  #openOn(
    session: Session,
    target: TransportTarget,
    options: Parameters<Transport['openStream']>[1],
  ): Promise<Duplex> {
    const { address } = target
    const { signal } = options
    return new Promise((resolve, reject) => {
      let stream: ClientHttp2Stream
      try {
        stream = session.http2.request(
          {
            ...options.headers,
            ':method': 'POST',
            ':path': options.path,
            'content-type': STREAM_CONTENT_TYPE,
          },
          { endStream: false },
        )
      } catch (cause) {
        reject(new NotTaken('unreachable', `the connection with ${address} is closing`, { cause }))
        return
      }
      session.watch.add(stream)
      const settle = (): void => {
        signal.removeEventListener('abort', onAbort)
        stream.off('close', onClose)
        stream.off('response', onResponse)
      }
      const onAbort = (): void => {
        settle()
        stream.destroy(abortedBy(signal, address))
        reject(abortedBy(signal, address))
      }
      const onClose = (): void => {
        settle()
        const cause = stream.errored ?? undefined
        reject(
          stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
            ? new NotTaken('unreachable', `${address} is closing the connection`, { cause })
            : stream.rstCode === constants.NGHTTP2_CANCEL || !cause
              ? new TransportError('unreachable', `${address} closed the connection`, { cause })
              : toTransportError(cause, address),
        )
      }
      const onResponse = (headers: { ':status'?: number }): void => {
        settle()
        const status = headers[':status'] ?? 0
        if (status === 200) resolve(new Tunnel(stream, address))
        else {
          readRefusal(stream, (message) => reject(new StreamRefused(status, message)))
          stream.end()
        }
      }
      stream.on('error', () => undefined) // `close` follows
      stream.once('close', onClose)
      stream.once('response', onResponse)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }
}

/** The other end did nothing with the stream: it may be tried again elsewhere. */
class NotTaken extends TransportError {}

function hasRoom({ http2, watch }: Session): boolean {
  if (http2.destroyed || http2.closed) return false
  // Until the other end has told its limit, the protocol's recommended minimum.
  const limit = http2.remoteSettings?.maxConcurrentStreams ?? 100
  return watch.openStreams < limit
}

function readRefusal(stream: ClientHttp2Stream, done: (message: string) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_REFUSAL) chunks.push(chunk)
    else stream.close(constants.NGHTTP2_CANCEL)
  })
  stream.once('close', () => done(detailOf(Buffer.concat(chunks)) ?? 'refused'))
}

/** Lets one waiter go without disturbing the others that wait for the same. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal, address: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedBy(signal, address))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
