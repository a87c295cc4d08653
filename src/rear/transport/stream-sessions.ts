/**
 * The client side of streams: sessions, shared by all streams to one peer, apart from the connections for requests.
 */
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { type Clock, deadline } from '../../kernel/system.ts'
import { StreamNotTaken } from '../mux/mux-stream.ts'
import { abortable } from './abortable.ts'
import { type ClientSession, openSession } from './client-session.ts'
import { dial } from './dial.ts'
import type { TransportLimits } from './limits.ts'
import { SESSION_PROTOCOL } from './session-protocol.ts'
import type { Transport, TransportTarget } from './transport.ts'
import { TransportError } from './transport-error.ts'

/** Sessions on which a stream is tried, when one after the other turns out to be full or ending. */
const MAX_ATTEMPTS = 4

export class StreamSessions {
  readonly #sessions = new Map<string, Set<ClientSession>>()
  /** Per peer, the session that is being established. */
  readonly #dialling = new Map<string, Promise<ClientSession>>()
  readonly #context: SecureContext
  readonly #clock: Clock
  readonly #limits: TransportLimits
  readonly #closing = new AbortController()

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
    for (let attempt = 1; ; attempt++) {
      const session = await abortable(this.#session(target), options.signal, target.address)
      try {
        return await session.openStream(options)
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !(error instanceof StreamNotTaken)) throw error
      }
    }
  }

  /** Cuts all streams. Idempotent. */
  close(): void {
    this.#closing.abort(new Error('the transport is closed'))
    for (const session of [...this.#sessions.values()].flatMap((sessions) => [...sessions])) session.close()
  }

  async #session(target: TransportTarget): Promise<ClientSession> {
    if (this.#closing.signal.aborted) throw new TransportError('aborted', 'the transport is closed')
    const key = `${target.address} ${target.id ?? ''}`
    for (const session of this.#sessions.get(key) ?? []) {
      if (session.usable) return session
    }
    let dialling = this.#dialling.get(key)
    if (!dialling) {
      dialling = this.#dial(key, target).finally(() => this.#dialling.delete(key))
      this.#dialling.set(key, dialling)
    }
    return dialling
  }

  async #dial(key: string, { address, id }: TransportTarget): Promise<ClientSession> {
    // Not the signal of a caller: others may be waiting for the same session.
    const limit = deadline(this.#clock, this.#limits.connectTimeoutMs, this.#closing.signal)
    try {
      const { socket } = await dial(address, {
        context: this.#context,
        protocol: SESSION_PROTOCOL,
        expected: id,
        signal: limit.signal,
      })
      const sessions = this.#sessions.get(key) ?? new Set()
      const session = openSession(socket, {
        clock: this.#clock,
        limits: this.#limits,
        peer: address,
        onClose: () => {
          sessions.delete(session)
          if (sessions.size === 0 && this.#sessions.get(key) === sessions) this.#sessions.delete(key)
        },
      })
      this.#sessions.set(key, sessions.add(session))
      return session
    } finally {
      limit.done()
    }
  }
}
