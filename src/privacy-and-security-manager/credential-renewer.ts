/**
 * Has this node's own credential renewed in time: by the supernodes of its domain or, where the node itself holds
 * the authority, by its own issuer.
 */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import type { System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import type { CredentialIssuer } from './credential-issuer.ts'
import { domainSupernodes } from './domain-supernodes.ts'
import { readMembership, type Membership } from './membership.ts'
import { MembershipError } from './membership-error.ts'
import { membershipWarnings, partOfLife, WARN_AFTER, type MembershipWarning } from './membership-warning.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { RepeatedTask } from './repeated-task.ts'

export interface CredentialRenewerOptions {
  readonly self: NodeId
  readonly domain: string
  readonly client: RearClient
  readonly registry: PeerRegistry
  /** Our own credential, as it is now; undefined when we have none. */
  readonly read: () => string | undefined
  /** Puts a fresh one in its place. */
  readonly write: (jwt: string) => Promise<void>
  /** Where this node holds the authority of its domain itself. */
  readonly issuer: CredentialIssuer | undefined
  /** Called with every fresh credential. */
  readonly renewed: () => void
  readonly system: System
  readonly log: Log
}

/** The part of its life after which a credential is renewed; a little later for some, not all at once. */
const RENEW_AFTER = 2 / 3
const SPREAD = 0.05
/** The file may be replaced by hand, and clocks jump: looked at this often, whatever was worked out. */
const LOOK_MS = 60_000
const FIRST_LOOK_MS = 500
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 300_000
const CALL_TIMEOUT_MS = 5_000
/** What the failures are counted by: there is one credential. */
const RENEWAL = 'renewal'

export class CredentialRenewer implements Component {
  readonly #options: CredentialRenewerOptions
  readonly #log: Log
  readonly #task: RepeatedTask
  readonly #backoffs: Backoffs
  /** When this credential is due, as a part of its life; drawn once for each. */
  #share: { readonly id: string; readonly of: number } | undefined
  #revoked = false
  #lastWarned: string | undefined

  constructor(options: CredentialRenewerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'credential-renewer' })
    const { clock } = options.system
    this.#backoffs = new Backoffs({ clock, firstMs: FIRST_RETRY_MS, longestMs: LONGEST_RETRY_MS })
    this.#task = new RepeatedTask({
      clock,
      log: this.#log,
      firstMs: FIRST_LOOK_MS,
      afterFailureMs: LONGEST_RETRY_MS,
      run: (signal) => this.#renewal(signal),
    })
  }

  start(): Promise<void> {
    return this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  /** What the operator should know, now. */
  warnings(): readonly MembershipWarning[] {
    const own = this.#own()
    const now = this.#options.system.clock.now()
    return own === undefined ? [] : membershipWarnings(own, this.#revoked, now)
  }

  #own(): Membership | undefined {
    const jwt = this.#options.read()?.trim()
    if (jwt === undefined) return undefined
    try {
      return readMembership(jwt)
    } catch (error) {
      if (!(error instanceof MembershipError)) throw error
      this.#warnOnce('our own membership credential cannot be read', error)
      return undefined
    }
  }

  async #renewal(signal: AbortSignal): Promise<number> {
    const { system, write, renewed } = this.#options
    const own = this.#own()
    if (own === undefined) return LOOK_MS
    if (this.#share?.id !== own.id) {
      const draw = system.random.bytes(1)[0]! / 256
      this.#share = { id: own.id, of: RENEW_AFTER + SPREAD * draw }
      this.#revoked = false
    }
    const due = partOfLife(own, this.#share.of)
    const now = system.clock.now()
    if (now < due) return Math.min(LOOK_MS, Math.max(1, due - now))
    const fresh = await this.#renew(own, signal)
    if (fresh === undefined) {
      if (!signal.aborted && system.clock.now() >= partOfLife(own, WARN_AFTER)) {
        for (const { text } of this.warnings()) this.#warnOnce(text)
      }
      return this.#backoffs.failed(RENEWAL)
    }
    await write(fresh)
    this.#backoffs.forget(RENEWAL)
    this.#revoked = false
    this.#lastWarned = undefined
    this.#log.info({ until: new Date(readMembership(fresh).expiresAt).toISOString() }, 'membership renewed')
    renewed()
    return 1
  }

  /** @returns a credential that is checked, and better than the one that we have */
  async #renew(own: Membership, signal: AbortSignal): Promise<string | undefined> {
    const { issuer, self, domain, registry, client, read } = this.#options
    const jwt = read()!.trim()
    if (issuer) {
      try {
        return this.#better(issuer.renew(jwt, self), own)
      } catch (error) {
        this.#failed(self, error as Error, error instanceof MembershipError ? error.code : undefined)
        return undefined
      }
    }
    for (const supernode of domainSupernodes(registry, domain)) {
      if (signal.aborted) return undefined
      try {
        const { body } = await client.call(supernode, {
          method: 'POST',
          path: '/api/v2/membership/renew',
          body: { membership: jwt },
          timeoutMs: CALL_TIMEOUT_MS,
          signal,
        })
        const { membership } = (body ?? {}) as { membership?: unknown }
        if (typeof membership !== 'string')
          throw new MembershipError('malformed', 'no credential in the answer')
        const { error } = registry.examine(self, membership)
        if (error) throw error
        return this.#better(membership, own)
      } catch (error) {
        if (isProblem(error)) this.#failed(supernode.id, error, error.extensions['reason'])
        else if (isTransportError(error) || error instanceof MembershipError)
          this.#failed(supernode.id, error)
        else throw error
      }
    }
    return undefined
  }

  #better(jwt: string, own: Membership): string {
    const fresh = readMembership(jwt)
    // It may end before the old one does: the first credential of a member lasts longer than those that renew it.
    const later = fresh.issuedAt > own.issuedAt && fresh.expiresAt > this.#options.system.clock.now()
    if (later && fresh.role === own.role && fresh.domain === own.domain) return jwt
    throw new MembershipError('malformed', 'the answer is not a renewal of our credential')
  }

  #failed(supernode: string, error: Error, reason?: unknown): void {
    if (reason === 'revoked') {
      this.#revoked = true
      this.#warnOnce('our membership was revoked')
    }
    this.#log.debug({ err: error, supernode }, 'membership not renewed')
  }

  #warnOnce(text: string, error?: Error): void {
    if (this.#lastWarned === text) return
    this.#lastWarned = text
    this.#log.warn(error ? { err: error } : {}, text)
  }
}
