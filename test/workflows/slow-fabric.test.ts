/** Workflow 1 with a fabric that is slow and needs two round trips: it ends as it does with a fast one. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/fabric/cluster.ts'
import { EmbeddedFabric } from '../../src/fabric/embedded/index.ts'
import type { AcceptedOffer, Fabric, FabricOptions, PendingOffer } from '../../src/fabric/fabric.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { VirtualNodeKind } from '../../src/objects/virtual-node.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { killAfterEachWrite } from '../support/kill-after-each-write.ts'
import { startMarket, type Market, type MarketOptions } from '../support/market.ts'
import {
  CONSUMER,
  expectSteps,
  intent,
  intentOf,
  provider,
  run,
  takeBack,
  traceOfAll,
  until,
} from '../support/scenario.ts'
import { SlowFabric } from '../support/slow-fabric/index.ts'

type Names = 'consumer' | 'seller'
const PACE_MS = 2_000

/** The slow fabric around the embedded one. @param change of a test's own */
const slow = (
  change: (fabric: Fabric & Cluster) => Fabric & Cluster = (fabric) => fabric,
): MarketOptions => ({
  makeFabric(options: FabricOptions, runner) {
    const inner = new EmbeddedFabric({ ...options, runner })
    return change(new SlowFabric({ ...options, inner, paceMs: PACE_MS }))
  },
})

describe('workflow 1 with a slow fabric', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(seed: number, options = slow()): Promise<void> {
    market = await startMarket(
      seed,
      {
        consumer: { ...CONSUMER, peers: ['seller'] },
        seller: { ...provider('1', '2'), contracts: { hold: '20s' } },
      },
      options,
    )
    market.network.setFaults({ latencyMs: 7 })
    await market.simulation.advance(1_000)
  }
  const submit = (): Promise<unknown> => market.nodes.consumer.store.create(IntentKind, intent('hello', '1'))

  async function expectNothingLeft(when: string): Promise<void> {
    const { consumer, seller } = market.nodes
    await until(market, consumer, async () => (await intentOf(consumer, 'hello')) === undefined, 5 * 60_000)
    await market.simulation.advance(60_000)
    expect(await contradictions(market), when).toEqual([])
    expect(await activeContracts(consumer), when).toEqual([])
    expect((await consumer.store.list(NodeKind)).items, when).toHaveLength(1)
    const [pool] = (await seller.store.list(PoolKind)).items
    expect(pool!.status!.free, when).toEqual(pool!.spec.capacity)
  }

  async function expectRunning(when: string): Promise<void> {
    const { consumer } = market.nodes
    const running = async (): Promise<boolean> =>
      (await intentOf(consumer, 'hello'))?.status?.phase === 'Running'
    await until(market, consumer, running, 5 * 60_000)
    await market.simulation.advance(30_000)
    expect(await running(), when).toBe(true)
    expect(await contradictions(market), when).toEqual([])
    expect(await activeContracts(consumer), when).toHaveLength(1)
    await takeBack(market, consumer, 'hello')
    await expectNothingLeft(when)
  }

  it('takes every numbered step, in order, says what it waits for, and gives everything back', async () => {
    const asked: number[] = []
    await begin(
      1,
      slow((fabric) => {
        const offer = fabric.offer.bind(fabric)
        fabric.offer = (...given) => {
          asked.push(market.simulation.now())
          return offer(...given)
        }
        return fabric
      }),
    )
    const { consumer } = market.nodes
    const said = new Set<string>()
    consumer.node.informers.of(VirtualNodeKind).onChange(({ object: { status } }) => {
      if (status?.phase !== undefined) said.add(`${status.phase}: ${status.message ?? ''}`)
    })
    const done = await run(market, consumer, intent('hello', '1'))
    const { workflow, events } = await traceOfAll(market, consumer, done)
    expect(workflow).toBe(1)
    expectSteps(1, events)
    // Further rounds belong to the step, and nobody asks sooner than the hint says.
    expect(events.filter(({ step }) => step === 22)).toHaveLength(1)
    expect(asked.length).toBeGreaterThanOrEqual(3)
    expect(asked.length).toBeLessThanOrEqual(6)
    const phases = [...said].map((line) => line.split(':')[0])
    expect(phases).toEqual(expect.arrayContaining(['Requesting', 'Attaching', 'Ready']))
    expect([...said].some((line) => line.includes('Signing'))).toBe(true)
    await takeBack(market, consumer, 'hello')
    await expectNothingLeft('at the end')
  })

  it('ends a contract as soon as the fabric says that nothing runs, without asking for it all the time', async () => {
    const withdrawn: number[] = []
    await begin(
      4,
      slow((fabric) => {
        const withdraw = fabric.withdraw.bind(fabric)
        fabric.withdraw = (contractID) => {
          withdrawn.push(market.simulation.now())
          return withdraw(contractID)
        }
        return fabric
      }),
    )
    const { consumer, seller } = market.nodes
    await run(market, consumer, intent('hello', '1'))
    const ended: number[] = []
    seller.node.informers.of(ContractKind).onChange(({ object: { status } }) => {
      if (status?.phase?.phase === 'Closed') ended.push(market.simulation.now())
    })
    await takeBack(market, consumer, 'hello')
    await expectNothingLeft('after it was taken back')
    // Half of the pace is for what the embedded fabric below takes.
    expect(ended[0]! - withdrawn[0]!).toBeLessThan(2.5 * PACE_MS)
    expect(withdrawn.length).toBeLessThanOrEqual(6)
  })

  it('gives a contract up whose attachment fails for good', async () => {
    await begin(
      2,
      slow((fabric) => {
        const attach = fabric.attach.bind(fabric)
        // Without what the provider signed.
        fabric.attach = ({ offer: { payload: _, ...offer }, ...slice }) =>
          attach({ ...slice, offer: offer as AcceptedOffer })
        return fabric
      }),
    )
    const { consumer } = market.nodes
    await submit()
    const solver = async () => (await consumer.store.list(SolverKind)).items[0]?.status?.solverPhase
    await until(market, consumer, async () => (await solver())?.phase === 'Failed')
    expect((await solver())?.message).toContain('peering denied: NoCredential')
    await takeBack(market, consumer, 'hello')
    await expectNothingLeft('after it failed')
  })

  it('goes on after payloads that are none', async () => {
    let lies = 3
    await begin(
      3,
      slow((fabric) => {
        const prepare = fabric.prepare.bind(fabric)
        fabric.prepare = (slice, answer?: PendingOffer) =>
          prepare(slice, answer && lies-- > 0 ? { ...answer, payload: { nonce: 'another' } } : answer)
        return fabric
      }),
    )
    await submit()
    await expectRunning('after lies')
    expect(lies).toBeLessThan(0)
  })

  for (const victim of ['consumer', 'seller'] as const) {
    it(`runs in the end, and ends, after whichever write the ${victim} is killed`, { timeout: 240_000 }, () =>
      killAfterEachWrite({
        async begin(writes) {
          await begin(writes)
          return { market, victim: market.nodes[victim] }
        },
        happens: submit,
        withinMs: 20_000,
        restart: async (node) => {
          await node.kill()
          await node.restart()
        },
        expected: (writes) => expectRunning(`${victim} killed after ${writes} writes`),
      }),
    )

    it(`gives everything back after whichever write the ${victim} is killed`, { timeout: 240_000 }, () =>
      killAfterEachWrite({
        async begin(writes) {
          await begin(writes)
          await run(market, market.nodes.consumer, intent('hello', '1'))
          return { market, victim: market.nodes[victim] }
        },
        happens: () =>
          market.nodes.consumer.store.delete(IntentKind, { namespace: 'default', name: 'hello' }),
        withinMs: 20_000,
        restart: async (node) => {
          await node.kill()
          await node.restart()
        },
        expected: (writes) => expectNothingLeft(`${victim} killed after ${writes} writes`),
      }),
    )
  }
})
