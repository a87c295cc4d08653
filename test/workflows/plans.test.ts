/** What a plan showed is what is bought by it, or it is said what has changed. */
import { afterEach, describe, expect, it } from 'vitest'
import { PARTS, type Parts } from '../../src/node/parts/index.ts'
import { planRoutes } from '../../src/node/plan-routes.ts'
import type { NodeOrchestrator } from '../../src/node-orchestrator/index.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { IntentKind, type Intent } from '../../src/objects/intent.ts'
import { PLAN_ANNOTATION, PlanKind } from '../../src/objects/plan.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { formatMoney } from '../../src/quantity/money.ts'
import { plannedCost } from '../../src/rear/contract-cost.ts'
import { activeContracts } from '../support/invariants.ts'
import { startMarket, type Market } from '../support/market.ts'
import { CONSUMER, intent, intentOf, isRunning, passing, provider, until } from '../support/scenario.ts'

type Names = 'consumer' | 'cheap' | 'dear'

interface PlanAnswer {
  readonly id: string
  readonly plans: readonly {
    readonly requests: readonly {
      readonly decision: string
      readonly purchase?: {
        readonly provider: { readonly nodeID: string }
        readonly price: { readonly amount: string }
        readonly cost: { readonly amount: string }
        readonly obstacle?: string
      }
    }[]
  }[]
}

describe('a plan', () => {
  let market: Market<Names>
  /** One for all: each by the name would begin with the same random numbers. */
  let system: ReturnType<Market<Names>['simulation']['named']>
  const orchestrators = new Map<string, NodeOrchestrator>()
  afterEach(() => market.stop())

  async function begin(): Promise<void> {
    const workloads: Parts['workloads'] = (before) => {
      const part = PARTS.workloads(before)
      orchestrators.set(before.base.self.name, part.handles.orchestrator)
      return part
    }
    market = await startMarket(
      71,
      {
        consumer: { ...CONSUMER, peers: ['cheap', 'dear'] },
        cheap: provider('8', '2'),
        dear: provider('8', '4'),
      },
      { overrides: { workloads } },
    )
    system = market.simulation.named('plans')
    await market.simulation.advance(1_000)
  }

  const ask = async <T>(path: string, id: string, body?: unknown): Promise<T> => {
    const { store } = market.nodes.consumer
    const options = {
      store,
      system,
      orchestrator: orchestrators.get('consumer')!,
    }
    const route = planRoutes(options, () => undefined).find((each) => each.path === path)!
    const { signal } = new AbortController()
    const request = { params: { id }, query: {}, body, caller: undefined as never, signal }
    const { status, body: answer } = await passing(market, route.handler(request))
    expect(status).toBe(200)
    return answer as T
  }
  const job = { ...intent('job', '1', { duration: '1h', placement: 'Remote' }), kind: 'Intent' }
  const plan = () => ask<PlanAnswer>('/tributary/v1/plan', '', job)
  const changes = async (id: string): Promise<readonly string[]> =>
    (await ask<{ changes: readonly string[] }>('/tributary/v1/plan/:id/check', id)).changes
  const apply = (id: string): Promise<Intent> =>
    market.nodes.consumer.store.create(IntentKind, {
      ...job,
      metadata: { ...job.metadata, annotations: { [PLAN_ANNOTATION]: id } },
    })
  const setPrice = async (name: 'cheap' | 'dear', cpu: string): Promise<void> => {
    const { store } = market.nodes[name]
    const [pool] = (await store.list(PoolKind)).items
    const price = { amount: '0', currency: 'EUR', period: 'hour', units: { cpu, memory: '0.125' } }
    await store.update(PoolKind, { ...pool!, spec: { ...pool!.spec, price } })
    await market.simulation.advance(1_000)
  }

  it('is bought as it was shown, to the last digit, and lets go once the workload ran', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    const { id, plans } = await plan()
    const { purchase } = plans[0]!.requests[0]!
    expect(purchase).toMatchObject({ provider: { nodeID: cheap.id }, price: { amount: '0.15625' } })
    expect(purchase?.obstacle).toBeUndefined()
    expect(await changes(id)).toEqual([])
    await apply(id)
    await until(market, consumer, () => isRunning(consumer, 'job'))
    const [contract] = (await consumer.store.list(ContractKind)).items
    expect(contract?.spec.price?.amount).toBe(purchase?.price.amount)
    expect(formatMoney(plannedCost(contract!))).toBe(purchase?.cost.amount)
    const theirs = await cheap.store.get(ContractKind, contract!.metadata)
    expect(plannedCost(theirs!)).toBe(plannedCost(contract!))
    expect((await intentOf(consumer, 'job'))?.status?.plan).toMatchObject({ id, met: true })
  })

  it('is not bought for more, nor elsewhere, and says what has changed', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    const { id } = await plan()
    await setPrice('cheap', '0.126')
    expect(await changes(id)).toEqual([
      `job: ${cheap.id}: costs 0.15725 EUR/hour, planned was 0.15625 EUR/hour`,
    ])
    // Whoever applies it all the same, or just before, does not get it either.
    await apply(id)
    await market.simulation.advance(30_000)
    expect((await consumer.store.list(ContractKind)).items).toEqual([])
    expect((await intentOf(consumer, 'job'))?.status?.message).toContain('2 not-as-planned')
    // Cheaper than planned is as well.
    await setPrice('cheap', '0.124')
    await until(market, consumer, () => isRunning(consumer, 'job'), 180_000)
    expect((await activeContracts(consumer)).map(({ spec }) => spec.seller.nodeID)).toEqual([cheap.id])
  })

  it('is not bought for a shorter time: a draft that ends before is not signed', async () => {
    await begin()
    const { consumer } = market.nodes
    const { id } = await plan()
    market.network.intercept((message) => {
      if (message.path !== '/api/v2/reservations' || message.direction !== 'answer') return undefined
      const transaction = JSON.parse(message.body.toString()) as { contract: { expirationTime: string } }
      const expirationTime = new Date(market.simulation.now() + 50 * 60_000).toISOString()
      return {
        body: JSON.stringify({ ...transaction, contract: { ...transaction.contract, expirationTime } }),
      }
    })
    await apply(id)
    await market.simulation.advance(30_000)
    expect((await consumer.store.list(ContractKind)).items).toEqual([])
  })

  it('says when the seller is not reached any more, and is gone after an hour', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    // Its offer is known, and still valid.
    await plan()
    await cheap.kill()
    const { id, plans } = await plan()
    expect(plans[0]!.requests[0]!.purchase?.obstacle).toContain('does not answer')
    await market.simulation.advance(3_700_000)
    expect(await consumer.store.get(PlanKind, { name: id })).toBeUndefined()
    await apply(id)
    await market.simulation.advance(20_000)
    const { phase, message } = (await intentOf(consumer, 'job'))!.status!
    expect(phase).toBe('Pending')
    expect(message).toContain(`${id} is not kept any more`)
  })
})
