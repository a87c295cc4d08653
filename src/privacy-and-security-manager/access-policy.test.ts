import { describe, expect, it } from 'vitest'
import { testIdentity } from '../../test/support/identities.ts'
import { decide, judge, type AcceptancePolicy, type AccessLevel, type Standing } from './index.ts'
import type { Membership } from './membership.ts'

const nodeId = testIdentity('alice').id
const membership: Membership = {
  subject: nodeId,
  domain: 'acme.example',
  role: 'node',
  issuer: testIdentity('authority').id,
  id: 'one',
  issuedAt: 0,
  expiresAt: 0,
  admission: { id: 'one', at: 0 },
}

const ask: AcceptancePolicy = { mode: 'ask' }
const domain: AcceptancePolicy = { mode: 'domain', domains: ['acme.example'] }
const otherDomain: AcceptancePolicy = { mode: 'domain', domains: ['other.example'] }
const listed: AcceptancePolicy = { mode: 'listed', nodes: [nodeId] }
const open: AcceptancePolicy = { mode: 'anyone-for-listing' }

describe('judge', () => {
  it.each<[string, AcceptancePolicy, Standing, Standing, Standing]>([
    // policy            a stranger   configured   a member
    ['ask', ask, 'unknown', 'known', 'known'],
    ['domain', domain, 'unknown', 'known', 'accepted'],
    ['another domain', otherDomain, 'unknown', 'known', 'known'],
    ['listed', listed, 'accepted', 'accepted', 'accepted'],
    ['anyone for listing', open, 'known', 'known', 'known'],
  ])('under the policy %s', (_name, policy, stranger, configured, member) => {
    const facts = { nodeId, decision: undefined, configured: false, membership: undefined }
    expect(judge(policy, facts).standing).toBe(stranger)
    expect(judge(policy, { ...facts, configured: true }).standing).toBe(configured)
    expect(judge(policy, { ...facts, membership }).standing).toBe(member)
  })

  it.each([ask, domain, listed, open])("follows the user's decision before any policy (%j)", (policy) => {
    const facts = { nodeId, configured: true, membership }
    expect(judge(policy, { ...facts, decision: true }).standing).toBe('accepted')
    expect(judge(policy, { ...facts, decision: false }).standing).toBe('rejected')
  })
})

describe('decide', () => {
  it.each<[Standing, Record<AccessLevel, boolean>]>([
    ['unknown', { anyone: true, known: false, accepted: false, party: false }],
    ['known', { anyone: true, known: true, accepted: false, party: false }],
    ['accepted', { anyone: true, known: true, accepted: true, party: true }],
    ['rejected', { anyone: false, known: false, accepted: false, party: false }],
  ])('lets a caller of standing %s in where it may go, and nowhere else', (standing, expected) => {
    for (const [level, allowed] of Object.entries(expected)) {
      expect([level, decide({ nodeId, standing }, level as AccessLevel).allowed]).toEqual([level, allowed])
    }
  })

  it('lets nobody in who did not prove who he is, whatever is said of him', () => {
    for (const level of ['anyone', 'known', 'accepted', 'party'] as const) {
      expect(decide({ nodeId: undefined, standing: 'accepted', party: true }, level)).toMatchObject({
        allowed: false,
        status: 401,
        code: 'not-authenticated',
      })
    }
  })

  it('keeps an accepted partner away from the contracts of others', () => {
    expect(decide({ nodeId, standing: 'accepted', party: false }, 'party')).toMatchObject({
      allowed: false,
      status: 403,
      code: 'not-a-party',
    })
    expect(decide({ nodeId, standing: 'accepted', party: true }, 'party').allowed).toBe(true)
    expect(decide({ nodeId, standing: 'known', party: true }, 'party').allowed).toBe(false)
  })
})
