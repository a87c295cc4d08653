/**
 * What a domain's authority says, signed: claims in a JWT (RFC 7519). What the claims mean is the business of
 * `membership.ts` and `revocations.ts`, the only users.
 */
import { isNodeId, type NodeId } from '../objects/ids.ts'
import type { Authority } from './authority.ts'
import { decodeHeader, encodeHeader, isSignatureForm, signEncoded, verifyEncoded } from './compact-jws.ts'
import { MembershipError } from './membership-error.ts'

export interface AuthorityToken {
  readonly issuer: NodeId
  /** That the issuer speaks for. */
  readonly domain: string
  /** What it says besides. */
  readonly claims: Readonly<Record<string, unknown>>
  /**
   * Before this the token proves nothing.
   * @param trusted per domain, the authorities whose word counts for that domain
   * @throws MembershipError `unknown-authority`, `bad-signature`
   */
  verify(trusted: ReadonlyMap<string, readonly NodeId[]>): void
}

export interface TokenForm {
  /** `typ` of the header. */
  readonly type: string
  /** For messages: what it should be. */
  readonly what: string
  /** In characters. */
  readonly maxLength: number
}

/** @returns the token with which the authority says `claims` */
export function signToken(
  authority: Authority,
  { type }: Pick<TokenForm, 'type'>,
  claims: Readonly<Record<string, unknown>>,
): string {
  const header = encodeHeader(authority.key, type)
  const said = { iss: authority.id, domain: authority.domain, ...claims }
  const payload = Buffer.from(JSON.stringify(said)).toString('base64url')
  return `${header}.${payload}.${signEncoded(authority.key, header, payload)}`
}

/** @throws MembershipError `malformed` */
export function readToken(text: string, { type, what, maxLength }: TokenForm): AuthorityToken {
  const malformed = (why: string, cause?: unknown): MembershipError =>
    new MembershipError('malformed', `not a ${what}: ${why}`, { cause })
  if (typeof text !== 'string' || text.length > maxLength) throw malformed('too long')
  const parts = text.split('.', 4)
  const [header, payload, signature] = parts
  if (parts.length !== 3 || !header || !payload || !signature) throw malformed('not a compact JWT')
  const decoded = decodeHeader(header)
  if (decoded?.alg !== 'EdDSA' || decoded.typ !== type) throw malformed('wrong header')
  if (!isSignatureForm(signature)) throw malformed('not an Ed25519 signature')
  let said: unknown
  try {
    said = JSON.parse(Buffer.from(payload, 'base64url').toString())
  } catch (cause) {
    throw malformed('the claims are not JSON', cause)
  }
  if (typeof said !== 'object' || said === null) throw malformed('the claims are not an object')
  const { iss, domain, ...claims } = said as Record<string, unknown>
  if (typeof iss !== 'string' || !isNodeId(iss) || iss !== decoded.kid) throw malformed('iss')
  if (typeof domain !== 'string' || domain === '') throw malformed('domain')
  return {
    issuer: iss,
    domain,
    claims,
    verify(trusted) {
      if (trusted.get(domain)?.includes(iss) !== true) {
        const why = `${iss} is not trusted to speak for the domain ${domain}`
        throw new MembershipError('unknown-authority', why)
      }
      if (!verifyEncoded(iss, header, payload, signature))
        throw new MembershipError('bad-signature', `not signed by ${iss}, or altered since`)
    },
  }
}
