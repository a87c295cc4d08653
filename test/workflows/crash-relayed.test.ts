/** Workflow 3 with a process that is killed between any two steps: all hops hold it, or none does. */
import { afterEach, describe, expect, it } from 'vitest'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { fourNodes, type FourNodes } from '../support/four-nodes.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { killAfterEachWrite } from '../support/kill-after-each-write.ts'
import { onFaultyStores } from '../support/market-store.ts'
import type { Market } from '../support/market.ts'
import { intent, intentOf, isRunning, takeBack, until } from '../support/scenario.ts'

const VICTIMS: readonly FourNodes[] = ['consumer', 'cs', 'ps', 'provider']
const TIMEOUT = { timeout: 120_000 }

describe.each(onFaultyStores('memory', 'sqlite', 'remote'))(
  'workflow 3 on the %s store, with a process that is killed',
  (_, options) => {
    /** A store that is far away makes everything take longer. */
    const isFar = options.store === 'remote'
    const latestMs = isFar ? 4_000 : 250
    const everyMs = { memory: 10, sqlite: 125, remote: 800 }[options.store]
    let market: Market<FourNodes>
    afterEach(() => market.stop())

    async function begin(seed: number): Promise<void> {
      market = await fourNodes(seed, { cpu: '1', hold: '20s', market: options })
      market.network.setFaults({ latencyMs: 7 })
    }
    const submit = (duration = '24h'): Promise<unknown> =>
      market.nodes.consumer.store.create(IntentKind, intent('far', '1', { duration }))
    /** With everyday faults an attempt may fail, and what just failed is not tried again at once. */
    const bought = async (): Promise<void> => {
      const { consumer } = market.nodes
      await consumer.store.create(IntentKind, intent('far', '1'))
      await until(market, consumer, () => isRunning(consumer, 'far'), 10 * 60_000)
    }
    const restart = async (victim: FourNodes): Promise<void> => {
      await market.nodes[victim].kill()
      await market.simulation.advance(500)
      await market.nodes[victim].restart()
    }

    /** It runs, with one contract between each two hops, and can be taken back. */
    async function expectRunning(when: string): Promise<void> {
      const { consumer, cs, ps, provider } = market.nodes
      await until(market, consumer, () => isRunning(consumer, 'far'), 10 * 60_000)
      // What attempts that were given up held is free by then.
      await market.simulation.advance(60_000)
      expect(await contradictions(market), when).toEqual([])
      const active = await Promise.all([consumer, cs, ps, provider].map(activeContracts))
      expect(
        active.map(({ length }) => length),
        when,
      ).toEqual([1, 2, 2, 1])
      await takeBack(market, consumer, 'far')
      await expectNothingLeft(when)
    }

    async function expectNothingLeft(when: string): Promise<void> {
      const { consumer, provider } = market.nodes
      await until(market, consumer, async () => (await intentOf(consumer, 'far')) === undefined, 10 * 60_000)
      const isWhole = async (): Promise<boolean> => {
        const [pool] = (await provider.store.list(PoolKind)).items
        return JSON.stringify(pool!.status!.free) === JSON.stringify(pool!.spec.capacity)
      }
      await until(market, consumer, isWhole, 20 * 60_000)
      await market.simulation.advance(60_000)
      expect(await contradictions(market), when).toEqual([])
      for (const node of Object.values(market.nodes)) expect(await activeContracts(node), when).toEqual([])
    }

    function afterEachWrite(
      victim: FourNodes,
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
        withinMs: isFar ? 8_000 : 2_000,
        step: { memory: 1, sqlite: 15, remote: 11 }[options.store],
        restart: () => restart(victim),
        expected: (writes) => expected(`${victim} killed after ${writes} writes`),
      })
    }

    for (const victim of VICTIMS) {
      it(`is bought by all hops or none, whenever ${victim} is killed and comes back`, TIMEOUT, async () => {
        for (let after = 0; after <= latestMs; after += everyMs) {
          if (after > 0) await market.stop()
          await begin(after)
          await submit()
          await market.simulation.advance(after)
          await restart(victim)
          await expectRunning(`${victim} killed after ${after} ms`)
        }
      })

      it(`is bought by all hops or none, after whichever write ${victim} is killed`, TIMEOUT, () =>
        afterEachWrite(victim, async () => {}, submit, expectRunning),
      )

      it(`is given back by all hops, after whichever write ${victim} is killed`, TIMEOUT, () =>
        afterEachWrite(
          victim,
          bought,
          () => market.nodes.consumer.store.delete(IntentKind, { namespace: 'default', name: 'far' }),
          expectNothingLeft,
        ),
      )

      it(
        `costs nobody capacity for ever, whenever ${victim} is killed and never comes back`,
        TIMEOUT,
        async () => {
          for (let after = 0; after <= latestMs; after += (options.store === 'memory' ? 2.5 : 1) * everyMs) {
            if (after > 0) await market.stop()
            await begin(after)
            await submit('10m')
            await market.simulation.advance(after)
            await market.nodes[victim].kill()
            // The intent is given up; at the latest, the contracts end.
            await market.simulation.advance(60_000)
            if (victim !== 'consumer')
              await market.nodes.consumer.store.delete(IntentKind, { namespace: 'default', name: 'far' })
            await market.simulation.advance(15 * 60_000)
            const when = `${victim} killed after ${after} ms`
            for (const [name, node] of Object.entries(market.nodes)) {
              if (name === victim) continue
              expect(await activeContracts(node), `${when}: ${name}`).toEqual([])
              for (const { status, spec } of (await node.store.list(PoolKind)).items)
                expect(status!.free, `${when}: ${name}`).toEqual(spec.capacity)
            }
            const others = (await contradictions(market)).filter((line) => !line.startsWith(`${victim}:`))
            expect(others, when).toEqual([])
          }
        },
      )
    }
  },
)
