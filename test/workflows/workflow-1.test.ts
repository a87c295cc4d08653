/** Workflow 1, whole: ten nodes of one domain in one process, on the simulated clock. */
import { afterEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { DeploymentKind } from '../../src/objects/core/deployment.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { onStores } from '../support/market-store.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import {
  CONSUMER,
  expectSteps,
  intent,
  provider,
  run,
  takeBack,
  traceOfAll,
  until,
} from '../support/scenario.ts'

const PROVIDERS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9'] as const

describe.each(onStores('memory', 'sqlite', 'remote'))(
  'workflow 1 with ten nodes on the %s store',
  (_, options) => {
    let market: Market<'consumer' | (typeof PROVIDERS)[number]>
    afterEach(() => market.stop())

    it('takes every numbered step, at the right component, in order, and gives everything back', async () => {
      // The first is the cheapest.
      const providers = Object.fromEntries(
        PROVIDERS.map((name, index) => [name, provider('4', String(index + 1))]),
      ) as Record<(typeof PROVIDERS)[number], MarketConfig>
      market = await startMarket(
        1,
        { consumer: { ...CONSUMER, peers: [...PROVIDERS] }, ...providers },
        options,
      )
      await market.simulation.advance(1_000)
      const { consumer, p1 } = market.nodes

      const done = await run(market, consumer, intent('hello', '1500m'))
      const { workflow, events } = await traceOfAll(market, consumer, done)
      expect(workflow).toBe(1)
      expectSteps(1, events)

      const contracts = (await consumer.store.list(ContractKind)).items
      expect(contracts.map(({ spec }) => spec.seller.nodeID)).toEqual([p1.id])
      expect((await consumer.store.list(NodeKind)).items).toHaveLength(2)
      expect((await p1.store.list(AllocationKind)).items[0]).toMatchObject({
        spec: { type: 'Node', amounts: { cpu: '1500m' } },
        status: { status: 'Active' },
      })
      await market.expectBalanced()

      await takeBack(market, consumer, 'hello')
      await until(market, consumer, async () => (await p1.store.list(AllocationKind)).items.length === 0)
      // The status of a pool follows from its ledger: where the store is far away, a moment later.
      await until(market, consumer, async () => {
        const { status, spec } = (await p1.store.list(PoolKind)).items[0]!
        return status!.free['cpu'] === spec.capacity['cpu']
      })
      const pool = (await p1.store.list(PoolKind)).items[0]!
      expect(pool.status!.free).toEqual(pool.spec.capacity)
      expect((await consumer.store.list(DeploymentKind)).items).toEqual([])
      expect((await consumer.store.list(SolverKind)).items).toEqual([])
      await market.expectBalanced()
    })
  },
)
