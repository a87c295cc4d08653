/** What an intent may cost holds for all of its parts together, whatever happens in between. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { IntentKind, type Intent } from '../../src/objects/intent.ts'
import type { NewObject } from '../../src/objects/meta.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { formatMoney, parseMoney } from '../../src/quantity/money.ts'
import { finalCost, plannedCost } from '../../src/rear/contract-cost.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { killAfterEachWrite } from '../support/kill-after-each-write.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import {
  CONSUMER,
  deployment,
  intentOf,
  isRunning,
  provider,
  run,
  takeBack,
  until,
} from '../support/scenario.ts'

type Names = 'consumer' | 'cheap' | 'dear'

/** One part of it, for an hour: half of it for an eighth of its CPU, half for a 32nd of its memory. */
const PART = '0.15625'
const SHORT_HOLD = { contracts: { hold: '20s' } }
const CHEAP = { ...provider('8', '2'), ...SHORT_HOLD }
const DEAR = { ...provider('8', '4'), ...SHORT_HOLD }

const eur = (amount: string) => ({ amount, currency: 'EUR' })

function parts(names: readonly string[], requirements: Intent['spec']['requirements']): NewObject<Intent> {
  return {
    metadata: { name: 'job', namespace: 'default' },
    spec: {
      workload: names.map((name) => deployment(name, '1')),
      duration: '1h',
      placement: 'Remote',
      ...(requirements && { requirements }),
    },
  }
}

describe('what an intent may cost', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(seed = 91, cheap: MarketConfig = CHEAP, dear: MarketConfig = DEAR): Promise<void> {
    const consumer = { ...CONSUMER, peers: ['cheap', 'dear'] } as const
    market = await startMarket(seed, { consumer, cheap, dear })
    market.network.setFaults({ latencyMs: 7 })
    await market.simulation.advance(1_000)
  }

  const job = async (): Promise<Intent> => (await intentOf(market.nodes.consumer, 'job'))!
  const bought = async (): Promise<readonly Contract[]> =>
    (await market.nodes.consumer.store.list(ContractKind)).items.filter(({ spec }) => spec.role === 'buyer')
  const change = async (requirements: Intent['spec']['requirements']): Promise<void> => {
    const { spec, ...rest } = await job()
    await market.nodes.consumer.store.update(IntentKind, {
      ...rest,
      spec: { ...spec, ...(requirements && { requirements }) },
    })
  }
  const runs = (limitMs?: number): Promise<void> =>
    until(market, market.nodes.consumer, () => isRunning(market.nodes.consumer, 'job'), limitMs)

  /** All that was ever bought costs no more than the budget, and the ledger says how much that is. */
  async function expectWithin(budget: string, when = ''): Promise<void> {
    const costs = (await bought()).map((contract) =>
      ['Closed', 'Expired'].includes(contract.status?.phase?.phase ?? '')
        ? finalCost(contract).cost
        : plannedCost(contract),
    )
    const total = costs.reduce((sum, cost) => sum + cost, 0n)
    expect(total, when).toBeLessThanOrEqual(parseMoney(budget))
    const { spending } = (await job()).status!
    expect(spending?.entries.filter(({ state }) => state === 'Reserved') ?? [], when).toEqual([])
    expect(spending?.total, when).toBe(`${formatMoney(total)} EUR`)
  }

  it('is nothing to anybody as long as all of it does not fit; the last digit decides', async () => {
    await begin()
    const { consumer } = market.nodes
    await consumer.store.create(IntentKind, parts(['one', 'two'], { budget: eur('0.312499999') }))
    await market.simulation.advance(30_000)
    expect(await bought()).toEqual([])
    expect((await job()).status?.message).toContain('over-budget')
    expect((await job()).status?.spending?.entries ?? []).toEqual([])
    await change({ budget: eur('0.3125') })
    await runs(180_000)
    await expectWithin('0.3125')
    expect((await job()).status?.spending).toMatchObject({
      ...{ total: '0.3125 EUR', limit: '0.3125 EUR', left: '0 EUR', rate: '0.3125 EUR/hour' },
    })
    expect((await bought()).map(({ spec }) => spec.price?.amount)).toEqual([PART, PART])
  })

  it('holds for the rate of all parts together', async () => {
    await begin()
    const { consumer } = market.nodes
    const maxPrice = { ...eur('0.312499999'), period: 'hour' }
    await consumer.store.create(IntentKind, parts(['one', 'two'], { maxPrice }))
    await market.simulation.advance(30_000)
    expect(await bought()).toEqual([])
    expect((await job()).status?.message).toContain('over-price')
    // The same per day: 24 × 0.3125.
    await change({ maxPrice: { ...eur('7.5'), period: 'day' } })
    await runs(180_000)
    expect((await job()).status?.spending?.rate).toBe('7.5 EUR/day')
  })

  it('leaves what the other parts need: the first does not take the dear offer that it likes better', async () => {
    // The dear one is the one to like: near, of all that counts.
    const weights = { price: 0, rating: 0, latency: 0, carbon: 0, fit: 0, location: 1 }
    const location = { city: 'Turin', country: 'Italy' }
    await begin(92, CHEAP, { ...DEAR, sell: { ...DEAR.sell!, location } })
    await market.nodes.consumer.store.create(IntentKind, {
      ...parts(['one', 'two'], { budget: eur('0.47') }),
      spec: { ...parts(['one', 'two'], { budget: eur('0.47') }).spec, weights },
    })
    await runs()
    await expectWithin('0.47')
    const prices = (await bought()).map(({ spec }) => spec.price?.amount).toSorted()
    expect(prices).toEqual([PART, '0.3125'])
  })

  it('is kept while the user changes it, as long as what is bought is within it; else all begins anew', async () => {
    await begin()
    const { consumer } = market.nodes
    await run(market, consumer, parts(['one', 'two'], { budget: eur('0.4') }))
    const [first, second] = await bought()
    await change({ budget: eur('9') })
    await market.simulation.advance(20_000)
    await change({ budget: eur('0.3125') })
    await market.simulation.advance(20_000)
    expect((await job()).status?.phase).toBe('Running')
    expect((await activeContracts(consumer)).map(({ metadata }) => metadata.name)).toEqual(
      [first, second].map((each) => each!.metadata.name),
    )
    expect((await job()).status?.spending).toMatchObject({ limit: '0.3125 EUR', left: '0 EUR' })
    const solver = await consumer.store.get(SolverKind, { namespace: 'default', name: 'job-one' })
    expect(solver?.spec.requirements?.budget).toEqual(eur('0.3125'))
    // Below what it costs: given back, and what was used of it is spent.
    await change({ budget: eur('0.3') })
    await market.simulation.advance(60_000)
    expect(await activeContracts(consumer)).toEqual([])
    const { spending, phase } = (await job()).status!
    expect(phase).toBe('Acquiring')
    expect(spending).toMatchObject({ entries: [], ended: 2 })
    const used = (await bought()).reduce((sum, contract) => sum + finalCost(contract).cost, 0n)
    expect(used).toBeGreaterThan(0n)
    expect(spending?.spent).toEqual({ EUR: formatMoney(used) })
    // Both sides reckon the same for each, to the last digit.
    for (const mine of await bought()) {
      const theirs = await market.nodes.cheap.store.get(ContractKind, mine.metadata)
      expect(finalCost(theirs!)).toEqual(finalCost(mine))
    }
    await takeBack(market, consumer, 'job')
    await market.simulation.advance(30_000)
    expect(await contradictions(market)).toEqual([])
  })

  it('counts what was used of a contract that its seller closed, and buys elsewhere with the rest', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    const wanted = parts(['one'], { budget: eur('0.4') })
    await run(market, consumer, { ...wanted, spec: { ...wanted.spec, onFailure: 'Replace' } })
    await market.simulation.advance(10 * 60_000)
    const [sold] = await activeContracts(cheap)
    await cheap.store.delete(ContractKind, sold!.metadata)
    const replaced = async (): Promise<boolean> =>
      (await isRunning(consumer, 'job')) &&
      (await activeContracts(consumer)).length === 1 &&
      (await bought()).length === 2
    await until(market, consumer, replaced, 5 * 60_000)
    await market.simulation.advance(10_000)
    await expectWithin('0.4')
    const { spending } = (await job()).status!
    expect(spending?.ended).toBe(1)
    const [mine] = (await bought()).filter(({ metadata }) => metadata.name === sold!.metadata.name)
    expect(spending?.spent).toEqual({ EUR: formatMoney(finalCost(mine!).cost) })
    // Ten minutes and some seconds of an hour.
    expect(finalCost(mine!).seconds).toBeGreaterThan(599)
    expect(finalCost(mine!).seconds).toBeLessThan(640)
  })

  it('holds whenever the buyer is killed between two writes', { timeout: 120_000 }, () =>
    killAfterEachWrite({
      async begin(writes) {
        await begin(writes)
        return { market, victim: market.nodes.consumer }
      },
      // For one part and a half at the price of the dear one.
      happens: () =>
        market.nodes.consumer.store.create(IntentKind, parts(['one', 'two'], { budget: eur('0.46875') })),
      withinMs: 1_500,
      step: 8,
      restart: async (node) => {
        await node.kill()
        await node.restart()
      },
      expected: async (writes) => {
        const when = `killed after ${writes} writes`
        await runs(10 * 60_000)
        await market.simulation.advance(30_000)
        await expectWithin('0.46875', when)
        expect(await contradictions(market), when).toEqual([])
      },
    }),
  )
})
