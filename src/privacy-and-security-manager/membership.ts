/**
 * Membership credentials: a domain's authority says, for a limited time, that a node belongs to the domain.
 *
 * A JWT (RFC 7519) bound to the node's key by its subject: useless to anybody who cannot also prove that key
 * in the TLS handshake. It proves membership; what a member may do is `access-policy.ts`.
 */
import { isNodeId, type NodeId } from '../objects/ids.ts'
import type { PeerRole } from '../objects/peer.ts'
import { uuid, type System } from '../kernel/system.ts'
import type { Authority } from './authority.ts'
import { readToken, signToken, type AuthorityToken } from './authority-token.ts'
import { MembershipError } from './membership-error.ts'

/** What a valid credential proves. */
export interface Membership {
  readonly subject: NodeId
  readonly domain: string
  readonly role: PeerRole
  readonly issuer: NodeId
  /** The credential's own id, for revocation. */
  readonly id: string
  /** Milliseconds since 1970, as all times here. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** The credential that the member was admitted with; this one, or the first of those that it renews. */
  readonly admission: { readonly id: string; readonly at: number }
}

/** Which credentials were taken back before their time. */
export interface RevokedCredentials {
  /** @returns whether the credential is void, although it is genuine and has not expired */
  covers(membership: Membership): boolean
  /** Is called whenever there is more that is void. @returns ends it */
  onChange?(handler: () => void): () => void
}

/** Whom a node believes about who belongs to which domain. */
export interface MembershipTrust {
  /** Per domain, the authorities whose word counts for that domain, and for no other. */
  readonly trustedAuthorities: ReadonlyMap<string, readonly NodeId[]>
  readonly revoked?: RevokedCredentials
}

const FORM = { type: 'tributary-membership+jwt', what: 'membership credential', maxLength: 4096 }
/** Clocks of different domains disagree a little. */
const SKEW_MS = 60_000
const DAY_MS = 86_400_000
/** How long the credential of an admission lasts unless the authority says otherwise: time to start the node. */
export const DEFAULT_MEMBERSHIP_MS = 7 * DAY_MS
const ROLES: ReadonlySet<unknown> = new Set<PeerRole>(['node', 'supernode', 'catalog'])

/**
 * @param authority who issues, and for which domain
 * @param options.subject the node that becomes a member
 * @param options.validForMs lifetime in milliseconds
 * @param options.renews the credential that this one follows; who was admitted then still is, and no more
 * @returns the credential, a compact JWT
 */
export function issueMembership(
  authority: Authority,
  options: {
    readonly subject: NodeId
    readonly role: PeerRole
    readonly system: System
    readonly validForMs?: number
    readonly renews?: Membership
  },
): string {
  const { subject, role, system, validForMs = DEFAULT_MEMBERSHIP_MS, renews } = options
  const now = system.clock.now()
  return signToken(authority, FORM, {
    sub: subject,
    role,
    iat: Math.floor(now / 1000),
    exp: Math.floor((now + validForMs) / 1000),
    jti: uuid(system.random),
    ...(renews && { adm_jti: renews.admission.id, adm_iat: Math.floor(renews.admission.at / 1000) }),
  })
}

/**
 * @param jwt what a node presents
 * @param options.now milliseconds since 1970
 * @param options.graceMs for how long after its end it still counts, in milliseconds; not at all unless given
 * @returns what it proves about its subject: compare that with who presented it
 * @throws MembershipError
 */
export function verifyMembership(
  jwt: string,
  options: MembershipTrust & { readonly now: number; readonly graceMs?: number },
): Membership {
  const token = readToken(jwt, FORM)
  const membership = membershipIn(token)
  const { domain, subject, issuedAt, expiresAt } = membership
  token.verify(options.trustedAuthorities)
  if (issuedAt - SKEW_MS > options.now) {
    throw new MembershipError('not-yet-valid', `the membership of ${subject} begins ${rfc(issuedAt)}`)
  }
  if (expiresAt + (options.graceMs ?? 0) <= options.now) {
    throw new MembershipError('expired', `the membership of ${subject} in ${domain} ended ${rfc(expiresAt)}`)
  }
  if (options.revoked?.covers(membership)) {
    throw new MembershipError('revoked', `the membership of ${subject} in ${domain} was revoked`)
  }
  return membership
}

/**
 * What a credential says, without any proof that it is so: for a node that looks at its own.
 * @throws MembershipError `malformed`
 */
export function readMembership(jwt: string): Membership {
  return membershipIn(readToken(jwt, FORM))
}

/** For messages; claims may hold a time that no calendar knows. */
function rfc(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function membershipIn({ issuer, domain, claims }: AuthorityToken): Membership {
  const malformed = (claim: string): MembershipError =>
    new MembershipError('malformed', `not a ${FORM.what}: ${claim}`)
  const { sub, role, iat, exp, jti } = claims
  const { adm_jti: admissionId = jti, adm_iat: admittedAt = iat } = claims
  if (typeof sub !== 'string' || !isNodeId(sub)) throw malformed('sub')
  if (!ROLES.has(role)) throw malformed('role')
  if (typeof iat !== 'number' || typeof exp !== 'number' || !(iat < exp)) throw malformed('iat, exp')
  if (typeof jti !== 'string' || typeof admissionId !== 'string') throw malformed('jti')
  if (typeof admittedAt !== 'number' || !(admittedAt <= iat)) throw malformed('adm_iat')
  return {
    subject: sub,
    domain,
    role: role as PeerRole,
    issuer,
    id: jti,
    issuedAt: iat * 1000,
    expiresAt: exp * 1000,
    admission: { id: admissionId, at: admittedAt * 1000 },
  }
}
