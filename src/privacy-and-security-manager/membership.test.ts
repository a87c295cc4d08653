import { jwtVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { testDomain, testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { signEncoded, encodeHeader } from './compact-jws.ts'
import {
  type Membership,
  type MembershipError,
  publicKeyOf,
  signDocument,
  verifyMembership,
  type MembershipErrorCode,
} from './index.ts'

const { system } = createSimulatedSystem(1)
const now = system.clock.now()
const acme = testDomain('acme.example', ['alice', 'supernode-acme'], system)
const other = testDomain('other.example', ['eve'], system)
const { alice } = acme.members
const HOUR = 3_600_000

function failsWith(code: MembershipErrorCode): MembershipError {
  return expect.objectContaining({ name: 'MembershipError', code }) as MembershipError
}

/** A credential with any claims, properly signed by the authority of acme. */
function signed(claims: unknown, typ = 'tributary-membership+jwt'): string {
  const { key } = acme.authority
  const header = encodeHeader(key, typ)
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `${header}.${payload}.${signEncoded(key, header, payload)}`
}

const seconds = Math.floor(now / 1000)
const claims = {
  iss: acme.authority.id,
  sub: alice.identity.id,
  domain: 'acme.example',
  role: 'node',
  iat: seconds,
  exp: seconds + 3600,
  jti: 'one',
}

describe('membership credentials', () => {
  it('prove subject, domain and role until they expire', () => {
    const jwt = acme.issue(alice.identity, 'node', HOUR)
    expect(verifyMembership(jwt, { ...acme.trust, now })).toEqual({
      subject: alice.identity.id,
      domain: 'acme.example',
      role: 'node',
      issuer: acme.authority.id,
      id: expect.any(String) as string,
      issuedAt: now,
      expiresAt: now + HOUR,
      admission: { id: expect.any(String) as string, at: now },
    })
    expect(verifyMembership(acme.members['supernode-acme'].membership, { ...acme.trust, now }).role).toBe(
      'supernode',
    )
  })

  it('are ordinary JWTs for other implementations', async () => {
    const key = await importJWK(publicKeyOf(acme.authority.id).export({ format: 'jwk' }), 'EdDSA')
    const { payload } = await jwtVerify(alice.membership, key, { currentDate: new Date(now) })
    expect(payload).toMatchObject({ iss: acme.authority.id, sub: alice.identity.id, domain: 'acme.example' })
  })

  it('prove nothing once expired, and nothing long before they were issued', () => {
    const jwt = acme.issue(alice.identity, 'node', HOUR)
    const verifyAt = (at: number) => () => verifyMembership(jwt, { ...acme.trust, now: at })
    expect(verifyAt(now + HOUR - 1)).not.toThrow()
    expect(verifyAt(now + HOUR)).toThrow(failsWith('expired'))
    expect(verifyAt(now - 30_000)).not.toThrow() // clocks differ a little
    expect(verifyAt(now - HOUR)).toThrow(failsWith('not-yet-valid'))
  })

  it('prove nothing when revoked', () => {
    const { id } = verifyMembership(alice.membership, { ...acme.trust, now })
    const options = { ...acme.trust, revoked: { covers: (each: Membership) => each.id === id }, now }
    expect(() => verifyMembership(alice.membership, options)).toThrow(failsWith('revoked'))
  })

  it('count only from an authority that is trusted for that very domain', () => {
    const forged = signed({ ...claims, domain: 'other.example' })
    const both = new Map([...acme.trust.trustedAuthorities, ...other.trust.trustedAuthorities])
    const options = { trustedAuthorities: both, now }
    expect(() => verifyMembership(forged, options)).toThrow(failsWith('unknown-authority'))
    expect(() => verifyMembership(other.members.eve.membership, { ...acme.trust, now })).toThrow(
      failsWith('unknown-authority'),
    )
    expect(verifyMembership(other.members.eve.membership, options).domain).toBe('other.example')
  })

  it('cannot be altered, or signed by somebody else in the name of the authority', () => {
    const [header, , signature] = signed(claims).split('.')
    const payload = Buffer.from(JSON.stringify({ ...claims, role: 'supernode' })).toString('base64url')
    const options = { ...acme.trust, now }
    expect(() => verifyMembership(`${header}.${payload}.${signature}`, options)).toThrow(
      failsWith('bad-signature'),
    )
    const eve = other.members.eve.identity.key
    const evil = `${header}.${payload}.${signEncoded(eve, header!, payload)}`
    expect(() => verifyMembership(evil, options)).toThrow(failsWith('bad-signature'))
  })

  it.each([
    ['no JWT', 'hello'],
    ['nothing', ''],
    ['something endless', 'x'.repeat(100_000)],
    ['a JWT of another type', signed(claims, 'JWT')],
    [
      'a signature of a document',
      signDocument(claims, { key: acme.authority.key, type: 'tributary-membership+jwt' }),
    ],
    ['another issuer than signer', signed({ ...claims, iss: alice.identity.id })],
    ['a subject that is no node', signed({ ...claims, sub: 'alice' })],
    ['an unknown role', signed({ ...claims, role: 'king' })],
    ['no end', signed({ ...claims, exp: undefined })],
    ['an end before its beginning', signed({ ...claims, exp: seconds - 1 })],
    ['no id', signed({ ...claims, jti: undefined })],
    ['claims that are a list', signed([])],
    ['claims that are null', signed(null)],
  ])('are malformed with %s', (_what, jwt) => {
    expect(() => verifyMembership(jwt, { ...acme.trust, now })).toThrow(failsWith('malformed'))
  })

  it('survive a time that no calendar knows', () => {
    const jwt = signed({ ...claims, iat: 1e300, exp: 2e300 })
    expect(() => verifyMembership(jwt, { ...acme.trust, now })).toThrow(failsWith('not-yet-valid'))
  })

  it('are about the subject, whoever shows them', () => {
    const { subject } = verifyMembership(alice.membership, { ...acme.trust, now })
    expect(subject).toBe(testIdentity('alice').id)
  })
})
