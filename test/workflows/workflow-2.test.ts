/** Workflow 2: a node and the supernode in the same domain. */
import { afterEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { onStores } from '../support/market-store.ts'
import { startMarket, type Market } from '../support/market.ts'
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

describe.each(onStores('memory', 'sqlite', 'remote'))('workflow 2 on the %s store', (_, options) => {
  let market: Market<'consumer' | 'supernode' | 'sibling'>
  afterEach(() => market.stop())

  it('(a) buys the own flavor of the supernode, with every step', async () => {
    market = await startMarket(
      2,
      {
        supernode: { ...provider('4', '2'), role: 'supernode' },
        consumer: { ...CONSUMER, peers: ['supernode'] },
        sibling: { ...CONSUMER, peers: ['supernode'] },
      },
      options,
    )
    await market.simulation.advance(1_000)
    const { consumer, supernode } = market.nodes
    const done = await run(market, consumer, intent('a', '1'))
    const { workflow, events } = await traceOfAll(market, consumer, done)
    expect(workflow).toBe(2)
    expectSteps(2, events)
    const [contract] = (await consumer.store.list(ContractKind)).items
    expect(contract!.spec.seller.nodeID).toBe(supernode.id)
    await market.expectBalanced()
  })

  it('(c) buys from a sibling that the supernode asks on the spot, directly with the sibling', async () => {
    market = await startMarket(
      3,
      {
        supernode: { role: 'supernode', supernode: { introduce: false } },
        sibling: { ...provider('4', '2'), peers: ['supernode'] },
        consumer: { ...CONSUMER, peers: ['supernode'] },
      },
      options,
    )
    await market.simulation.advance(1_000)
    const { consumer, sibling, supernode } = market.nodes
    const done = await run(market, consumer, intent('c', '1'))
    const { workflow, events } = await traceOfAll(market, consumer, done)
    expect(workflow).toBe(2)
    expectSteps(2, events)
    const [contract] = (await consumer.store.list(ContractKind)).items
    expect(contract!.spec.seller.nodeID).toBe(sibling.id)
    expect((await supernode.store.list(ContractKind)).items).toEqual([])
    await takeBack(market, consumer, 'c')
    await until(market, consumer, async () => (await sibling.store.list(AllocationKind)).items.length === 0)
    await market.expectBalanced()
  })

  it('(c) goes through the supernode where the sibling cannot be reached', async () => {
    market = await startMarket(
      4,
      {
        supernode: { role: 'supernode', supernode: { introduce: false } },
        sibling: { ...provider('4', '2'), peers: ['supernode'] },
        consumer: { ...CONSUMER, peers: ['supernode'] },
      },
      options,
    )
    const { consumer, sibling, supernode } = market.nodes
    market.network.partition(consumer.address, sibling.address)
    await market.simulation.advance(1_000)
    await run(market, consumer, intent('c', '1'))
    const [contract] = (await consumer.store.list(ContractKind)).items
    expect(contract!.spec.seller.nodeID).toBe(supernode.id)
    expect((await supernode.store.list(ContractKind)).items).toHaveLength(2)
  })

  it('(c) goes through the supernode at once when a sibling that was dealt with before is cut off', async () => {
    market = await startMarket(
      5,
      {
        supernode: { role: 'supernode', supernode: { introduce: false } },
        sibling: { ...provider('4', '2'), peers: ['supernode'] },
        consumer: { ...CONSUMER, peers: ['supernode'] },
      },
      options,
    )
    const { consumer, sibling, supernode } = market.nodes
    await market.simulation.advance(1_000)
    await run(market, consumer, intent('first', '1'))
    const sellers = async () =>
      (await consumer.store.list(ContractKind)).items.map(({ spec }) => spec.seller.nodeID).sort()
    expect(await sellers()).toEqual([sibling.id])

    market.network.partition(consumer.address, sibling.address)
    const since = market.simulation.now()
    await run(market, consumer, intent('second', '1'))
    expect(await sellers()).toEqual([sibling.id, supernode.id].sort())
    expect(market.simulation.now() - since).toBeLessThan(15_000)
    // Others that want something from it need not find that out again.
    const again = market.simulation.now()
    await run(market, consumer, intent('third', '1'))
    expect(market.simulation.now() - again).toBeLessThan(5_000)
    await market.expectBalanced()
  })
})
