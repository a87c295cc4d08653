/**
 * What the domain's authority does while the supernode that holds it runs: renews the credentials of members,
 * and says whose were taken back. Admitting is not done here: that is a person's decision.
 */
import { statSync } from 'node:fs'
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { System, Timer } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import { loadAuthority, type Authority } from './authority.ts'
import { issueMembership, verifyMembership, type Membership } from './membership.ts'
import { MembershipError } from './membership-error.ts'
import { readRevoked, revokedFile } from './revoked-file.ts'
import { signRevocations, type Revocations } from './revocations.ts'

export interface CredentialIssuerOptions {
  /** Of the authority. */
  readonly directory: string
  /** How long a renewed credential lasts, in milliseconds. */
  readonly lifetimeMs: number
  /** Where the revocations go, for the decisions of this node itself. */
  readonly revocations: Revocations
  readonly system: System
  readonly log: Log
}

/** How often `revoked.json` is looked at; before each renewal it is looked at anyway. */
const LOOK_MS = 2_000
/** A node that was off for so long after its credential ended need not be admitted anew. */
export const RENEWAL_GRACE_MS = 7 * 86_400_000

export class CredentialIssuer implements Component {
  readonly #options: CredentialIssuerOptions
  readonly #log: Log
  #authority: Authority | undefined
  #timer: Timer | undefined
  /** What the file looked like when it was read. */
  #seen: string | undefined
  #list: { readonly jws: string; readonly issuedAt: number } | undefined
  #unreadable: Error | undefined
  /** Who waits for another list. */
  readonly #waiting = new Set<() => void>()

  constructor(options: CredentialIssuerOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'credential-issuer' })
  }

  /** @throws KeyFileError when the directory holds no usable authority, or a broken list */
  async start(): Promise<void> {
    if (this.#timer) return
    this.#authority ??= await loadAuthority(this.#options.directory)
    this.#look()
    if (this.#unreadable) throw this.#unreadable
    this.#lookAgain()
  }

  stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#wake()
    return Promise.resolve()
  }

  /** The last look at `revoked.json`, if it failed: nothing is renewed meanwhile. */
  get failure(): Error | undefined {
    return this.#unreadable
  }

  /**
   * @param jwt a credential of this domain that is valid, or ended no longer than `RENEWAL_GRACE_MS` ago
   * @param subject who shows it, proved
   * @returns a fresh one for the same node in the same role
   * @throws MembershipError `malformed` also when it is about somebody else; `revoked`, `expired`, …
   * @throws Error when what was revoked cannot be read: it is not known then whom to renew
   */
  renew(jwt: string, subject: NodeId): string {
    const { system, revocations, lifetimeMs } = this.#options
    const authority = this.#open()
    this.#look()
    if (this.#unreadable) throw this.#unreadable
    const membership: Membership = verifyMembership(jwt, {
      trustedAuthorities: new Map([[authority.domain, [authority.id]]]),
      revoked: revocations,
      now: system.clock.now(),
      graceMs: RENEWAL_GRACE_MS,
    })
    if (membership.subject !== subject) {
      throw new MembershipError('malformed', `the credential is about ${membership.subject}, not ${subject}`)
    }
    this.#log.info({ member: subject, role: membership.role }, 'membership renewed')
    return issueMembership(authority, {
      subject,
      role: membership.role,
      system,
      validForMs: lifetimeMs,
      renews: membership,
    })
  }

  /** @returns the signed list of what was taken back, and when it was made (milliseconds since 1970) */
  revocationList(): { readonly jws: string; readonly issuedAt: number } {
    this.#open()
    this.#look()
    if (this.#list === undefined) throw this.#unreadable ?? new Error('the list was never read')
    return this.#list
  }

  /**
   * Resolves when there is another list than the caller's, when the time is over, or when the caller gave up.
   * @param known when the caller's list was made, milliseconds since 1970
   */
  async otherListThan(known: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.revocationList().issuedAt !== known || signal.aborted || this.#timer === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.system.clock.after(waitMs, resolve)
    this.#waiting.add(resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    timer.cancel()
    this.#waiting.delete(resolve)
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
  }

  #open(): Authority {
    if (this.#authority === undefined) throw new Error('the membership issuer is not open')
    return this.#authority
  }

  #lookAgain(): void {
    this.#timer = this.#options.system.clock.after(LOOK_MS, () => {
      this.#look()
      this.#lookAgain()
    })
  }

  /** Reads the file if it changed. One look costs one system call: small enough to wait for. */
  #look(): void {
    const { directory, system, revocations } = this.#options
    const authority = this.#open()
    const stats = statSync(revokedFile(directory), { throwIfNoEntry: false })
    const looks = stats === undefined ? 'absent' : `${stats.ino} ${stats.size} ${stats.mtimeMs}`
    if (looks === this.#seen) return
    this.#seen = looks
    try {
      const entries = readRevoked(directory)
      // Two lists of one second must be told apart, too.
      const issuedAt = Math.max(
        Math.floor(system.clock.now() / 1000) * 1000,
        (this.#list?.issuedAt ?? 0) + 1000,
      )
      this.#list = { jws: signRevocations(authority, entries, issuedAt), issuedAt }
      this.#unreadable = undefined
      if (revocations.add({ issuer: authority.id, entries })) {
        this.#log.info({ entries: entries.length }, 'memberships were revoked')
      }
      this.#wake()
    } catch (error) {
      this.#unreadable = error as Error
      this.#log.error(
        { err: error },
        'what was revoked cannot be read; no membership is renewed until it can',
      )
    }
  }
}
