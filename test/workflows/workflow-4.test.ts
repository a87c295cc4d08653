/** Workflow 4: two nodes in different domains, with a catalog. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { PeeringCandidateKind } from '../../src/objects/peering-candidate.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { TraceKind } from '../../src/objects/trace.ts'
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

const HERE = 'buyers.example'
const THERE = 'sellers.example'
const MARKET = 'market.example'

describe.each(onStores('memory', 'sqlite', 'remote'))('workflow 4 on the %s store', (_, options) => {
  let market: Market<'consumer' | 'cs' | 'catalog' | 'ps' | 'provider'>
  afterEach(() => market.stop())

  it('takes every numbered step; the catalog has no part in contracts or traffic', async () => {
    market = await startMarket(
      7,
      {
        catalog: { role: 'catalog', domain: MARKET, trusts: [HERE, THERE] },
        cs: { role: 'supernode', domain: HERE, trusts: [THERE, MARKET], peers: ['catalog'] },
        ps: {
          role: 'supernode',
          domain: THERE,
          trusts: [HERE, MARKET],
          peers: ['catalog'],
          supernode: { margin: '5%' },
        },
        consumer: { ...CONSUMER, domain: HERE, peers: ['cs'] },
        provider: { ...provider('4', '2'), domain: THERE, peers: ['ps'] },
      },
      options,
    )
    const { consumer, cs, catalog, ps, provider: seller } = market.nodes
    for (const [a, b] of [
      [consumer, ps],
      [consumer, seller],
      [consumer, catalog],
      [cs, seller],
      [catalog, seller],
    ] as const) {
      market.network.partition(a.address, b.address)
    }
    // Step 0: what the provider has reaches the catalog through its supernode.
    await market.simulation.advance(10_000)

    const seen = (await catalog.store.list(PeeringCandidateKind)).items.map(
      ({ spec }) => `${spec.offer!.flavorID} ${Date.parse(spec.seenAt!)}`,
    )

    const done = await run(market, consumer, intent('far', '1'))
    const { workflow, events } = await traceOfAll(market, consumer, done)
    expect(workflow).toBe(4)
    expectSteps(4, events)
    // Step 0 is the catalog's own record of the offer that was bought, from before there was an intent.
    const [stored, ...again] = events.filter(({ step }) => step === 0)
    expect(again).toEqual([])
    expect(stored).toMatchObject({ node: 'catalog', role: 'catalog', peer: seller.id })
    expect(seen).toContain(`${stored!.detail!.split(',')[0]} ${stored!.at}`)
    expect(stored!.at).toBeLessThan(events.find(({ step }) => step === 1)!.at)
    const contracts = async (node: typeof cs) => (await node.store.list(ContractKind)).items.length
    expect([
      await contracts(consumer),
      await contracts(cs),
      await contracts(ps),
      await contracts(seller),
    ]).toEqual([1, 2, 2, 1])
    expect(await contracts(catalog)).toBe(0)
    const taken = (await catalog.store.list(TraceKind)).items.flatMap(({ status }) => status?.events ?? [])
    expect(new Set(taken.map(({ component }) => component))).toEqual(new Set(['discovery-manager']))

    await takeBack(market, consumer, 'far')
    await until(market, consumer, async () => {
      const pool = (await seller.store.list(PoolKind)).items[0]!
      return JSON.stringify(pool.status!.free) === JSON.stringify(pool.spec.capacity)
    })
    await market.expectBalanced()
  })
})
