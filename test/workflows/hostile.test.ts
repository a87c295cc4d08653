/** Peers that are dead, silent, malformed or lying, relays that forge, and questions that go in circles. */
import { afterEach, describe, expect, it } from 'vitest'
import { FactKind } from '../../src/objects/fact.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PeeringCandidateKind } from '../../src/objects/peering-candidate.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { TraceKind, type TraceEvent } from '../../src/objects/trace.ts'
import { fourNodes, type FourNodes } from '../support/four-nodes.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig, type MarketNode } from '../support/market.ts'
import type { SimulatedMessage } from '../support/simulated-network.ts'
import {
  clientOf,
  CONSUMER,
  intent,
  intentOf,
  isRunning,
  passing,
  provider,
  run,
  until,
} from '../support/scenario.ts'

const isListing = ({ path, direction }: SimulatedMessage): boolean =>
  direction === 'answer' && path.startsWith('/api/v2/flavors')
const isReservation = ({ path, direction }: SimulatedMessage): boolean =>
  direction === 'answer' && path === '/api/v2/reservations'
const parse = <T>({ body }: SimulatedMessage): T => JSON.parse(body.toString()) as T

describe('among 32 peers', () => {
  const NAMES = Array.from({ length: 32 }, (_, index) => `p${index}`)
  let market: Market<string>
  afterEach(() => market.stop())

  it('one dead, one silent, one malformed and one lying cost the others nothing; the trace says of each what happened', async () => {
    const configs: Record<string, MarketConfig> = { consumer: { ...CONSUMER, peers: NAMES } }
    NAMES.forEach((name, index) => (configs[name] = provider('2', String(index + 1))))
    market = await startMarket(61, configs)
    await market.simulation.advance(1_000)
    const node = (name: string): MarketNode => market.nodes[name]!
    // The four that would be the cheapest.
    const [dead, silent, malformed, lying] = ['p0', 'p1', 'p2', 'p3'].map(node) as [
      MarketNode,
      MarketNode,
      MarketNode,
      MarketNode,
    ]
    market.network.intercept((message) => {
      if (!isListing(message)) return undefined
      if (message.from === silent.address) return 'lost'
      if (message.from === malformed.address) return { body: '[{"flavorID": 7}, "and so on"' }
      if (message.from !== lying.address) return undefined
      const flavors = parse<{ price: object }[]>(message)
      return {
        body: JSON.stringify(flavors.map((each) => ({ ...each, price: { ...each.price, amount: '0.1' } }))),
      }
    })
    await dead.kill()
    const from = market.simulation.now()
    const done = await run(market, node('consumer'), intent('job', '1'))
    // Nobody was waited for.
    expect(market.simulation.now() - from).toBeLessThan(2_000)
    const [contract] = await activeContracts(node('consumer'))
    expect(contract!.spec.seller.nodeID).toBe(node('p4').id)
    const offered = (await node('consumer').store.list(PeeringCandidateKind)).items
    expect(offered).toHaveLength(28)

    await market.simulation.advance(5_000)
    const traces = (await node('consumer').store.list(TraceKind)).items
    const events = traces.find(({ spec }) => spec.traceID === done.status!.traceID)!.status!.events ?? []
    const failureOf = (peer: MarketNode): TraceEvent | undefined =>
      events.find((each) => each.action === 'list-sent' && each.peer === peer.id && each.outcome === 'failed')
    expect(failureOf(dead)?.detail).toMatch(/nobody listens|not answer|lost/)
    expect(failureOf(silent)?.detail).toMatch(/no answer within|timed out|did not answer/)
    expect(failureOf(malformed)?.detail).toMatch(/JSON|malformed/)
    expect(failureOf(lying)?.detail).toMatch(/dropped 1 of its offers/)
    expect(failureOf(node('p4'))).toBeUndefined()
  })
})

describe('a relay', () => {
  let market: Market<FourNodes>
  afterEach(() => market.stop())

  const facts = async (name: FourNodes, about: FourNodes): Promise<readonly string[]> =>
    (await market.nodes[name].store.list(FactKind)).items
      .filter(({ spec }) => spec.about === market.nodes[about].id)
      .map(({ spec }) => spec.type)
  async function expectNothingBought(): Promise<void> {
    const { consumer, provider: seller } = market.nodes
    await market.simulation.advance(60_000)
    expect(await isRunning(consumer, 'far')).toBe(false)
    expect(await activeContracts(consumer)).toEqual([])
    await consumer.store.delete(IntentKind, { namespace: 'default', name: 'far' })
    market.network.intercept(undefined)
    await market.simulation.advance(5 * 60_000)
    expect(await intentOf(consumer, 'far')).toBeUndefined()
    const [pool] = (await seller.store.list(PoolKind)).items
    expect(pool!.status!.free).toEqual(pool!.spec.capacity)
    expect(await contradictions(market)).toEqual([])
  }
  const submit = (): Promise<unknown> => market.nodes.consumer.store.create(IntentKind, intent('far', '1'))
  const fromCs = (message: SimulatedMessage): boolean => message.from === market.nodes.cs.address

  for (const [what, change] of [
    ['the price', { price: { amount: '0.01', currency: 'EUR', period: 'hour' } }],
    [
      'the owner',
      { owner: { ID: 'did:key:z6Mkr5E1KfYWTYbz3utd44aUzPYdmVXmhQaL3kbRtTUAXN2s', IP: 'x:1', domain: 'x' } },
    ],
    ['the signature', { signature: 'e30..AAAA' }],
    ['what it is', { availability: true, location: { city: 'Paris' } }],
  ] as const) {
    it(`cannot change ${what} of an offer unnoticed`, async () => {
      market = await fourNodes(62)
      market.network.intercept((message) =>
        isListing(message) && fromCs(message)
          ? { body: JSON.stringify(parse<object[]>(message).map((each) => ({ ...each, ...change }))) }
          : undefined,
      )
      await submit()
      await market.simulation.advance(20_000)
      expect((await market.nodes.consumer.store.list(PeeringCandidateKind)).items).toEqual([])
      await expectNothingBought()
    })
  }

  it('cannot hide that it stands in between', async () => {
    market = await fourNodes(63)
    market.network.intercept((message) =>
      isListing(message) && fromCs(message)
        ? { body: JSON.stringify(parse<object[]>(message).map((each) => ({ ...each, relays: [] }))) }
        : undefined,
    )
    await submit()
    await expectNothingBought()
  })

  it('cannot take more than the margin that it stated', async () => {
    market = await fourNodes(64, { margins: { cs: '10%' } })
    // It states 1 % in its offers, and then adds its 10 %.
    market.network.intercept((message) => {
      if (!isListing(message) || !fromCs(message)) return undefined
      const flavors = parse<{ relays: { margin?: string }[] }[]>(message)
      const stated = ({ relays: [first, ...others] }: { relays: object[] }) => [
        { ...first, margin: '1%' },
        ...others,
      ]
      return { body: JSON.stringify(flavors.map((each) => ({ ...each, relays: stated(each) }))) }
    })
    await submit()
    await market.simulation.advance(5_000)
    expect(await facts('consumer', 'cs')).toContain('InvalidAnswer')
    await expectNothingBought()
  })

  it('cannot sell what another provider has in place of what was chosen', async () => {
    market = await fourNodes(65)
    market.network.intercept((message) => {
      if (!isReservation(message) || !fromCs(message)) return undefined
      const transaction = parse<{ contract: { flavor: { owner: object } } }>(message)
      const { contract } = transaction
      const owner = { ...contract.flavor.owner, ID: market.nodes.ps.id }
      const flavor = { ...contract.flavor, owner }
      return { body: JSON.stringify({ ...transaction, contract: { ...contract, flavor } }) }
    })
    await submit()
    await market.simulation.advance(5_000)
    expect(await facts('consumer', 'cs')).toContain('InvalidAnswer')
    await expectNothingBought()
  })

  it('runs nothing itself under a contract that it only passes on, whoever asks', async () => {
    // It sells, too, but less than what is wanted.
    market = await fourNodes(69, { cs: provider('1', '1') })
    const { consumer, cs } = market.nodes
    await run(market, consumer, intent('far', '2'))
    const [contract] = await activeContracts(consumer)
    expect(contract!.spec.seller.nodeID).toBe(cs.id)
    const resources = clientOf(market, 'consumer').call(
      { address: cs.address },
      {
        method: 'PUT',
        path: `/api/v2/contracts/${contract!.metadata.name}/resources`,
        body: { virtualNode: 'mine', resources: {} },
      },
    )
    await expect(passing(market, resources)).rejects.toMatchObject({ code: 'contract-not-found' })
  })

  it('that does not pass PURCHASE on leaves nothing bought behind it', async () => {
    market = await fourNodes(66, { hold: '30s' })
    const { cs, ps } = market.nodes
    market.network.intercept(({ path, from, to, direction }) =>
      direction === 'request' && path.endsWith('/purchase') && from === cs.address && to === ps.address
        ? 'lost'
        : undefined,
    )
    await submit()
    await expectNothingBought()
  })

  it('that loses the answer to PURCHASE does not leave the hops behind it paying', async () => {
    market = await fourNodes(67, { hold: '30s' })
    const { cs, ps, consumer } = market.nodes
    let lost = 0
    market.network.intercept(({ path, from, to, direction }) =>
      direction === 'answer' &&
      path.endsWith('/purchase') &&
      from === ps.address &&
      to === cs.address &&
      lost++ < 2
        ? 'lost'
        : undefined,
    )
    await submit()
    await until(market, consumer, () => isRunning(consumer, 'far'), 10 * 60_000)
    await market.simulation.advance(5 * 60_000)
    expect(lost).toBeGreaterThan(1)
    expect(await contradictions(market)).toEqual([])
    expect(await activeContracts(market.nodes.provider)).toHaveLength(1)
  })
})

describe('a question that nobody can answer', () => {
  let market: Market<'consumer' | 's1' | 's2' | 's3'>
  afterEach(() => market.stop())

  it('does not go in circles between supernodes that all know each other', async () => {
    const domains = { s1: 'one.example', s2: 'two.example', s3: 'three.example' } as const
    const supernode = (name: keyof typeof domains): MarketConfig => {
      const others = (Object.keys(domains) as (keyof typeof domains)[]).filter((each) => each !== name)
      return {
        role: 'supernode',
        domain: domains[name],
        trusts: others.map((each) => domains[each]),
        peers: others,
      }
    }
    market = await startMarket(68, {
      s1: supernode('s1'),
      s2: supernode('s2'),
      s3: supernode('s3'),
      consumer: { ...CONSUMER, domain: 'one.example', peers: ['s1'] },
    })
    await market.simulation.advance(3_000)
    const asked: string[] = []
    market.network.intercept(({ direction, path, from, to }) => {
      if (direction === 'request' && path.startsWith('/api/v2/flavors')) asked.push(`${from} ${to}`)
      return undefined
    })
    const { consumer } = market.nodes
    await consumer.store.create(IntentKind, intent('job', '1'))
    // Before it asks for the second time.
    await market.simulation.advance(4_000)
    // The consumer its supernode, that one the others; those ask nobody, or only each other once.
    expect(asked.length).toBeGreaterThanOrEqual(3)
    expect(asked.length).toBeLessThanOrEqual(5)
    expect(new Set(asked).size).toBe(asked.length)
    expect(asked.filter((each) => each.endsWith(market.nodes.s1.address))).toHaveLength(1)
  })
})
