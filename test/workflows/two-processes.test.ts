/**
 * Two processes of one node on one store that is far away: one acts, the other takes over when it dies, and nothing is
 * sold or bought twice, whenever that is.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import type { MarketProcess } from '../support/market-process.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import {
  clientOf,
  CONSUMER,
  intent,
  intentOf,
  isRunning,
  passing,
  provider,
  run,
} from '../support/scenario.ts'
import { randomFrom } from '../support/simulated-system.ts'

type Names = 'consumer' | 'seller'

/** Of a process that died until another acts, in milliseconds. */
const TAKEOVER_MS = 15_000

const actingOf = (node: MarketNode): readonly MarketProcess[] =>
  node.processes.filter((each) => each.node.process.role === 'active')

async function begin(seed: number): Promise<Market<Names>> {
  const market = await startMarket(
    seed,
    {
      consumer: { ...CONSUMER, peers: ['seller'], processes: 2 },
      seller: { ...provider('4', '2'), contracts: { hold: '20s' }, processes: 2 },
    },
    { store: 'remote' },
  )
  await eventually(market, TAKEOVER_MS, () =>
    Object.values<MarketNode>(market.nodes).every((node) => actingOf(node).length === 1),
  )
  await market.simulation.advance(5_000)
  return market
}

/** @returns how long it took, in simulated milliseconds */
async function eventually(
  market: Market<Names>,
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<number> {
  const since = market.simulation.now()
  while (!(await condition())) {
    if (market.simulation.now() - since > limitMs) throw new Error(`not within ${limitMs} ms`)
    await market.simulation.advance(100)
  }
  return market.simulation.now() - since
}

describe('two processes of one node', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  it('are one that acts, and one that waits and says so', async () => {
    market = await begin(1)
    const { seller } = market.nodes
    const roles = seller.processes.map(({ node }) => node.process)
    expect(roles.map(({ role }) => role).toSorted()).toEqual(['active', 'standby'])
    expect(roles.find(({ role }) => role === 'standby')).toMatchObject({
      active: expect.stringMatching(/^seller_[0-9a-f]{16}$/),
    })

    const waiting = roles.findIndex(({ role }) => role === 'standby')
    const call = clientOf(market, 'consumer').call(
      { address: `seller-${waiting}.example.org:7000` },
      { method: 'GET', path: '/api/v2/flavors', timeoutMs: 500 },
    )
    await expect(passing(market, call)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('take over at once from one that stops, and within 15 s from one that dies', async () => {
    market = await begin(2)
    const { consumer, seller } = market.nodes
    await run(market, consumer, intent('hello', '1'))
    const [first] = actingOf(seller) as [MarketProcess]
    await passing(market, first.node.stop())
    expect(await eventually(market, TAKEOVER_MS, () => actingOf(seller).length === 1)).toBeLessThan(3_000)
    const [second] = actingOf(seller) as [MarketProcess]
    expect(second).not.toBe(first)
    await first.kill()
    await first.restart()
    await second.kill()
    expect(await eventually(market, TAKEOVER_MS, () => actingOf(seller).length === 1)).toBeGreaterThan(5_000)
    await market.simulation.advance(30_000)
    expect(await isRunning(consumer, 'hello')).toBe(true)
    expect(await contradictions(market)).toEqual([])
    expect(await activeContracts(seller)).toHaveLength(1)
  })

  for (const seed of [11, 12, 13, 14]) {
    it(`break no rule in 25 deaths (seed ${seed})`, { timeout: 60_000 }, async () => {
      market = await begin(seed)
      const bytes = randomFrom(seed * 7919)
      const random = (below: number): number => Buffer.from(bytes.bytes(4)).readUInt32LE() % below
      const { consumer, seller } = market.nodes
      const pick = <T>(of: readonly T[]): T => of[random(of.length)]!
      let count = 0
      for (let death = 1; death <= 25; death++) {
        const when = `death ${death} of seed ${seed}`
        const intents = (await consumer.store.list(IntentKind)).items.filter(
          ({ metadata }) => metadata.deletionTimestamp === undefined,
        )
        // What is bought and given back while somebody dies.
        if (intents.length < 3) await consumer.store.create(IntentKind, intent(`job-${count++}`, '1'))
        if (intents.length > 0 && random(2) === 0)
          await consumer.store.delete(IntentKind, pick(intents).metadata)

        const node: MarketNode = pick([consumer, seller])
        const [victim] = actingOf(node) as [MarketProcess]
        victim.killAfterWrites(1 + random(20))
        await market.simulation.advance(100 + random(3_000))
        await victim.kill()
        const standby = node.processes.find((each) => each !== victim)!
        expect(actingOf(node), when).toEqual([])
        await eventually(market, TAKEOVER_MS, () => standby.node.process.role === 'active')
        await victim.restart()
        await market.expectBalanced()
      }
      await eventually(market, 5 * 60_000, async () => {
        const { items } = await consumer.store.list(IntentKind)
        return items.every(({ status }) => status?.phase === 'Running')
      })
      await eventually(market, 120_000, async () => (await contradictions(market)).length === 0)

      const { items } = await consumer.store.list(IntentKind)
      expect(await activeContracts(seller)).toHaveLength(items.length)
      for (const { metadata } of items) await consumer.store.delete(IntentKind, metadata)
      await eventually(market, 5 * 60_000, async () => {
        const left = await Promise.all(items.map(({ metadata }) => intentOf(consumer, metadata.name)))
        return left.every((each) => each === undefined)
      })
      await eventually(market, 120_000, async () => (await contradictions(market)).length === 0)
      expect(await activeContracts(seller)).toEqual([])
      for (const { spec, status } of (await seller.store.list(PoolKind)).items)
        expect(status!.free).toEqual(spec.capacity)
      expect((await seller.store.list(ContractKind)).items.length).toBeGreaterThan(0)
    })
  }
})
