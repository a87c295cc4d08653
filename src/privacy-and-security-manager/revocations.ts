/**
 * Revocation: an authority takes credentials back before their time, and says so in a signed list.
 *
 * A node is revoked with all that it was given until then: renewals of a revoked admission are void too, a new
 * admission is not. Nothing is ever taken off a list, so that an old list, replayed, restores nobody.
 */
import { rfc3339 } from '../kernel/system.ts'
import { isNodeId, type NodeId } from '../objects/ids.ts'
import type { Authority } from './authority.ts'
import { readToken, signToken } from './authority-token.ts'
import type { Membership, MembershipTrust, RevokedCredentials } from './membership.ts'
import { MembershipError } from './membership-error.ts'

/** One entry of a list. Times are milliseconds since 1970. */
export type Revocation =
  | { readonly node: NodeId; readonly at: number }
  /** The credential of this id (`jti`), and those that renew it. */
  | { readonly credential: string; readonly at: number }

/** What an authority took back. */
export interface RevocationList {
  readonly issuer: NodeId
  readonly domain: string
  readonly issuedAt: number
  readonly entries: readonly Revocation[]
}

/** The length is that of some ten thousand entries. */
const FORM = { type: 'tributary-revocations+jwt', what: 'revocation list', maxLength: 2 << 20 }

/** All lists that this node has seen. What they void is void from then on. */
export class Revocations implements RevokedCredentials {
  readonly #byIssuer = new Map<
    string,
    { readonly nodes: Map<string, number>; readonly credentials: Set<string> }
  >()
  readonly #handlers = new Set<() => void>()

  covers({ issuer, subject, id, admission }: Membership): boolean {
    const revoked = this.#byIssuer.get(issuer)
    if (revoked === undefined) return false
    if (revoked.credentials.has(id) || revoked.credentials.has(admission.id)) return true
    const at = revoked.nodes.get(subject)
    return at !== undefined && admission.at <= at
  }

  /**
   * Takes a list over; it voids what its own issuer issued, nothing else.
   * @returns whether there was anything new in it
   */
  add({ issuer, entries }: Pick<RevocationList, 'issuer' | 'entries'>): boolean {
    const known = this.#byIssuer.get(issuer) ?? {
      nodes: new Map<string, number>(),
      credentials: new Set<string>(),
    }
    this.#byIssuer.set(issuer, known)
    let news = false
    for (const entry of entries) {
      if ('node' in entry) {
        if ((known.nodes.get(entry.node) ?? -Infinity) >= entry.at) continue
        known.nodes.set(entry.node, entry.at)
      } else {
        if (known.credentials.has(entry.credential)) continue
        known.credentials.add(entry.credential)
      }
      news = true
    }
    if (news) for (const handler of this.#handlers) handler()
    return news
  }

  onChange(handler: () => void): () => void {
    const own = (): void => handler()
    this.#handlers.add(own)
    return () => this.#handlers.delete(own)
  }
}

/**
 * @param now milliseconds since 1970
 * @returns the list as a compact JWS, for the members of the domain
 */
export function signRevocations(authority: Authority, entries: readonly Revocation[], now: number): string {
  return signToken(authority, FORM, {
    iat: Math.floor(now / 1000),
    revoked: entries.map(({ at, ...what }) => ({ ...what, at: rfc3339(at) })),
  })
}

/**
 * @returns the list, and whose it is
 * @throws MembershipError `malformed`, `unknown-authority`, `bad-signature`
 */
export function verifyRevocations(
  jws: string,
  { trustedAuthorities }: Pick<MembershipTrust, 'trustedAuthorities'>,
): RevocationList {
  const token = readToken(jws, FORM)
  const { iat, revoked } = token.claims
  if (typeof iat !== 'number') throw new MembershipError('malformed', `not a ${FORM.what}: iat`)
  token.verify(trustedAuthorities)
  const entries = parseRevocations(revoked)
  if (entries === undefined) throw new MembershipError('malformed', `not a ${FORM.what}: revoked`)
  return { issuer: token.issuer, domain: token.domain, issuedAt: iat * 1000, entries }
}

/** @returns the entries of a list as it is written, or undefined when one of them is none */
export function parseRevocations(json: unknown): readonly Revocation[] | undefined {
  if (!Array.isArray(json)) return undefined
  const entries: Revocation[] = []
  for (const each of json as readonly unknown[]) {
    if (typeof each !== 'object' || each === null) return undefined
    const { node, credential, at: when } = each as Record<string, unknown>
    const at = typeof when === 'string' ? Date.parse(when) : NaN
    if (Number.isNaN(at)) return undefined
    if (typeof node === 'string' && isNodeId(node)) entries.push({ node, at })
    else if (typeof credential === 'string' && credential !== '') entries.push({ credential, at })
    else return undefined
  }
  return entries
}
