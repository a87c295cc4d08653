/** A catalog and those who deal with it, whole nodes on the simulated clock and network, faults included. */
import { afterEach, describe, expect, it } from 'vitest'
import { FLAVOR_SIGNATURE } from '../../src/contract-manager/index.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { FactKind } from '../../src/objects/fact.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { parseNodeId } from '../../src/objects/ids.ts'
import { PeeringCandidateKind } from '../../src/objects/peering-candidate.ts'
import { RatingStatementKind } from '../../src/objects/rating-statement.ts'
import { signDocument, verifyDocument } from '../../src/privacy-and-security-manager/index.ts'
import { RearClient } from '../../src/rear/client.ts'
import { isProblem } from '../../src/rear/problem.ts'
import { flavorTerms, flavorToWire } from '../../src/rear/wire/index.ts'
import { testIdentity } from '../support/identities.ts'
import { startMarket, type Market, type MarketConfig, type MarketNode } from '../support/market.ts'
import { CONSUMER, intent, provider, run, takeBack, until } from '../support/scenario.ts'

const TRUSTS = ['c.org', 'k.org', 'p.org']
const others = (own: string): readonly string[] => TRUSTS.filter((domain) => domain !== own)
const at = (domain: string, config: MarketConfig): MarketConfig => ({
  ...config,
  domain,
  trusts: others(domain),
})

/** Consumer, catalog, provider: each in a domain of its own; consumer and provider know the catalog only. */
const TRIO = {
  n: at('c.org', { ...CONSUMER, peers: [{ node: 'k' }] }),
  k: at('k.org', { role: 'catalog' }),
  p: at('p.org', { ...provider('4', '2'), peers: [{ node: 'k' }] }),
} as const

let market: Market<string>
afterEach(async () => {
  await market.stop()
})

interface Listed {
  readonly flavorID: string
  readonly owner: { readonly ID: string }
  readonly signature: string
  readonly relays?: readonly { readonly ID: string }[]
  readonly catalog: Readonly<Record<string, unknown>>
}

/** A client with the identity of a node of the market, from another place. */
function clientAs(name: string, from = `${name}-client.test:1`): RearClient {
  const system = market.simulation.named(from)
  return new RearClient({
    transport: market.network.transport(testIdentity(name), from),
    system,
    log: silentLog,
  })
}

function target(node: MarketNode) {
  return { address: node.address, id: parseNodeId(node.id) }
}

async function list(client: RearClient, catalog: MarketNode, query = ''): Promise<readonly Listed[]> {
  const { body } = await client.call(target(catalog), {
    method: 'GET',
    path: `/api/v2/flavors/k8slice${query}`,
  })
  return body as Listed[]
}

async function advertise(client: RearClient, catalog: MarketNode, body: object) {
  const answer = await client.call(target(catalog), { method: 'POST', path: '/api/v2/advertisements', body })
  return (
    answer.body as { results: { flavorID?: string; outcome: string; reason?: string; detail?: string }[] }
  ).results
}

/** The flavor that a provider offers now, as it goes out. */
async function offerOf(node: MarketNode) {
  const flavor = (await node.store.list(FlavorKind)).items[0]!
  return flavorToWire(flavor) as unknown as Record<string, unknown>
}

/** A flavor of the same node, signed as it does it, with a part of it changed. */
function resigned(name: string, flavor: Record<string, unknown>, change: Record<string, unknown>) {
  const terms = { ...flavorTerms(flavor), ...change }
  return { ...terms, signature: signDocument(terms, { ...FLAVOR_SIGNATURE, key: testIdentity(name).key }) }
}

describe('a catalog', () => {
  it('is kept filled by providers, and tells consumers whose the offers are, word for word', async () => {
    market = await startMarket(1, TRIO)
    await market.simulation.advance(2_000)
    const listed = await list(clientAs('n'), market.nodes['k']!)
    expect(listed).toHaveLength(1)
    const [flavor] = listed
    expect(flavor!.owner.ID).toBe(market.nodes['p']!.id)
    expect(flavor!.catalog).toMatchObject({ ID: market.nodes['k']!.id })
    expect(Date.parse(flavor!.catalog['validUntil'] as string)).toBeGreaterThan(
      market.simulation.now() + 60_000,
    )
    expect(Date.parse(flavor!.catalog['seenAt'] as string)).toBeLessThanOrEqual(market.simulation.now())
    const { signer } = verifyDocument(flavorTerms(flavor!), flavor!.signature, FLAVOR_SIGNATURE)
    expect(signer).toBe(market.nodes['p']!.id)
    // What is stored there is small, and readable all the same.
    const [entry] = (await market.nodes['k']!.store.list(PeeringCandidateKind)).items
    expect(entry!.spec).toMatchObject({ origin: 'advertised', offer: { owner: market.nodes['p']!.id } })
    expect(PeeringCandidateKind.columns.map((column) => column.render?.(entry!, 0))).toContain('p.org')
  })

  it('leads a consumer to a provider that it did not know; the contract is between the two', async () => {
    market = await startMarket(2, TRIO)
    await market.simulation.advance(2_000)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await run(market, n!, intent('hello', '1500m'))
    const [contract] = (await n!.store.list(ContractKind)).items
    expect(contract!.spec.seller.nodeID).toBe(p!.id)
    expect(contract!.spec.buyer.nodeID).toBe(n!.id)
    expect((await k!.store.list(ContractKind)).items).toEqual([])

    // What is left is on the table at once, in place of what was before.
    const client = clientAs('n')
    await market.simulation.advance(200)
    const [left, ...rest] = await list(client, k!)
    expect(rest).toEqual([])
    expect(left).toMatchObject({ type: { data: { charateristics: { cpu: '2500m' } } } })

    await takeBack(market, n!, 'hello')
    await market.simulation.advance(2_000)
    expect(await list(client, k!)).toMatchObject([{ type: { data: { charateristics: { cpu: '4' } } } }])
    await market.expectBalanced()
  })

  it('takes a sold-out offer off the table, and says so to nobody any more', async () => {
    market = await startMarket(3, {
      ...TRIO,
      p: at('p.org', { ...provider('1500m', '2'), peers: [{ node: 'k' }] }),
    })
    await market.simulation.advance(2_000)
    const { n, k } = market.nodes as Record<string, MarketNode>
    await run(market, n!, intent('all', '1500m'))
    await market.simulation.advance(200)
    expect(await list(clientAs('n'), k!)).toEqual([])
    const [entry] = (await k!.store.list(PeeringCandidateKind)).items
    expect(entry!.spec).toMatchObject({ available: false })
    expect(entry!.spec.advertisement).toBeUndefined()
  })

  it('that is killed comes back with what it knew; what it lost is advertised again', async () => {
    market = await startMarket(4, TRIO)
    const k = market.nodes['k']!
    await market.simulation.advance(2_000)
    await k.kill()
    await market.simulation.advance(10_000)
    await k.restart()
    await market.simulation.settle()
    const client = clientAs('n')
    expect(await list(client, k)).toHaveLength(1)

    // Longer away than anything holds, and everything lost.
    await k.kill()
    await market.simulation.advance(20 * 60_000)
    for (const { metadata } of (await k.store.list(PeeringCandidateKind)).items) {
      await k.store.delete(PeeringCandidateKind, { namespace: 'default', name: metadata.name })
    }
    await k.restart()
    expect(await list(client, k)).toEqual([])
    await market.simulation.advance(60_000)
    expect(await list(client, k)).toHaveLength(1)
    // And stays, refreshed in time.
    await market.simulation.advance(30 * 60_000)
    expect(await list(client, k)).toHaveLength(1)
  })

  it('drops the offers of a provider that has died, when they run out', async () => {
    market = await startMarket(5, TRIO)
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(10 * 60_000)
    const client = clientAs('n')
    expect(await list(client, k!)).toHaveLength(1)
    await p!.kill()
    await market.simulation.advance(30_000)
    expect(await list(client, k!)).toHaveLength(1)
    await market.simulation.advance(5 * 60_000)
    expect(await list(client, k!)).toEqual([])
    await p!.restart()
    await market.simulation.advance(5_000)
    expect(await list(client, k!)).toHaveLength(1)
  })

  it('hears again of what was published while it could not be reached', async () => {
    market = await startMarket(6, TRIO)
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(1_000)
    // Both stop; the catalog loses all it has, and is away when the provider comes back and publishes.
    await p!.kill()
    await k!.kill()
    for (const { metadata } of (await k!.store.list(PeeringCandidateKind)).items) {
      await k!.store.delete(PeeringCandidateKind, { namespace: 'default', name: metadata.name })
    }
    await p!.restart()
    await market.simulation.advance(10 * 60_000)
    await k!.restart()
    await market.simulation.advance(40_000)
    expect(await list(clientAs('n'), k!)).toHaveLength(1)
  })

  it('forgets what its provider no longer has after a restart', async () => {
    market = await startMarket(7, TRIO)
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(2_000)
    const client = clientAs('p')
    // What an earlier life of the provider left behind.
    const left = resigned('p', await offerOf(p!), { flavorID: 'an-old-one' })
    expect(await advertise(client, k!, { flavors: [left] })).toMatchObject([{ outcome: 'accepted' }])
    expect(await list(client, k!)).toHaveLength(2)
    await p!.kill()
    await p!.restart()
    await market.simulation.advance(5_000)
    expect(await list(client, k!)).toMatchObject([{ flavorID: (await offerOf(p!))['flavorID'] }])
  })

  it('refuses, one by one and with a reason, what is not its provider’s word', async () => {
    market = await startMarket(8, TRIO)
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(2_000)
    const offer = await offerOf(p!)
    const { signature: _, ...unsigned } = offer
    const price = { amount: '0.1', currency: 'EUR', period: 'hour' }
    const now = market.simulation.now()
    const results = await advertise(clientAs('p'), k!, {
      flavors: [
        unsigned,
        { ...offer, price },
        resigned('n', offer, {}),
        { flavorID: 'no flavor' },
        resigned('p', offer, { expirationTime: new Date(now - 1_000).toISOString() }),
        resigned('p', offer, { flavorID: 'tomorrow', timestamp: new Date(now + 3_600_000).toISOString() }),
        resigned('p', offer, { owner: { ...(offer['owner'] as object), domain: 'c.org' } }),
        offer,
      ],
      refresh: ['never-heard-of'],
    })
    expect(results.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      'unsigned',
      'altered',
      'not-by-owner',
      'malformed',
      'expired',
      'from-the-future',
      'wrong-domain',
      'accepted',
      'unknown',
    ])
    // A true offer, brought by somebody else.
    expect(await advertise(clientAs('n'), k!, { flavors: [offer] })).toMatchObject([
      { outcome: 'rejected', reason: 'not-owner' },
    ])
    expect(await list(clientAs('n', 'n2:1'), k!)).toHaveLength(1)
  })

  it('refuses an older version after a newer one, also after a restart and after a withdrawal', async () => {
    market = await startMarket(9, TRIO)
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(2_000)
    const client = clientAs('p')
    const offer = await offerOf(p!)
    const lineage = (offer['flavorID'] as string).replace(/-[0-9a-z]+$/, '')
    const version = (revision: string) => resigned('p', offer, { flavorID: `${lineage}-${revision}` })
    const outcomes = async (...revisions: string[]) =>
      (await advertise(client, k!, { flavors: revisions.map(version) })).map(
        ({ reason, outcome }) => reason ?? outcome,
      )
    expect(await outcomes('z')).toEqual(['accepted'])
    // Base 36: 10 comes after z.
    expect(await outcomes('10')).toEqual(['accepted'])
    expect(await outcomes('z', '9', '10')).toEqual(['replayed', 'replayed', 'accepted'])
    expect(await list(client, k!)).toHaveLength(1)

    await p!.kill()
    await k!.kill()
    await k!.restart()
    expect(await outcomes('z', '10')).toEqual(['replayed', 'accepted'])

    await client.call(target(k!), { method: 'DELETE', path: `/api/v2/advertisements/${lineage}-10` })
    expect(await list(client, k!)).toEqual([])
    await k!.kill()
    await k!.restart()
    expect(await outcomes('z')).toEqual(['replayed'])
    expect(await outcomes('10')).toEqual(['accepted'])

    // Of flavors without a revision the signed time tells.
    const made = (seconds: number) =>
      resigned('p', offer, {
        flavorID: 'sensor-1',
        timestamp: new Date(market.simulation.now() + seconds * 1000).toISOString(),
      })
    const [newer, older] = [made(0), made(-60)]
    expect(await advertise(client, k!, { flavors: [newer] })).toMatchObject([{ outcome: 'accepted' }])
    expect(await advertise(client, k!, { flavors: [older] })).toMatchObject([{ reason: 'replayed' }])
  })

  it('takes no more than the quota of one provider, and room that is made is used', async () => {
    market = await startMarket(10, { ...TRIO, k: at('k.org', { role: 'catalog', catalog: { quota: 3 } }) })
    const { k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(2_000)
    const client = clientAs('p')
    const offer = await offerOf(p!)
    const flavors = ['a', 'b', 'c', 'd'].map((flavorID) => resigned('p', offer, { flavorID }))
    const results = await advertise(client, k!, { flavors })
    expect(results.map(({ outcome, reason }) => reason ?? outcome).sort()).toEqual([
      'accepted',
      'accepted',
      'over-quota',
      'over-quota',
    ])
    // Repeating it changes nothing, and what is here is not over it.
    expect(await advertise(client, k!, { flavors })).toEqual(results)
    await client.call(target(k!), { method: 'DELETE', path: '/api/v2/advertisements', body: { keep: ['a'] } })
    expect(await advertise(client, k!, { flavors: flavors.slice(0, 3) })).toMatchObject([
      { outcome: 'accepted' },
      { outcome: 'accepted' },
      { outcome: 'accepted' },
    ])
  })

  it('is told of what is public only; the supernode of the domain of all', async () => {
    const sell = (visibility: 'public' | 'listed' | 'internal'): MarketConfig => {
      const config = provider('4', '2')
      return { ...config, sell: { ...config.sell!, visibility } }
    }
    market = await startMarket(11, {
      k: at('k.org', { role: 'catalog' }),
      s: at('p.org', { role: 'supernode' }),
      open: at('p.org', { ...sell('public'), peers: [{ node: 'k' }, { node: 's' }] }),
      some: at('p.org', { ...sell('listed'), peers: [{ node: 'k' }, { node: 's' }] }),
      shut: at('p.org', { ...sell('internal'), peers: [{ node: 'k' }, { node: 's' }] }),
      n: at('c.org', { peers: [{ node: 'k' }, { node: 's' }] }),
    })
    await market.simulation.advance(5_000)
    const { k, s } = market.nodes as Record<string, MarketNode>
    const ids = (names: readonly string[]) => names.map((name) => market.nodes[name]!.id).sort()
    const owners = (flavors: readonly Listed[]) => flavors.map(({ owner }) => owner.ID).sort()
    expect(owners(await list(clientAs('n'), k!))).toEqual(ids(['open']))
    expect(owners(await list(clientAs('open'), s!))).toEqual(ids(['open', 'some', 'shut']))
    expect(owners(await list(clientAs('n', 'n2:1'), s!))).toEqual(ids(['open']))
  })

  it('is told by a supernode of nodes that it cannot hear itself, with the supernode in between', async () => {
    market = await startMarket(12, {
      k: at('k.org', { role: 'catalog' }),
      s: at('p.org', { role: 'supernode', peers: [{ node: 'k' }] }),
      p: at('p.org', { ...provider('4', '2'), peers: [{ node: 's' }] }),
      n: at('c.org', { peers: [{ node: 'k' }] }),
    })
    const { k, s, p } = market.nodes as Record<string, MarketNode>
    market.network.partition(k!.address, p!.address)
    await market.simulation.advance(10_000)
    const client = clientAs('n')
    const [flavor, ...rest] = await list(client, k!)
    expect(rest).toEqual([])
    expect(flavor).toMatchObject({ owner: { ID: p!.id }, relays: [{ ID: s!.id }], catalog: { ID: k!.id } })
    expect(verifyDocument(flavorTerms(flavor!), flavor!.signature, FLAVOR_SIGNATURE).signer).toBe(p!.id)
    // The node dies: first its supernode drops it, then the catalog.
    await p!.kill()
    await market.simulation.advance(11 * 60_000)
    expect(await list(client, k!)).toEqual([])
  })

  it('cannot be asked to take offers by, or for, somebody that it does not deal with', async () => {
    market = await startMarket(13, {
      ...TRIO,
      x: { domain: 'x.org', ...provider('1', '1'), peers: [{ node: 'k' }] },
    })
    await market.simulation.advance(5_000)
    const { k, n } = market.nodes as Record<string, MarketNode>
    expect(await list(clientAs('n'), k!)).toHaveLength(1)
    const client = clientAs('x')
    const refused = await advertise(client, k!, { flavors: [] }).catch((error: unknown) => error)
    expect(isProblem(refused, 'peer-unknown', 'peer-not-accepted')).toBe(true)
    // A node is no catalog.
    const wrong = await advertise(clientAs('k'), n!, { flavors: [] }).catch((error: unknown) => error)
    expect(isProblem(wrong, 'not-supported')).toBe(true)
  })

  it('is told no rating by those who do not want to share it', async () => {
    market = await startMarket(31, {
      ...TRIO,
      n: { ...TRIO.n, ratings: { share: false } },
    })
    await market.simulation.advance(2_000)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await run(market, n!, intent('quiet', '1'))
    await takeBack(market, n!, 'quiet')
    await market.simulation.advance(10_000)
    const told = (await k!.store.list(RatingStatementKind)).items.map(({ spec }) => spec.author)
    expect(told).toEqual([p!.id])
  })

  it('publishes how dealings went, from parties of signed contracts alone', async () => {
    market = await startMarket(14, TRIO)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(2_000)
    await run(market, n!, intent('hello', '1500m'))
    const [contract] = (await n!.store.list(ContractKind)).items
    await takeBack(market, n!, 'hello')
    await market.simulation.advance(10_000)
    const [flavor] = await list(clientAs('n'), k!)
    expect(flavor!.catalog).toMatchObject({ ratedBy: 1 })
    expect(flavor!.catalog['rating']).toBeGreaterThan(2.5)

    const statement = {
      about: p!.id,
      author: n!.id,
      contractID: contract!.metadata.name,
      score: 0,
      at: new Date(market.simulation.now()).toISOString(),
    }
    const sign = (name: string, said: object) =>
      signDocument(said, { type: 'tributary-rating', key: testIdentity(name).key })
    const document = contract!.spec.document as Record<string, unknown>
    const send = async (
      name: string,
      said: typeof statement,
      signature = sign(name, said),
      terms: unknown = document,
    ) => {
      const client = clientAs(
        name,
        `${name}-${Math.abs(JSON.stringify([said, signature, terms]).length)}.test:${market.network.stats.requests}`,
      )
      try {
        await client.call(target(k!), {
          method: 'POST',
          path: '/api/v2/ratings',
          body: { statement: said, signature, contract: terms },
        })
        return 'taken'
      } catch (error) {
        if (!isProblem(error)) throw error
        return error.code
      }
    }
    expect(await send('n', { ...statement, author: p!.id })).toBe('not-a-party')
    expect(await send('n', statement, sign('p', statement))).toBe('signature-invalid')
    expect(await send('n', statement, sign('n', { ...statement, score: 5 }))).toBe('signature-invalid')
    expect(await send('n', { ...statement, about: n!.id })).toBe('not-a-party')
    expect(await send('n', { ...statement, about: k!.id })).toBe('not-a-party')
    expect(await send('n', { ...statement, contractID: 'another' })).toBe('bad-request')
    expect(await send('n', statement, undefined, { ...document, buyerClusterID: 'x' })).toBe(
      'signature-invalid',
    )
    expect(await send('n', { ...statement, score: 17 })).toBe('malformed-body')
    expect(await send('n', statement)).toBe('taken')
    // One that was said earlier does not come after it.
    expect(
      await send('n', {
        ...statement,
        score: 5,
        at: new Date(market.simulation.now() - 60_000).toISOString(),
      }),
    ).toBe('taken')
    await market.simulation.advance(3_000)
    const [rated] = await list(clientAs('n', 'n3:1'), k!)
    expect(rated!.catalog).toMatchObject({ ratedBy: 1 })
    expect(rated!.catalog['rating']).toBeLessThan(2.5)
  })
})

describe('a subscription', () => {
  const SUBSCRIBED = {
    ...TRIO,
    n: at('c.org', { ...CONSUMER, peers: [{ node: 'k', subscribe: true }] }),
  }
  const known = async (node: MarketNode) => {
    const { items } = await node.store.list(PeeringCandidateKind)
    return items.filter(({ spec }) => spec.withdrawnAt === undefined)
  }

  it('brings new offers, changes and withdrawals without being asked for them', async () => {
    market = await startMarket(20, SUBSCRIBED)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    expect(await known(n!)).toMatchObject([{ spec: { origin: 'subscribed', source: { nodeID: k!.id } } }])

    const client = clientAs('p')
    const offer = await offerOf(p!)
    await advertise(client, k!, { flavors: [resigned('p', offer, { flavorID: 'another' })] })
    await market.simulation.advance(100)
    expect(await known(n!)).toHaveLength(2)
    await client.call(target(k!), { method: 'DELETE', path: '/api/v2/advertisements/another' })
    await market.simulation.advance(100)
    expect(await known(n!)).toHaveLength(1)

    // Nothing happens for a long time: what was told still holds.
    await market.simulation.advance(60 * 60_000)
    await run(market, n!, intent('hello', '1'))
    expect((await n!.store.list(ContractKind)).items).toHaveLength(1)
  })

  it('that is broken off goes on where it was, without loss and without everything being told again', async () => {
    market = await startMarket(21, SUBSCRIBED)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    const client = clientAs('p')
    const offer = await offerOf(p!)
    const named = (flavorID: string) => resigned('p', offer, { flavorID })
    await advertise(client, k!, { flavors: [named('a'), named('b')] })
    await market.simulation.advance(1_000)
    expect(await known(n!)).toHaveLength(3)
    const versions = new Map(
      (await known(n!)).map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
    )

    market.network.partition(n!.address, k!.address)
    await advertise(client, k!, { flavors: [named('c')] })
    await client.call(target(k!), { method: 'DELETE', path: '/api/v2/advertisements/a' })
    await market.simulation.advance(40_000)
    expect(await known(n!)).toHaveLength(3)
    market.network.heal(n!.address, k!.address)
    await market.simulation.advance(60_000)
    const after = await known(n!)
    expect(after.map(({ spec }) => spec.offer!.flavorID).sort()).toEqual(['b', 'c', offer['flavorID']])
    for (const { metadata } of after) {
      if (versions.has(metadata.name)) expect(metadata.resourceVersion).toBe(versions.get(metadata.name))
    }
  })

  it('outlives the catalog’s crash, and what was withdrawn meanwhile is gone', async () => {
    market = await startMarket(22, SUBSCRIBED)
    const { n, k, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    const client = clientAs('p')
    await advertise(client, k!, { flavors: [resigned('p', await offerOf(p!), { flavorID: 'a' })] })
    await market.simulation.advance(1_000)
    expect(await known(n!)).toHaveLength(2)
    await k!.kill()
    await market.simulation.advance(10_000)
    await k!.restart()
    await client.call(target(k!), { method: 'DELETE', path: '/api/v2/advertisements/a' })
    await market.simulation.advance(60_000)
    expect(await known(n!)).toHaveLength(1)
  })

  it('holds what it brought only as long as the catalog is heard, and brings it back', async () => {
    market = await startMarket(23, SUBSCRIBED)
    const { n, k } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    market.network.partition(n!.address, k!.address)
    await market.simulation.advance(5 * 60_000)
    await n!.store.create((await import('../../src/objects/intent.ts')).IntentKind, intent('hello', '1'))
    await market.simulation.advance(30_000)
    expect((await n!.store.list(ContractKind)).items).toEqual([])
    market.network.heal(n!.address, k!.address)
    await until(market, n!, async () => (await n!.store.list(ContractKind)).items.length === 1, 120_000)
  })

  it('tells of the end of offers whose provider has died', async () => {
    market = await startMarket(24, SUBSCRIBED)
    const { n, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    await p!.kill()
    await market.simulation.advance(6 * 60_000)
    expect(await known(n!)).toEqual([])
  })

  it('filters as LIST_FLAVORS does, and answers at the latest when the wait is over', async () => {
    market = await startMarket(25, TRIO)
    const { k } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    const client = clientAs('n')
    const poll = async (query: string) =>
      (await client.call(target(k!), { method: 'GET', path: `/api/v2/subscriptions?${query}` })).body as {
        next: string
        events: unknown[]
        listing?: string
      }
    expect((await poll('filter[cpu][range][min]=2')).events).toHaveLength(1)
    const none = await poll('filter[cpu][range][min]=20&type=k8slice')
    expect(none).toMatchObject({ events: [], listing: 'complete' })
    const before = market.simulation.now()
    const waiting = poll(`since=${none.next}&wait=5000&filter[cpu][range][min]=20&type=k8slice`)
    await market.simulation.advance(6_000)
    expect(await waiting).toEqual({ next: none.next, events: [] })
    expect(market.simulation.now() - before).toBe(6_000)
    await expect(poll('type=cheese')).rejects.toThrow('type is one of')
    await expect(poll('colour=blue')).rejects.toThrow('unknown filter')
    await expect(poll('wait=soon')).rejects.toThrow('wait')
  })
})

describe('a mirror', () => {
  const MIRRORED = {
    n: at('c.org', { ...CONSUMER, peers: [{ node: 'k2' }] }),
    k1: at('k.org', { role: 'catalog', peers: [{ node: 'k2', mirror: true }] }),
    k2: at('k.org', { role: 'catalog', peers: [{ node: 'k1', mirror: true }] }),
    p: at('p.org', { ...provider('4', '2'), peers: [{ node: 'k1' }] }),
  } as const

  it('passes on what another catalog has, in its provider’s words, and says where it is from', async () => {
    market = await startMarket(30, MIRRORED)
    const { n, k1, k2, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    const [flavor, ...rest] = await list(clientAs('n'), k2!)
    expect(rest).toEqual([])
    expect(flavor!.catalog).toMatchObject({ ID: k2!.id, mirroredFrom: [k1!.id] })
    expect(verifyDocument(flavorTerms(flavor!), flavor!.signature, FLAVOR_SIGNATURE).signer).toBe(p!.id)
    await run(market, n!, intent('hello', '1'))
    await market.simulation.advance(1_000)
    expect(await list(clientAs('n', 'n2:1'), k2!)).toMatchObject([
      { type: { data: { charateristics: { cpu: '3' } } } },
    ])
  })

  it('and the mirrored do not keep alive between them what is dead', async () => {
    market = await startMarket(31, MIRRORED)
    const { k1, k2, p } = market.nodes as Record<string, MarketNode>
    await market.simulation.advance(5_000)
    expect((await k1!.store.list(PeeringCandidateKind)).items[0]!.spec.source!.nodeID).toBe(p!.id)
    await p!.kill()
    await market.simulation.advance(8 * 60_000)
    expect(await list(clientAs('k2'), k1!)).toEqual([])
    expect(await list(clientAs('k1'), k2!)).toEqual([])
  })

  it('that alters, invents or replays offers is found out by the consumer', async () => {
    market = await startMarket(32, {
      ...TRIO,
      n: at('c.org', {
        ...CONSUMER,
        peers: [{ node: 'k' }, { node: 'liar', subscribe: true, accept: true }],
      }),
      liar: at('k.org', { role: 'catalog', peers: [{ node: 'k', mirror: true }] }),
    })
    const { n, k, p, liar: mirror } = market.nodes as Record<string, MarketNode>
    // From here on it answers as a mirror of K would, and changes the price on the way.
    const liar = testIdentity('liar')
    await mirror!.kill()
    const transport = market.network.transport(liar, mirror!.address)
    const honest = clientAs('n', 'honest:1')
    await market.simulation.advance(2_000)
    const [genuine] = await list(honest, k!)
    const catalog = { ...genuine!.catalog, ID: liar.id }
    const cheap = { ...genuine!, catalog, price: { amount: '0.01', currency: 'EUR', period: 'hour' } }
    const invented = { ...resigned('liar', genuine as never, { flavorID: 'invented' }), catalog }
    const answers = { list: [cheap, invented] as unknown[] }
    await transport.listen({
      host: 'liar.k.org',
      port: 7000,
      onStream: () => undefined,
      handler: async ({ path }) => {
        const body = path.startsWith('/api/v2/hello')
          ? {
              identity: { ID: liar.id, IP: mirror!.address, domain: 'k.org' },
              name: 'liar',
              role: 'catalog',
              capabilities: 1,
            }
          : path.startsWith('/api/v2/subscriptions')
            ? {
                next: 'x',
                reset: true,
                listing: 'complete',
                events: answers.list.map((flavor) => ({ seq: 1, type: 'refreshed', flavor })),
              }
            : answers.list
        return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      },
    })
    await market.simulation.advance(10_000)
    expect((await n!.store.list(PeeringCandidateKind)).items).toEqual([])
    const facts = (await n!.store.list(FactKind)).items
    expect(facts.some(({ spec }) => spec.about === liar.id && spec.type === 'InvalidAnswer')).toBe(true)

    // A true copy is taken; an older one after it is not.
    const lineage = genuine!.flavorID.replace(/-[0-9a-z]+$/, '')
    const newer = { ...resigned('p', genuine as never, { flavorID: `${lineage}-zz` }), catalog }
    answers.list = [newer]
    await market.simulation.advance(40_000)
    const flavors = async () =>
      (await n!.store.list(PeeringCandidateKind)).items.map(({ spec }) => spec.offer!.flavorID)
    expect(await flavors()).toEqual([`${lineage}-zz`])
    answers.list = [newer, { ...genuine!, catalog }]
    await market.simulation.advance(40_000)
    expect(await flavors()).toEqual([`${lineage}-zz`])
    expect(p!.id).toBe(genuine!.owner.ID)
  })
})
