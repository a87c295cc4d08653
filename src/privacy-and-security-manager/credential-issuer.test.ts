import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { silentLog } from '../kernel/log.ts'
import { createAuthority, type Authority } from './authority.ts'
import { issueMembership, readMembership, verifyMembership } from './membership.ts'
import type { MembershipErrorCode } from './membership-error.ts'
import { CredentialIssuer, RENEWAL_GRACE_MS } from './credential-issuer.ts'
import { readRevoked, revokedFile, revokeMembership } from './revoked-file.ts'
import { Revocations, signRevocations, verifyRevocations } from './revocations.ts'

const HOUR = 3_600_000
const alice = testIdentity('alice').id
const bob = testIdentity('bob').id

let simulation: SimulatedSystem
let directory: string
let authority: Authority
let revocations: Revocations
let issuer: CredentialIssuer

beforeEach(async () => {
  simulation = createSimulatedSystem(5)
  directory = mkdtempSync(join(tmpdir(), 'tributary-issuer-'))
  authority = await createAuthority(directory, 'acme.example', simulation.system)
  revocations = new Revocations()
  issuer = open()
  await issuer.start()
})
afterEach(async () => {
  await issuer.stop()
  rmSync(directory, { recursive: true, force: true })
})

function open(): CredentialIssuer {
  const { system } = simulation
  return new CredentialIssuer({ directory, lifetimeMs: HOUR, revocations, system, log: silentLog })
}

const admit = (subject = alice, by = authority): string =>
  issueMembership(by, { subject, role: 'node', system: simulation.system, validForMs: HOUR })

function codeOf(action: () => unknown): MembershipErrorCode | 'done' {
  try {
    action()
    return 'done'
  } catch (error) {
    return (error as { code: MembershipErrorCode }).code
  }
}

describe('the membership issuer', () => {
  it('renews a credential while it is valid and a week longer, and remembers the admission', async () => {
    const first = admit()
    await simulation.advance(HOUR / 2)
    const second = issuer.renew(first, alice)
    expect(readMembership(second)).toMatchObject({
      subject: alice,
      role: 'node',
      issuedAt: simulation.now(),
      expiresAt: simulation.now() + HOUR,
      admission: { id: readMembership(first).id, at: readMembership(first).issuedAt },
    })
    await issuer.stop() // so that a week is not half a million looks at a file
    await simulation.advance(RENEWAL_GRACE_MS + HOUR / 2)
    const third = issuer.renew(second, alice)
    expect(readMembership(third).admission).toEqual(readMembership(second).admission)
    expect(codeOf(() => issuer.renew(first, alice))).toBe('expired')
  })

  it('renews nothing for another node, of another authority, or altered', async () => {
    const other = await createAuthority(join(directory, 'other'), 'acme.example', simulation.system)
    expect(codeOf(() => issuer.renew(admit(), bob))).toBe('malformed')
    expect(codeOf(() => issuer.renew(admit(alice, other), alice))).toBe('unknown-authority')
    const [header, payload, signature] = admit().split('.')
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object
    const raised = Buffer.from(JSON.stringify({ ...claims, role: 'supernode' })).toString('base64url')
    expect(codeOf(() => issuer.renew(`${header}.${raised}.${signature}`, alice))).toBe('bad-signature')
  })

  it('refuses what was revoked a moment ago, before it has looked by itself', async () => {
    const ofAlice = issuer.renew(admit(), alice)
    const ofBob = admit(bob)
    await revokeMembership(directory, { node: alice }, simulation.system)
    await revokeMembership(directory, { jti: readMembership(ofBob).id }, simulation.system)
    expect(codeOf(() => issuer.renew(ofAlice, alice))).toBe('revoked')
    expect(codeOf(() => issuer.renew(ofBob, bob))).toBe('revoked')
    await simulation.advance(1_000)
    expect(codeOf(() => issuer.renew(admit(), alice))).toBe('done')
  })

  it('knows after a restart what was revoked before', async () => {
    const ofAlice = admit()
    await revokeMembership(directory, { node: alice }, simulation.system)
    revocations = new Revocations()
    const again = open()
    await again.start()
    expect(codeOf(() => again.renew(ofAlice, alice))).toBe('revoked')
    await again.stop()
  })

  it('does not open without an authority, or with a list that cannot be read', async () => {
    writeFileSync(revokedFile(directory), '[]')
    await expect(open().start()).rejects.toMatchObject({ code: 'malformed' })
    directory = join(directory, 'nothing')
    await expect(open().start()).rejects.toMatchObject({ code: 'missing' })
    directory = join(directory, '..')
  })

  it('signs what it says was revoked', async () => {
    await revokeMembership(directory, { node: alice }, simulation.system)
    const trustedAuthorities = new Map([['acme.example', [authority.id]]])
    const list = verifyRevocations(issuer.revocationList().jws, { trustedAuthorities })
    expect(list).toMatchObject({
      issuer: authority.id,
      domain: 'acme.example',
      entries: [{ node: alice, at: simulation.now() }],
    })
  })
})

describe('lists of revocations', () => {
  const trust = () => ({ trustedAuthorities: new Map([['acme.example', [authority.id]]]) })
  const valid = (jwt: string): boolean =>
    codeOf(() => verifyMembership(jwt, { ...trust(), revoked: revocations, now: simulation.now() })) ===
    'done'

  it('void what their own issuer issued, and nothing of another domain', async () => {
    const other = await createAuthority(join(directory, 'other'), 'other.example', simulation.system)
    const jwt = admit()
    const entries = [{ node: alice, at: simulation.now() }]
    revocations.add({ issuer: other.id, entries })
    expect(valid(jwt)).toBe(true)
    revocations.add({ issuer: authority.id, entries })
    expect(valid(jwt)).toBe(false)
  })

  it('restore nobody when an older one is shown again', () => {
    const jwt = admit()
    const at = simulation.now()
    expect(revocations.add({ issuer: authority.id, entries: [{ node: alice, at }] })).toBe(true)
    expect(revocations.add({ issuer: authority.id, entries: [] })).toBe(false)
    expect(revocations.add({ issuer: authority.id, entries: [{ node: alice, at: at - HOUR }] })).toBe(false)
    expect(valid(jwt)).toBe(false)
  })

  it('count only when an authority of the domain signed them', async () => {
    const other = await createAuthority(join(directory, 'other'), 'acme.example', simulation.system)
    const list = signRevocations(other, [], simulation.now())
    expect(codeOf(() => verifyRevocations(list, trust()))).toBe('unknown-authority')
    const own = signRevocations(authority, [{ node: alice, at: 0 }], simulation.now())
    const [header, , signature] = own.split('.')
    const [, empty] = signRevocations(authority, [], simulation.now()).split('.')
    expect(codeOf(() => verifyRevocations(`${header}.${empty}.${signature}`, trust()))).toBe('bad-signature')
    for (const garbage of ['', 'a.b.c', admit(), 'x'.repeat(3 << 20), null as never]) {
      expect(codeOf(() => verifyRevocations(garbage, trust()))).toBe('malformed')
    }
  })
})

describe('revoked.json', () => {
  it('keeps one entry for a node, the latest, and every credential once', async () => {
    const { system } = simulation
    expect(await revokeMembership(directory, { node: alice }, system)).toBe(true)
    expect(await revokeMembership(directory, { jti: 'one' }, system)).toBe(true)
    await simulation.advance(5_000)
    expect(await revokeMembership(directory, { node: alice }, system)).toBe(true)
    expect(await revokeMembership(directory, { jti: 'one' }, system)).toBe(false)
    expect(readRevoked(directory)).toEqual([
      { credential: 'one', at: simulation.now() - 5_000 },
      { node: alice, at: simulation.now() },
    ])
    expect(readFileSync(revokedFile(directory), 'utf8')).toContain('"credential": "one"')
  })

  it('loses nothing when two revoke at once: one of them is told to try again', async () => {
    const { system } = simulation
    const results = await Promise.allSettled(
      ['one', 'two', 'three', 'four'].map((jti) => revokeMembership(directory, { jti }, system)),
    )
    const done = results.filter(({ status }) => status === 'fulfilled').length
    expect(done).toBeGreaterThan(0)
    expect(readRevoked(directory)).toHaveLength(done)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'exists' })
    }
  })

  it('is not touched for what is no node, no id, or no authority', async () => {
    const { system } = simulation
    await expect(revokeMembership(directory, { node: 'bob' }, system)).rejects.toMatchObject({
      code: 'malformed-node-id',
    })
    await expect(revokeMembership(directory, { jti: ' ' }, system)).rejects.toBeInstanceOf(RangeError)
    await expect(revokeMembership(join(directory, 'x'), { jti: 'a' }, system)).rejects.toMatchObject({
      code: 'missing',
    })
    writeFileSync(revokedFile(directory), 'not JSON')
    await expect(revokeMembership(directory, { jti: 'a' }, system)).rejects.toMatchObject({
      code: 'malformed',
    })
    expect(readFileSync(revokedFile(directory), 'utf8')).toBe('not JSON')
  })
})
