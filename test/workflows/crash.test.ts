/** Workflow 1 with a process that is killed between any two steps: it resumes or compensates. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { killAfterEachWrite } from '../support/kill-after-each-write.ts'
import { onFaultyStores } from '../support/market-store.ts'
import { startMarket, type Market } from '../support/market.ts'
import { CONSUMER, intent, intentOf, provider, run, takeBack, until } from '../support/scenario.ts'

type Names = 'consumer' | 'seller'
const VICTIMS: readonly Names[] = ['consumer', 'seller']

describe.each(onFaultyStores('memory', 'sqlite', 'remote'))(
  'workflow 1 on the %s store, with a process that is killed',
  (_, options) => {
    /** A store that is far away makes everything take longer. */
    const isFar = options.store === 'remote'
    const [latestMs, everyMs] = isFar ? [3_000, 300] : [300, options.store === 'sqlite' ? 50 : 10]
    let market: Market<Names>
    afterEach(() => market.stop())

    async function begin(seed: number): Promise<void> {
      market = await startMarket(
        seed,
        {
          consumer: { ...CONSUMER, peers: ['seller'] },
          // All of it will be sold: what is lost for a moment is missed at once.
          seller: { ...provider('1', '2'), contracts: { hold: '20s' } },
        },
        options,
      )
      market.network.setFaults({ latencyMs: 7 })
      await market.simulation.advance(1_000)
    }

    const submit = (): Promise<unknown> =>
      market.nodes.consumer.store.create(IntentKind, intent('hello', '1'))

    /** It runs, under one contract, and can be taken back. */
    async function expectRunning(when: string): Promise<void> {
      const { consumer } = market.nodes
      const running = async (): Promise<boolean> =>
        (await intentOf(consumer, 'hello'))?.status?.phase === 'Running'
      await until(market, consumer, running, 5 * 60_000)
      // Holds of attempts that were given up are over by then.
      await market.simulation.advance(30_000)
      expect(await running(), when).toBe(true)
      expect(await contradictions(market), when).toEqual([])
      expect(await activeContracts(consumer), when).toHaveLength(1)
      await takeBack(market, consumer, 'hello')
      await expectNothingLeft(when)
    }

    async function expectNothingLeft(when: string): Promise<void> {
      const { consumer, seller } = market.nodes
      await until(market, consumer, async () => (await intentOf(consumer, 'hello')) === undefined, 5 * 60_000)
      await market.simulation.advance(30_000)
      expect(await contradictions(market), when).toEqual([])
      expect(await activeContracts(consumer), when).toEqual([])
      const [pool] = (await seller.store.list(PoolKind)).items
      expect(pool!.status!.free, when).toEqual(pool!.spec.capacity)
    }

    /** Once for each write that the victim makes in the second after `happens`; ends with `expected`. */
    function afterEachWrite(
      victim: Names,
      before: () => Promise<unknown>,
      happens: () => Promise<unknown>,
      expected: (when: string) => Promise<void>,
    ): Promise<void> {
      return killAfterEachWrite({
        async begin(writes) {
          await begin(writes)
          await before()
          return { market, victim: market.nodes[victim] }
        },
        happens,
        withinMs: isFar ? 6_000 : 1_000,
        step: { memory: 1, sqlite: 6, remote: 4 }[options.store],
        restart: async (node) => {
          await node.kill()
          await node.restart()
        },
        expected: (writes) => expected(`${victim} killed after ${writes} writes`),
      })
    }

    for (const victim of VICTIMS) {
      it(`runs in the end whenever the ${victim} is killed`, { timeout: 120_000 }, async () => {
        for (let after = 0; after <= latestMs; after += everyMs) {
          if (after > 0) await market.stop()
          await begin(after)
          await submit()
          await market.simulation.advance(after)
          await market.nodes[victim].kill()
          await market.simulation.advance(500)
          await market.nodes[victim].restart()
          await expectRunning(`${victim} killed after ${after} ms`)
        }
      })

      it(`runs in the end after whichever write the ${victim} is killed`, { timeout: 120_000 }, () =>
        afterEachWrite(victim, async () => {}, submit, expectRunning),
      )

      it(`gives everything back after whichever write the ${victim} is killed`, { timeout: 120_000 }, () =>
        afterEachWrite(
          victim,
          () => run(market, market.nodes.consumer, intent('hello', '1')),
          () => market.nodes.consumer.store.delete(IntentKind, { namespace: 'default', name: 'hello' }),
          expectNothingLeft,
        ),
      )

      it(
        `closes on both sides after whichever write the ${victim} is killed while the seller closes`,
        { timeout: 120_000 },
        () =>
          afterEachWrite(
            victim,
            () => run(market, market.nodes.consumer, intent('hello', '1', { onFailure: 'Stop' })),
            async () => {
              const { seller } = market.nodes
              const [contract] = await activeContracts(seller)
              await seller.store.delete(ContractKind, contract!.metadata)
            },
            async (when) => {
              const { consumer } = market.nodes
              const stopped = async (): Promise<boolean> =>
                (await intentOf(consumer, 'hello'))?.status?.phase === 'Failed'
              await until(market, consumer, stopped, 5 * 60_000)
              await takeBack(market, consumer, 'hello')
              await expectNothingLeft(when)
            },
          ),
      )
    }
  },
)
