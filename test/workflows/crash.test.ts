/** Workflow 1 with a process that is killed between any two steps: it resumes or compensates. */
import { afterEach, describe, expect, it } from 'vitest'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market } from '../support/market.ts'
import { CONSUMER, intent, intentOf, provider, takeBack, until } from '../support/scenario.ts'

type Names = 'consumer' | 'seller'

describe('workflow 1, with a process that is killed', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(seed: number): Promise<void> {
    market = await startMarket(seed, {
      consumer: { ...CONSUMER, peers: ['seller'] },
      seller: provider('4', '2'),
    })
    market.network.setFaults({ latencyMs: 7 })
    await market.simulation.advance(1_000)
  }

  /** Waits for the end of the story: it runs, under one contract, and can be taken back. */
  async function expectHappyEnd(when: string): Promise<void> {
    const { consumer, seller } = market.nodes
    const running = async (): Promise<boolean> =>
      (await intentOf(consumer, 'hello'))?.status?.phase === 'Running'
    await until(market, consumer, running, 5 * 60_000)
    // Holds of attempts that were given up are over by then.
    await market.simulation.advance(3 * 60_000)
    expect(await running(), when).toBe(true)
    expect(await contradictions(market), when).toEqual([])
    expect(await activeContracts(consumer), when).toHaveLength(1)
    await takeBack(market, consumer, 'hello')
    await market.simulation.advance(20_000)
    expect(await contradictions(market), when).toEqual([])
    const [pool] = (await seller.store.list(PoolKind)).items
    expect(pool!.status!.free, when).toEqual(pool!.spec.capacity)
  }

  for (const victim of ['consumer', 'seller'] as const) {
    it(`ends well whenever the ${victim} is killed`, { timeout: 120_000 }, async () => {
      for (let after = 0; after <= 300; after += 10) {
        await begin(after)
        const { consumer } = market.nodes
        await consumer.store.create(IntentKind, intent('hello', '1'))
        await market.simulation.advance(after)
        await market.nodes[victim].kill()
        await market.simulation.advance(500)
        await market.nodes[victim].restart()
        await expectHappyEnd(`killed after ${after} ms`)
        if (after < 300) await market.stop()
      }
    })

    it(`ends well after whichever write the ${victim} is killed`, { timeout: 240_000 }, async () => {
      let died = true
      for (let writes = 1; died; writes++) {
        if (writes > 1) await market.stop()
        await begin(writes)
        const { consumer } = market.nodes
        const before = market.nodes[victim].writes
        market.nodes[victim].killAfterWrites(writes)
        await consumer.store.create(IntentKind, intent('hello', '1'))
        await market.simulation.advance(1_000)
        died = market.nodes[victim].writes - before >= writes
        await market.nodes[victim].kill()
        await market.nodes[victim].restart()
        await expectHappyEnd(`killed after ${writes} writes`)
      }
    })
  }
})
