/** Learns from the supernodes of its domain who is a member no more. */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { domainSupernodes } from './domain-supernodes.ts'
import type { MembershipTrust } from './membership.ts'
import { MembershipError } from './membership-error.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { RepeatedTask } from './repeated-task.ts'
import { verifyRevocations, type Revocations } from './revocations.ts'

export interface RevocationFollowerOptions {
  readonly domain: string
  readonly client: RearClient
  readonly registry: Pick<PeerRegistry, 'list' | 'membershipOf' | 'standing'>
  readonly trust: Pick<MembershipTrust, 'trustedAuthorities'>
  readonly revocations: Revocations
  /** Our own credential; undefined when we have none. */
  readonly read: () => string | undefined
  /** Keeps a list of revocations over a restart. */
  readonly write: (jws: string) => Promise<void>
  readonly system: System
  readonly log: Log
}

const FIRST_LOOK_MS = 500
/** Our own credential may be put there by hand at any time. */
const LOOK_MS = 60_000
const CALL_TIMEOUT_MS = 5_000
const AFTER_FAILURE_MS = 300_000
/** A supernode is asked to answer as soon as it has another list of revocations, or after this time. */
const REVOCATIONS_WAIT_SECONDS = 25
/** How often one is asked that does not wait; until there is a list, more often. */
const REVOCATIONS_MS = 60_000
const FIRST_REVOCATIONS_MS = 5_000
const AGAIN_MS = 200

export class RevocationFollower implements Component {
  readonly #options: RevocationFollowerOptions
  readonly #log: Log
  readonly #task: RepeatedTask
  /** Per supernode, when the list was made that it gave us last. */
  readonly #lists = new Map<string, number>()

  constructor(options: RevocationFollowerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'revocation-follower' })
    this.#task = new RepeatedTask({
      clock: options.system.clock,
      log: this.#log,
      firstMs: FIRST_LOOK_MS,
      afterFailureMs: AFTER_FAILURE_MS,
      run: (signal) => this.#followAll(signal),
    })
  }

  start(): Promise<void> {
    return this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  async #followAll(signal: AbortSignal): Promise<number> {
    const { read, registry, domain } = this.#options
    // Only members are told.
    if (read() === undefined) return LOOK_MS
    const { clock } = this.#options.system
    const since = clock.monotonic()
    const outcomes = await Promise.all(
      domainSupernodes(registry, domain).map((each) => this.#followOne(each, signal)),
    )
    // Whoever waited, or had news, may be asked again soon.
    if (outcomes.includes('news')) return AGAIN_MS
    if (outcomes.includes('none'))
      return clock.monotonic() - since >= (REVOCATIONS_WAIT_SECONDS - 1) * 1000 ? AGAIN_MS : REVOCATIONS_MS
    // One that does not hold the authority will not hold it in a moment.
    return outcomes.includes('refused') ? REVOCATIONS_MS : FIRST_REVOCATIONS_MS
  }

  async #followOne(
    supernode: { readonly address: string; readonly id: NodeId },
    signal: AbortSignal,
  ): Promise<'news' | 'none' | 'refused' | 'unreachable'> {
    try {
      return (await this.#fetchRevocations(supernode, signal)) ? 'news' : 'none'
    } catch (error) {
      if (signal.aborted) return 'none'
      if (!isProblem(error) && !isTransportError(error) && !(error instanceof MembershipError)) throw error
      this.#log.debug({ err: error, supernode: supernode.id }, 'no list of revocations')
      return isProblem(error) && error.code !== 'unavailable' ? 'refused' : 'unreachable'
    }
  }

  /** @returns whether there was another list than the one we have */
  async #fetchRevocations(
    supernode: { readonly address: string; readonly id: NodeId },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, trust, domain, revocations, write } = this.#options
    const known = this.#lists.get(supernode.id)
    const { status, body } = await client.call(supernode, {
      method: 'GET',
      path: `/api/v2/membership/revoked${known === undefined ? '' : `?known=${known}&wait=${REVOCATIONS_WAIT_SECONDS}`}`,
      timeoutMs: CALL_TIMEOUT_MS + (known === undefined ? 0 : REVOCATIONS_WAIT_SECONDS * 1000),
      signal,
    })
    if (status === 204) return false
    const { revocations: jws } = (body ?? {}) as { revocations?: unknown }
    const list = verifyRevocations(jws as string, trust)
    if (list.domain !== domain)
      throw new MembershipError('malformed', `a list of ${list.domain}, not of ${domain}`)
    if (revocations.add(list)) {
      this.#log.info({ supernode: supernode.id, entries: list.entries.length }, 'memberships were revoked')
      await write(jws as string)
    }
    this.#lists.set(supernode.id, list.issuedAt)
    return true
  }
}
