/**
 * The way of a consumer to a provider that it reaches through relays: one inner session, made when
 * needed and made anew when it is lost.
 */
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { type Clock, deadline } from '../../kernel/system.ts'
import {
  StreamRefused,
  TransportError,
  type Transport,
  type TransportLimits,
  type TransportTarget,
} from '../../rear/transport/index.ts'
import { abortable } from '../../rear/transport/abortable.ts'
import type { ClientSession } from '../../rear/transport/client-session.ts'
import type { Carrier } from '../carrier.ts'
import { relayPath } from '../stream-paths.ts'
import { openInnerSession } from './inner-client.ts'

export interface RelayedCarrierOptions {
  readonly transport: Transport
  readonly context: SecureContext
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly contractID: string
  /** What the provider calls the contract. */
  readonly remoteContractID: string
  readonly firstRelay: TransportTarget
  /** Node id of the provider. */
  readonly provider: string
  /** For opening the whole way, in milliseconds. */
  readonly timeoutMs: number
}

export class RelayedCarrier implements Carrier {
  readonly #options: RelayedCarrierOptions
  readonly #closing = new AbortController()
  #session: Promise<ClientSession> | undefined

  constructor(options: RelayedCarrierOptions) {
    this.#options = options
  }

  request(request: Parameters<Carrier['request']>[0]): ReturnType<Carrier['request']> {
    return this.#with(request.signal, (session) =>
      session.request({ ...request, path: this.#atProvider(request.path) }),
    )
  }

  openStream(options: Parameters<Carrier['openStream']>[0]): Promise<Duplex> {
    return this.#with(options.signal, (session) =>
      session.openStream({ ...options, path: this.#atProvider(options.path) }),
    )
  }

  /** Every hop has a contract of its own: what we say of ours is meant for the provider's. */
  #atProvider(path: string): string {
    const { contractID, remoteContractID } = this.#options
    const ours = `/api/v2/contracts/${encodeURIComponent(contractID)}/`
    return path.startsWith(ours)
      ? `/api/v2/contracts/${encodeURIComponent(remoteContractID)}/${path.slice(ours.length)}`
      : path
  }

  /** Cuts everything; idempotent. */
  close(): void {
    this.#closing.abort(new Error('the contract ended'))
    this.#session?.then(
      (session) => session.close(),
      () => undefined,
    )
  }

  async #with<T>(signal: AbortSignal, use: (session: ClientSession) => Promise<T>): Promise<T> {
    return use(await this.#current(signal))
  }

  async #current(signal: AbortSignal): Promise<ClientSession> {
    if (this.#closing.signal.aborted) throw new TransportError('aborted', 'the contract ended')
    const known = this.#session
    if (known) {
      const session = await abortable(known, signal, this.#options.provider)
      if (session.usable) return session
      if (this.#session === known) this.#session = undefined
    }
    if (!this.#session) {
      const opening = this.#open()
      this.#session = opening
      // A failure is for those who wait for it now; the next one tries again.
      opening.catch(() => {
        if (this.#session === opening) this.#session = undefined
      })
    }
    return abortable(this.#session, signal, this.#options.provider)
  }

  async #open(): Promise<ClientSession> {
    const { transport, clock, contractID, firstRelay, timeoutMs } = this.#options
    // Not the caller's signal: others may be waiting for the same session.
    const limit = deadline(clock, timeoutMs, this.#closing.signal)
    try {
      const outer = await transport.openStream(firstRelay, {
        path: relayPath(contractID),
        signal: limit.signal,
      })
      return await openInnerSession(outer, { ...this.#options, signal: limit.signal })
    } catch (cause) {
      // A relay's refusal is no answer of the provider.
      if (cause instanceof StreamRefused) {
        throw new TransportError('unreachable', `relays cannot be passed: ${cause.message}`, { cause })
      }
      throw cause
    } finally {
      limit.done()
    }
  }
}
