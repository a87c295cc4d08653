/**
 * Keeps this node a member: has its credential renewed in time, and learns who is a member no more.
 *
 * Asks the supernodes of its own domain; where the node itself holds the authority, its own issuer.
 */
import { backOff } from '../kernel/back-off.ts'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System, Timer } from '../kernel/system.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { readMembership, type Membership } from './membership.ts'
import { MembershipError } from './membership-error.ts'
import type { CredentialIssuer } from './credential-issuer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { verifyRevocations, type Revocations } from './revocations.ts'
import type { MembershipTrust } from './membership.ts'

export interface CredentialRenewerOptions {
  readonly self: NodeId
  readonly domain: string
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly trust: Pick<MembershipTrust, 'trustedAuthorities'>
  readonly revocations: Revocations
  /** Our own credential, as it is now; undefined when we have none. */
  readonly read: () => string | undefined
  /** Puts a fresh one in its place. */
  readonly write: (jwt: string) => Promise<void>
  /** Keeps a list of revocations over a restart. */
  readonly writeRevocations: (jws: string) => Promise<void>
  /** Where this node holds the authority of its domain itself. */
  readonly issuer: CredentialIssuer | undefined
  /** Called with every fresh credential. */
  readonly renewed: () => void
  readonly system: System
  readonly log: Log
}

export interface MembershipWarning {
  readonly code: 'membership-ends' | 'membership-ended' | 'membership-revoked'
  readonly severity: 'high'
  readonly text: string
}

/** The part of its life after which a credential is renewed; a little later for some, not all at once. */
const RENEW_AFTER = 2 / 3
const SPREAD = 0.05
/** From this part of its life on, that it was not renewed is a warning. */
const WARN_AFTER = 5 / 6
/** The file may be replaced by hand, and clocks jump: looked at this often, whatever was worked out. */
const LOOK_MS = 60_000
const FIRST_LOOK_MS = 500
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 300_000
const CALL_TIMEOUT_MS = 5_000
/** A supernode is asked to answer as soon as it has another list of revocations, or after this time. */
const REVOCATIONS_WAIT_SECONDS = 25
/** How often one is asked that does not wait; until there is a list, more often. */
const REVOCATIONS_MS = 60_000
const FIRST_REVOCATIONS_MS = 5_000
const AGAIN_MS = 200

export class CredentialRenewer implements Component {
  readonly #options: CredentialRenewerOptions
  readonly #log: Log
  #running:
    | { readonly abort: AbortController; readonly timers: Map<string, Timer>; busy: Set<Promise<void>> }
    | undefined
  #attempts = 0
  /** When this credential is due, as a part of its life; drawn once for each. */
  #share: { readonly id: string; readonly of: number } | undefined
  #revoked = false
  #lastWarned: string | undefined
  /** Per supernode, the list that it gave us last. */
  readonly #lists = new Map<string, number>()

  constructor(options: CredentialRenewerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'credential-renewer' })
  }

  start(): Promise<void> {
    if (this.#running) return Promise.resolve()
    this.#running = { abort: new AbortController(), timers: new Map(), busy: new Set() }
    this.#after('renewal', FIRST_LOOK_MS, (signal) => this.#renewal(signal))
    if (!this.#options.issuer) this.#after('revocations', FIRST_LOOK_MS, (signal) => this.#follow(signal))
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.abort.abort()
    for (const timer of running?.timers.values() ?? []) timer.cancel()
    await Promise.allSettled([...(running?.busy ?? [])])
  }

  /** What the operator should know, now. */
  warnings(): readonly MembershipWarning[] {
    const own = this.#own()
    if (own === undefined) return []
    const end = new Date(own.expiresAt).toISOString()
    if (this.#revoked) {
      return [
        warning('membership-revoked', `the membership of ${own.domain} was revoked: ask for a new admission`),
      ]
    }
    const now = this.#options.system.clock.now()
    if (own.expiresAt <= now) {
      return [warning('membership-ended', `the membership of ${own.domain} ended ${end} and was not renewed`)]
    }
    return now >= partOf(own, WARN_AFTER)
      ? [
          warning(
            'membership-ends',
            `the membership of ${own.domain} ends ${end}; no supernode renewed it so far`,
          ),
        ]
      : []
  }

  /** One task after the other of each name; each says when it wants to run again, in milliseconds. */
  #after(name: string, ms: number, task: (signal: AbortSignal) => Promise<number>): void {
    const running = this.#running
    if (running === undefined) return
    const { abort, timers, busy } = running
    timers.set(
      name,
      this.#options.system.clock.after(ms, () => {
        const done = task(abort.signal)
          .catch((error: unknown) => {
            if (!abort.signal.aborted) this.#log.warn({ err: error, task: name }, 'unexpected failure')
            return LONGEST_RETRY_MS
          })
          .then((next) => {
            busy.delete(done)
            if (!abort.signal.aborted) this.#after(name, next, task)
          })
        busy.add(done)
      }),
    )
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
    const due = partOf(own, this.#share.of)
    const now = system.clock.now()
    if (now < due) return Math.min(LOOK_MS, Math.max(1, due - now))
    const fresh = await this.#renew(own, signal)
    if (fresh === undefined) {
      if (!signal.aborted && system.clock.now() >= partOf(own, WARN_AFTER)) {
        for (const { text } of this.warnings()) this.#warnOnce(text)
      }
      return backOff(this.#attempts++, FIRST_RETRY_MS, LONGEST_RETRY_MS)
    }
    await write(fresh)
    this.#attempts = 0
    this.#revoked = false
    this.#lastWarned = undefined
    this.#log.info({ until: new Date(readMembership(fresh).expiresAt).toISOString() }, 'membership renewed')
    renewed()
    return 1
  }

  /** @returns a credential that is checked, and better than the one that we have */
  async #renew(own: Membership, signal: AbortSignal): Promise<string | undefined> {
    const { issuer, self, registry, client, read } = this.#options
    const jwt = read()!.trim()
    if (issuer) {
      try {
        return this.#better(issuer.renew(jwt, self), own)
      } catch (error) {
        this.#failed(self, error as Error, error instanceof MembershipError ? error.code : undefined)
        return undefined
      }
    }
    for (const supernode of this.#supernodes()) {
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
    throw new MembershipError('malformed', 'what came back is no renewal of our credential')
  }

  #failed(supernode: string, error: Error, reason?: unknown): void {
    if (reason === 'revoked') {
      this.#revoked = true
      this.#warnOnce('our membership was revoked')
    }
    this.#log.debug({ err: error, supernode }, 'membership not renewed')
  }

  async #follow(signal: AbortSignal): Promise<number> {
    // Only members are told.
    if (this.#own() === undefined) return LOOK_MS
    const { clock } = this.#options.system
    const since = clock.monotonic()
    const outcomes = await Promise.all(this.#supernodes().map((each) => this.#followOne(each, signal)))
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
    const { client, trust, domain, revocations, writeRevocations } = this.#options
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
      await writeRevocations(jws as string)
    }
    this.#lists.set(supernode.id, list.issuedAt)
    return true
  }

  /** By proof or, while it could prove nothing, by configuration. */
  #supernodes(): readonly { readonly address: string; readonly id: NodeId }[] {
    const { registry, domain } = this.#options
    return registry.list().flatMap(({ spec }) => {
      if (spec.address === undefined || spec.nodeID === undefined) return []
      const id = parseNodeId(spec.nodeID)
      const proved = registry.membershipOf(id)
      const ours = proved
        ? proved.domain === domain && proved.role === 'supernode'
        : spec.source === 'configured' && spec.role === 'supernode'
      return ours && registry.standing(id) !== 'rejected' ? [{ address: spec.address, id }] : []
    })
  }

  #warnOnce(text: string, error?: Error): void {
    if (this.#lastWarned === text) return
    this.#lastWarned = text
    this.#log.warn(error ? { err: error } : {}, text)
  }
}

/** @returns the moment at which a part of the life of a credential has passed */
function partOf({ issuedAt, expiresAt }: Membership, part: number): number {
  return issuedAt + (expiresAt - issuedAt) * part
}

function warning(code: MembershipWarning['code'], text: string): MembershipWarning {
  return { code, severity: 'high', text }
}
