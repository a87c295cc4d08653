/** Whom an intent buys from, and what becomes of those who fail it. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { FactKind } from '../../src/objects/fact.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { RatingKind } from '../../src/objects/rating.ts'
import { SolverKind, type Solver } from '../../src/objects/solver.ts'
import { NEUTRAL_RATING } from '../../src/ratings-and-metrics/index.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig, type MarketNode } from '../support/market.ts'
import { CONSUMER, intent, intentOf, isRunning, provider, run, takeBack, until } from '../support/scenario.ts'

type Names = 'consumer' | 'first' | 'second'

describe('an acquisition', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  /** `first` is cheaper than `second`. */
  async function begin(first: Partial<MarketConfig> = {}, second: Partial<MarketConfig> = {}): Promise<void> {
    market = await startMarket(31, {
      consumer: { ...CONSUMER, peers: ['first', 'second'] },
      first: { ...provider('4', '1'), ...first },
      second: { ...provider('4', '3'), ...second },
    })
    await market.simulation.advance(1_000)
  }

  const sellers = async (): Promise<readonly string[]> =>
    (await activeContracts(market.nodes.consumer)).map(({ spec }) => spec.seller.nodeID)
  const facts = async (about: MarketNode): Promise<readonly string[]> =>
    (await market.nodes.consumer.store.list(FactKind)).items
      .filter(({ spec }) => spec.about === about.id)
      .map(({ spec }) => spec.type)
  const solver = async (name: string): Promise<Solver> =>
    (await market.nodes.consumer.store.get(SolverKind, { namespace: 'default', name }))!
  const isReserve = ({ path, direction }: { path: string; direction: string }): boolean =>
    path === '/api/v2/reservations' && direction === 'answer'
  const isPurchase = ({ path, direction }: { path: string; direction: string }): boolean =>
    path.endsWith('/purchase') && direction === 'answer'

  for (const [what, matches] of [
    ['RESERVE', isReserve],
    ['PURCHASE', isPurchase],
  ] as const) {
    it(`survives that the answer to ${what} is lost: one transaction, one contract, one entry`, async () => {
      await begin()
      let lost = 0
      market.network.intercept((message) => (matches(message) && lost++ === 0 ? 'lost' : undefined))
      const { consumer, first } = market.nodes
      await run(market, consumer, intent('job', '1'))
      expect(lost).toBeGreaterThan(1)
      expect(await sellers()).toEqual([first.id])
      expect((await first.store.list(ContractKind)).items).toHaveLength(1)
      await market.simulation.advance(3 * 60_000)
      expect(await contradictions(market)).toEqual([])
    })

    it(`goes on to the next provider when one never answers ${what}, and does not come back to it at once`, async () => {
      await begin()
      const { consumer, first, second } = market.nodes
      market.network.intercept((message) =>
        matches(message) && message.from === first.address ? 'lost' : undefined,
      )
      await consumer.store.create(IntentKind, intent('job', '1'))
      await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
      expect(await sellers()).toEqual([second.id])
      expect(await facts(first)).toContain('Unreachable')
      // The next intent does not try it either, although it is cheaper.
      await run(market, consumer, intent('next', '1'))
      expect(await sellers()).toEqual([second.id, second.id])
      market.network.intercept(undefined)
      await market.simulation.advance(5 * 60_000)
      expect(await contradictions(market)).toEqual([])
    })
  }

  it('goes on to the next provider when one dies between RESERVE and PURCHASE; nothing stays held', async () => {
    await begin()
    const { consumer, first, second } = market.nodes
    market.network.intercept((message) => {
      if (message.path.endsWith('/purchase')) market.network.kill(message.to)
      market.network.intercept(undefined)
      return 'lost'
    })
    await consumer.store.create(IntentKind, intent('job', '1'))
    await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
    expect(await sellers()).toEqual([second.id])
    await first.kill()
    await first.restart()
    await market.simulation.advance(5 * 60_000)
    expect(await contradictions(market)).toEqual([])
  })

  for (const [lie, change] of [
    ['a higher price', { price: { amount: '9', currency: 'EUR', period: 'hour' } }],
    [
      'less than was asked for',
      { configuration: { type: 'k8slice', data: { cpu: '500m', memory: '256Mi', pods: '1' } } },
    ],
    ['no size at all', { configuration: undefined }],
    ['another currency', { price: { amount: '0.1', currency: 'GBP', period: 'hour' } }],
    ['no end', { expirationTime: undefined }],
    ['an end long after the one that was asked for', { expirationTime: '2099-01-01T00:00:00Z' }],
    [
      'another buyer',
      { buyerID: { ID: 'did:key:z6Mkr5E1KfYWTYbz3utd44aUzPYdmVXmhQaL3kbRtTUAXN2s', IP: 'x:1', domain: 'x' } },
    ],
  ] as const) {
    it(`does not sign a draft with ${lie}, and buys elsewhere`, async () => {
      await begin()
      const { consumer, first, second } = market.nodes
      market.network.intercept((message) => {
        if (!isReserve(message) || message.from !== first.address) return undefined
        const transaction = JSON.parse(message.body.toString()) as { contract: object }
        return { body: JSON.stringify({ ...transaction, contract: { ...transaction.contract, ...change } }) }
      })
      await run(market, consumer, intent('job', '1'))
      expect(await sellers()).toEqual([second.id])
      expect(await facts(first)).toEqual(['InvalidAnswer'])
      await market.simulation.advance(3 * 60_000)
      expect(await contradictions(market)).toEqual([])
    })
  }

  it('does not take a contract that differs from the draft it signed', async () => {
    await begin()
    const { consumer, first, second } = market.nodes
    market.network.intercept((message) => {
      if (!isPurchase(message) || message.from !== first.address) return undefined
      const contract = JSON.parse(message.body.toString()) as object
      return { body: JSON.stringify({ ...contract, expirationTime: '2031-01-01T00:00:00Z' }) }
    })
    await run(market, consumer, intent('job', '1'))
    expect(await sellers()).toEqual([second.id])
    expect(await facts(first)).toContain('InvalidAnswer')
  })

  it('prefers, after a bad experience, who costs a little more', async () => {
    await begin({}, provider('4', '1.02'))
    const { consumer, first, second } = market.nodes
    await run(market, consumer, intent('job', '1', { onFailure: 'Stop' }))
    expect(await sellers()).toEqual([first.id])
    const [contract] = await activeContracts(first)
    await first.store.delete(ContractKind, contract!.metadata)
    await until(market, consumer, async () => (await intentOf(consumer, 'job'))?.status?.phase === 'Failed')
    // Long after the failure itself is no reason any more.
    await market.simulation.advance(10 * 60_000)
    const ratings = new Map(
      (await consumer.store.list(RatingKind)).items.map(({ spec, status }) => [spec.nodeID, status?.score]),
    )
    expect(ratings.get(first.id)).toBeLessThan(NEUTRAL_RATING)
    await run(market, consumer, intent('next', '1'))
    expect(await sellers()).toEqual([second.id])
  })

  it('takes nobody below the minimum rating, and says so', async () => {
    await begin()
    const { consumer } = market.nodes
    await consumer.store.create(IntentKind, intent('picky', '1', { requirements: { minRating: 4 } }))
    await market.simulation.advance(20_000)
    expect((await intentOf(consumer, 'picky'))!.status).toMatchObject({
      phase: 'Acquiring',
      message: expect.stringMatching(/none of 2 offers fits \(2 rating-too-low\)/),
    })
    expect((await solver('picky')).status!.considered).toMatchObject([
      { verdict: 'rejected', reason: 'rating-too-low', numbers: { wanted: '4' } },
      { verdict: 'rejected', reason: 'rating-too-low' },
    ])
    await takeBack(market, consumer, 'picky')
    expect(await contradictions(market)).toEqual([])
  })

  it('says of a request that nobody can ever satisfy why not, offer by offer', async () => {
    await begin()
    const { consumer } = market.nodes
    await consumer.store.create(IntentKind, intent('huge', '64'))
    await market.simulation.advance(20_000)
    const { status } = (await intentOf(consumer, 'huge'))!
    expect(status).toMatchObject({ phase: 'Acquiring' })
    expect(status!.message).toMatch(
      /^nobody offers cpu ≥ 64, memory ≥ 256Mi, pods ≥ 1 \(0 offers of 2 peers\); asking again$/,
    )
  })

  it('says why those do not fit that were known before', async () => {
    await begin()
    const { consumer } = market.nodes
    await run(market, consumer, intent('job', '1'))
    await consumer.store.create(IntentKind, intent('huge', '64'))
    await market.simulation.advance(5_000)
    expect((await intentOf(consumer, 'huge'))!.status!.message).toMatch(
      /none of \d offers fits \(.*\d cpu-short.*\); asking again/,
    )
    expect((await solver('huge')).status!.considered).toContainEqual(
      expect.objectContaining({ reason: 'cpu-short', numbers: { wanted: '64', offered: '4' } }),
    )
  })

  it('buys as soon as somebody has what nobody had', async () => {
    await begin(provider('1', '1'), provider('1', '3'))
    const { consumer, second } = market.nodes
    await run(market, consumer, intent('one', '1'))
    await run(market, consumer, intent('two', '1'))
    await consumer.store.create(IntentKind, intent('three', '1'))
    await market.simulation.advance(30_000)
    expect(await isRunning(consumer, 'three')).toBe(false)
    await takeBack(market, consumer, 'two')
    await until(market, consumer, () => isRunning(consumer, 'three'), 3 * 60_000)
    expect(await sellers()).toContain(second.id)
    await market.simulation.advance(60_000)
    expect(await contradictions(market)).toEqual([])
  })

  it('is denied by a provider that lets nobody run anything, and goes on to the next', async () => {
    await begin({ allowWorkloads: false })
    const { consumer, first, second } = market.nodes
    await consumer.store.create(IntentKind, intent('job', '1', { onFailure: 'Replace' }))
    await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
    expect(await sellers()).toEqual([second.id])
    expect(await facts(first)).toContain('PeeringFailed')
    await market.simulation.advance(60_000)
    expect(await contradictions(market)).toEqual([])
  })
})
