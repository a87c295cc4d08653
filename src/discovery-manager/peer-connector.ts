/**
 * Gets acquainted with a node at once: for a buyer that heard of a provider from a supernode or a catalog and
 * wants to deal with it now. The periodic hello of `PeerHandshake` does the same in its own time.
 */
import { deadline, type System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import type { DialPolicy } from './dial-policy.ts'
import type { PeerHandshake } from './peer-handshake.ts'

/**
 * - `accepted`: each of the two deals with the other
 * - `refused`: it is there, but one of the two does not deal with the other
 * - `unreachable`: nobody answers at the address, or somebody else does
 */
export type ConnectOutcome = 'accepted' | 'refused' | 'unreachable'

export interface PeerConnectorOptions {
  readonly handshake: Pick<PeerHandshake, 'sayHello' | 'lastHello' | 'forgetHello'>
  readonly registry: Pick<PeerRegistry, 'standing' | 'find'>
  readonly system: System
  /** Whether an address that others named is dialled. */
  readonly dialPolicy: Pick<DialPolicy, 'mayDial' | 'guarded'>
}

/** Dealing with somebody directly is worth a short wait; there may be a way round. */
const TIMEOUT_MS = 1_500
const ACCEPTED_FOR_MS = 300_000
/** A node that cannot be reached costs every buyer the wait only so often. */
const UNREACHABLE_FOR_MS = 15_000
const MOST_REMEMBERED = 4_096

export class PeerConnector {
  readonly #options: PeerConnectorOptions
  readonly #inFlight = new Map<string, Promise<ConnectOutcome>>()
  /** By node and address: until when it need not be tried. */
  readonly #unreachable = new Map<string, number>()

  constructor(options: PeerConnectorOptions) {
    this.#options = options
  }

  /**
   * Says hello unless that was done lately.
   * @param target who, and where it is said to be; its key is proved before anything is said
   * @param signal gives up this caller's wait
   * @throws the signal's reason
   */
  async ensureConnected(
    target: { readonly id: NodeId; readonly address: string },
    signal?: AbortSignal,
  ): Promise<ConnectOutcome> {
    signal?.throwIfAborted()
    const { handshake, registry, system } = this.#options
    const { id, address } = target
    if (registry.standing(id) === 'rejected') return 'refused'
    const isKnown = registry.find(id)?.spec.address === address
    if (!isKnown && !this.#options.dialPolicy.mayDial(address, true)) return 'unreachable'
    const last = handshake.lastHello(id)
    const now = system.clock.now()
    if (last?.address === address && last.standing === 'accepted' && now - last.at < ACCEPTED_FOR_MS) {
      return this.#ours(id)
    }
    const key = `${id} ${address}`
    if ((this.#unreachable.get(key) ?? 0) > now) return 'unreachable'
    // The hello belongs to all who wait for it: no single one of them ends it.
    let hello = this.#inFlight.get(key)
    if (hello === undefined) {
      hello = this.#hello(target).finally(() => this.#inFlight.delete(key))
      this.#inFlight.set(key, hello)
    }
    return signal === undefined ? hello : abortable(hello, signal)
  }

  /**
   * Asks anew whether the two of us deal with each other; the answer to hello says how far we have come over there.
   * @returns what is in the way, for people; undefined when nothing is
   */
  async obstacle(target: { readonly id: NodeId; readonly address: string }): Promise<string | undefined> {
    const { handshake, registry } = this.#options
    const { id, address } = target
    this.failed(id)
    switch (await this.ensureConnected(target)) {
      case 'accepted':
        return undefined
      case 'unreachable':
        return `it does not answer at ${address}`
      case 'refused': {
        const here = registry.standing(id)
        if (here !== 'accepted') return `it is ${here} here, not accepted: tributary peer accept`
        const there = handshake.lastHello(id)?.standing
        return `it does not accept this node${there === undefined ? '' : `, which is ${there} there`}`
      }
    }
  }

  /** Dealing with a node failed: what we believed of it is asked anew next time. */
  failed(id: string): void {
    this.#options.handshake.forgetHello(id)
  }

  async #hello(target: { readonly id: NodeId; readonly address: string }): Promise<ConnectOutcome> {
    const { handshake, system } = this.#options
    const limit = deadline(system.clock, TIMEOUT_MS)
    const key = `${target.id} ${target.address}`
    try {
      const isConfigured = this.#options.registry.find(target.id)?.spec.source === 'configured'
      const isHearsay = this.#options.dialPolicy.guarded && !isConfigured
      const { standing } = await handshake.sayHello(
        { ...target, isHearsay },
        {
          source: 'hello',
          timeoutMs: TIMEOUT_MS,
          signal: limit.signal,
        },
      )
      this.#unreachable.delete(key)
      return standing === undefined || standing === 'accepted' ? this.#ours(target.id) : 'refused'
    } catch (error) {
      if (isProblem(error)) return 'refused'
      if (!isTransportError(error)) throw error
      if (this.#unreachable.size >= MOST_REMEMBERED) this.#unreachable.clear()
      this.#unreachable.set(key, system.clock.now() + UNREACHABLE_FOR_MS)
      return 'unreachable'
    } finally {
      limit.done()
    }
  }

  /** Whatever the other thinks of us: we deal with those only whom we accepted. */
  #ours(id: NodeId): ConnectOutcome {
    return this.#options.registry.standing(id) === 'accepted' ? 'accepted' : 'refused'
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
