/** Membership while a domain lives: renewed by itself, taken back, given anew. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { PeerKind } from '../../src/objects/peer.ts'
import { readMembership, revokeMembership } from '../../src/privacy-and-security-manager/index.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { outsider } from './ask.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

type Names = 'super' | 'alpha' | 'beta'

describe('membership of a domain', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(
    options: { readonly lifetime?: string; readonly firstMs?: number } = {},
  ): Promise<void> {
    const { lifetime = '1h', firstMs = HOUR } = options
    market = await startMarket(11, {
      super: { role: 'supernode', membershipLifetime: lifetime, membershipMs: firstMs },
      alpha: { peers: ['super'], membershipMs: firstMs },
      beta: { peers: ['super'], membershipMs: firstMs },
    })
    await market.simulation.advance(2_000)
  }

  const credential = ({ directory }: MarketNode) =>
    readMembership(readFileSync(join(directory, 'membership.jwt'), 'utf8').trim())

  async function phase(of: MarketNode, at: MarketNode): Promise<string | undefined> {
    const peers = (await at.store.list(PeerKind)).items
    return peers.find(({ spec }) => spec.nodeID === of.id)?.status?.phase
  }

  const warnings = ({ node }: MarketNode): readonly string[] =>
    node
      .status()
      .warnings.map(({ code }) => code)
      .filter((code) => code.startsWith('membership'))

  async function revoke(what: Parameters<typeof revokeMembership>[1]): Promise<boolean> {
    return revokeMembership(market.authorityDirectory('example.org'), what, market.simulation.named('cli'))
  }

  it('is renewed by itself, again and again, for the supernode too; nobody loses anybody', async () => {
    await begin()
    const { super: supernode, alpha, beta } = market.nodes
    const first = credential(alpha)
    await market.simulation.advance(39 * MINUTE)
    expect(credential(alpha).id).toBe(first.id)
    for (let round = 0; round < 8; round++) {
      await market.simulation.advance(30 * MINUTE)
      for (const node of [supernode, alpha, beta]) {
        expect(credential(node).expiresAt).toBeGreaterThan(market.simulation.now())
        expect(warnings(node)).toEqual([])
      }
      expect(await phase(alpha, supernode)).toBe('Accepted')
      expect(await phase(alpha, beta)).toBe('Accepted')
      expect(await phase(supernode, beta)).toBe('Accepted')
    }
    expect(credential(alpha)).toMatchObject({ admission: { id: first.id, at: first.issuedAt }, role: 'node' })
    expect(statSync(join(alpha.directory, 'membership.jwt')).mode & 0o777).toBe(0o600)
  })

  it('brings a long first credential down to the life time of the authority when it is due', async () => {
    await begin({ lifetime: '1h', firstMs: 6 * HOUR })
    await market.simulation.advance(4.4 * HOUR)
    const { issuedAt, expiresAt } = credential(market.nodes.beta)
    expect(expiresAt - issuedAt).toBe(HOUR)
    expect(warnings(market.nodes.beta)).toEqual([])
  })

  it('warns when nobody renews it, and is renewed after its end when the supernode comes back in time', async () => {
    await begin()
    const { super: supernode, alpha } = market.nodes
    await supernode.kill()
    await market.simulation.advance(45 * MINUTE)
    expect(warnings(alpha)).toEqual([])
    await market.simulation.advance(10 * MINUTE)
    expect(warnings(alpha)).toEqual(['membership-ends'])
    await market.simulation.advance(30 * MINUTE)
    expect(warnings(alpha)).toEqual(['membership-ended'])
    await supernode.restart()
    await market.simulation.advance(10 * MINUTE)
    expect(warnings(alpha)).toEqual([])
    expect(await phase(alpha, supernode)).toBe('Accepted')
  })

  it('is renewed for nobody but the node that it is about', async () => {
    await begin()
    const { super: supernode, alpha } = market.nodes
    const jwt = readFileSync(join(alpha.directory, 'membership.jwt'), 'utf8').trim()
    const renew = (membership: string) =>
      ({ method: 'POST', path: '/api/v2/membership/renew', body: { membership } }) as const
    const eve = outsider(market, 'eve')
    expect(await eve.outcome(supernode, renew(jwt))).toBe('malformed-body malformed')
    expect(await eve.outcome(supernode, renew('nothing'))).toBe('malformed-body malformed')
    expect(await eve.outcome(alpha, renew(jwt))).toBe('not-supported')
    const revoked = { method: 'GET', path: '/api/v2/membership/revoked' } as const
    expect(await eve.outcome(supernode, revoked)).toBe('peer-unknown')
  })

  it('ends within seconds, at the supernode and at the other members, when it is revoked', async () => {
    await begin()
    const { super: supernode, alpha, beta } = market.nodes
    expect(await phase(alpha, beta)).toBe('Accepted')
    expect(await revoke({ node: alpha.id })).toBe(true)
    await market.simulation.advance(3_000)
    expect(await phase(alpha, supernode)).toBe('Unknown')
    expect(await phase(alpha, beta)).not.toBe('Accepted')
    const list = { method: 'GET', path: '/api/v2/flavors' } as const
    const again = outsider(market, 'alpha')
    expect(await again.outcome(beta, list)).not.toBe('200')
    await market.simulation.advance(42 * MINUTE)
    expect(warnings(alpha)).toEqual(['membership-revoked'])
    expect(warnings(beta)).toEqual([])
  })

  it('of two that are revoked one after the other in a second ends for both', async () => {
    await begin()
    const { super: supernode, alpha, beta } = market.nodes
    const list = async () =>
      (await outsider(market, 'beta').ask(supernode, {
        method: 'GET',
        path: '/api/v2/membership/revoked',
      })) as {
        body: { revocations: string }
      }
    const made = async () =>
      (
        JSON.parse(Buffer.from((await list()).body.revocations.split('.')[1]!, 'base64url').toString()) as {
          iat: number
        }
      ).iat
    await revoke({ node: alpha.id })
    const first = await made()
    await revoke({ node: outsider(market, 'eve').id })
    expect(await made()).toBeGreaterThan(first)
    expect(await phase(beta, supernode)).toBe('Accepted')
  })

  it('stays revoked when it was renewed in the very moment, and over a restart without the supernode', async () => {
    await begin()
    const { super: supernode, alpha, beta } = market.nodes
    await market.simulation.advance(HOUR)
    const renewed = credential(alpha)
    expect(renewed.admission.id).not.toBe(renewed.id)
    // By the id of the first credential, which the node no longer shows.
    expect(await revoke({ jti: renewed.admission.id })).toBe(true)
    expect(await revoke({ jti: renewed.admission.id })).toBe(false)
    await market.simulation.advance(2 * MINUTE)
    expect(await phase(alpha, beta)).not.toBe('Accepted')
    await supernode.kill()
    await beta.kill()
    await beta.restart()
    await market.simulation.advance(MINUTE)
    expect(await phase(alpha, beta)).not.toBe('Accepted')
    expect(await phase(supernode, beta)).toBeDefined()
  })

  it('can be given anew to a node whose membership was revoked', async () => {
    await begin()
    const { super: supernode, alpha, beta } = market.nodes
    await revoke({ node: alpha.id })
    await market.simulation.advance(2 * MINUTE)
    const fresh = market.domains.get('example.org')!.issue({ id: alpha.id as never }, 'node', HOUR)
    writeFileSync(join(alpha.directory, 'membership.jwt'), fresh)
    await market.simulation.advance(2 * MINUTE)
    expect(await phase(alpha, supernode)).toBe('Accepted')
    expect(await phase(alpha, beta)).toBe('Accepted')
    await market.simulation.advance(HOUR)
    expect(credential(alpha).admission.id).toBe(readMembership(fresh).id)
    expect(warnings(alpha)).toEqual([])
  })

  it('is renewed for nobody while it cannot be read who was revoked', async () => {
    await begin()
    const { super: supernode, alpha } = market.nodes
    const file = join(market.authorityDirectory('example.org'), 'revoked.json')
    writeFileSync(file, '{"revoked": [')
    await market.simulation.advance(50 * MINUTE)
    const before = credential(alpha)
    expect(before.expiresAt).toBeLessThanOrEqual(market.simulation.now() + 11 * MINUTE)
    expect(warnings(supernode)).toEqual(['membership-ends'])
    rmSync(file)
    await market.simulation.advance(6 * MINUTE)
    expect(credential(alpha).id).not.toBe(before.id)
    expect(warnings(supernode)).toEqual([])
  })
})
