/** Workflow 3: two nodes in different domains, through their supernodes. */
import { afterEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { ReservationKind } from '../../src/objects/reservation.ts'
import { VirtualRouterKind } from '../../src/objects/virtual-router.ts'
import { TransactionKind } from '../../src/objects/transaction.ts'
import { verifyContract } from '../../src/contract-manager/index.ts'
import { fourNodes, type FourNodes } from '../support/four-nodes.ts'
import { onStores } from '../support/market-store.ts'
import type { Market } from '../support/market.ts'
import { expectSteps, intent, run, takeBack, traceOfAll, until } from '../support/scenario.ts'

describe.each(onStores('memory', 'sqlite', 'remote'))('workflow 3 on the %s store', (_, options) => {
  let market: Market<FourNodes>
  afterEach(() => market.stop())

  it('takes every numbered step, with a contract between each two hops, and gives everything back', async () => {
    market = await fourNodes(5, { margins: { cs: '10%', ps: '5%' }, market: options })
    const { consumer, cs, ps, provider: seller } = market.nodes
    const done = await run(market, consumer, intent('far', '1'))
    const { workflow, events } = await traceOfAll(market, consumer, done)
    expect(workflow).toBe(3)
    expectSteps(3, events)

    const contracts = async (node: typeof cs) => (await node.store.list(ContractKind)).items
    const [bought] = await contracts(consumer)
    expect(bought!.spec.seller.nodeID).toBe(cs.id)
    expect(await contracts(cs)).toHaveLength(2)
    expect(await contracts(ps)).toHaveLength(2)
    const [sold] = await contracts(seller)
    expect(sold!.spec.buyer.nodeID).toBe(ps.id)
    // Every one of them is signed by its two sides, and can be checked by anybody.
    for (const contract of [...(await contracts(cs)), ...(await contracts(ps)), bought!, sold!]) {
      expect(verifyContract(contract.spec.document, market.simulation.now())).toMatchObject({ ok: true })
    }
    // 2 EUR for 4 cores and 8Gi: 0.25 a core, 0.125 a Gi; 5 % of the provider's supernode, 10 % of the consumer's.
    // Bought are one core and 256Mi.
    expect(sold!.spec.price).toMatchObject({ amount: '0.28125' })
    expect(bought!.spec.price).toMatchObject({ amount: '0.32484375' })
    expect(bought!.spec.extraInformation).toMatchObject({
      'tributary.io/downstream-price': '0.2953125 EUR/hour',
      'tributary.io/margin': '10%',
    })
    for (const relay of [cs, ps]) {
      const forwarding = (await relay.store.list(AllocationKind)).items
      expect(forwarding.map(({ spec }) => spec.forwarding)).toEqual([true])
    }

    // Not only messages: the data path works through both relays, too.
    const router = async (node: typeof cs) => (await node.store.list(VirtualRouterKind)).items[0]
    await until(market, consumer, async () => (await router(consumer))?.status?.phase === 'Ready')
    expect((await router(consumer))!.spec.peer.nodeID).toBe(seller.id)

    await takeBack(market, consumer, 'far')
    const released = async (): Promise<boolean> => {
      const pool = (await seller.store.list(PoolKind)).items[0]!
      return JSON.stringify(pool.status!.free) === JSON.stringify(pool.spec.capacity)
    }
    await until(market, consumer, released)
    await market.simulation.advance(1_000)
    for (const node of [consumer, cs, ps, seller]) {
      expect((await node.store.list(AllocationKind)).items).toEqual([])
      expect((await node.store.list(TransactionKind)).items).toEqual([])
      expect((await node.store.list(ReservationKind)).items).toEqual([])
      expect((await contracts(node)).every(({ status }) => status?.phase?.phase === 'Closed')).toBe(true)
    }
    await market.expectBalanced()
  })
})
