/** How contracts end: by time, by either side, with a partner that cannot be reached; and what comes after. */
import { afterEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind, type Contract } from '../../src/objects/contract.ts'
import { DeploymentKind } from '../../src/objects/core/deployment.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import type { Intent } from '../../src/objects/intent.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { VirtualNodeKind } from '../../src/objects/virtual-node.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { CONSUMER, intent, intentOf, isRunning, provider, run, takeBack, until } from '../support/scenario.ts'

type Names = 'consumer' | 'cheap' | 'dear'

describe('a contract', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(): Promise<void> {
    market = await startMarket(21, {
      consumer: { ...CONSUMER, peers: ['cheap', 'dear'] },
      cheap: provider('4', '1'),
      dear: provider('4', '5'),
    })
    await market.simulation.advance(1_000)
  }

  const phases = async (node: MarketNode): Promise<readonly (string | undefined)[]> =>
    (await node.store.list(ContractKind)).items.map(({ status }) => status?.phase?.phase)
  const phaseOf = async (name: string): Promise<string | undefined> =>
    (await intentOf(market.nodes.consumer, name))?.status?.phase
  const soldBy = async (node: MarketNode): Promise<Contract> => (await activeContracts(node))[0]!
  const virtualNodes = async (): Promise<number> =>
    (await market.nodes.consumer.store.list(VirtualNodeKind)).items.length
  const isWhole = async (node: MarketNode): Promise<boolean> => {
    const [pool] = (await node.store.list(PoolKind)).items
    return JSON.stringify(pool!.status!.free) === JSON.stringify(pool!.spec.capacity)
  }
  /** As `kubectl delete contract` on the seller does. */
  const closeBySeller = async (seller: MarketNode): Promise<void> => {
    await seller.store.delete(ContractKind, (await soldBy(seller)).metadata)
  }
  const rest = (): Promise<void> => market.simulation.advance(60_000)

  it('ends by itself on both sides when its time is over', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('short', '1', { duration: '60s', onFailure: 'Keep' }))
    await market.simulation.advance(62_000)
    expect(await phases(consumer)).toEqual(['Expired'])
    expect(await phases(cheap)).toEqual(['Expired'])
    expect(await isWhole(cheap)).toBe(true)
    expect(await virtualNodes()).toBe(0)
    expect(await phaseOf('short')).toBe('Degraded')
    expect((await intentOf(consumer, 'short'))!.status!.message).toMatch(/expired.*Keep/)
    expect(await contradictions(market)).toEqual([])
    await takeBack(market, consumer, 'short')
    expect((await consumer.store.list(SolverKind)).items).toEqual([])
  })

  describe('that its seller closes', () => {
    async function closed(onFailure: NonNullable<Intent['spec']['onFailure']>): Promise<void> {
      await begin()
      const { consumer, cheap } = market.nodes
      await run(market, consumer, intent('job', '1', { onFailure }))
      await closeBySeller(cheap)
    }

    it('leaves the intent degraded with onFailure: Keep, and nothing of the virtual node', async () => {
      await closed('Keep')
      const { consumer, cheap } = market.nodes
      await rest()
      expect(await phaseOf('job')).toBe('Degraded')
      expect(await virtualNodes()).toBe(0)
      expect((await consumer.store.list(NodeKind)).items).toHaveLength(1)
      // What the user has is not deleted.
      expect((await consumer.store.list(DeploymentKind)).items).toHaveLength(1)
      expect(await isWhole(cheap)).toBe(true)
      expect(await contradictions(market)).toEqual([])
    })

    it('stops the intent with onFailure: Stop', async () => {
      await closed('Stop')
      const { consumer } = market.nodes
      await rest()
      expect(await phaseOf('job')).toBe('Failed')
      expect((await consumer.store.list(DeploymentKind)).items).toEqual([])
      expect((await consumer.store.list(PodKind)).items).toEqual([])
      expect((await consumer.store.list(SolverKind)).items).toEqual([])
      expect(await contradictions(market)).toEqual([])
    })

    it('is replaced with onFailure: Replace, and not by the one that just broke its word', async () => {
      await closed('Replace')
      const { consumer, cheap, dear } = market.nodes
      await until(market, consumer, async () => !(await isRunning(consumer, 'job')))
      await until(market, consumer, () => isRunning(consumer, 'job'))
      expect((await soldBy(consumer)).spec.seller.nodeID).toBe(dear.id)
      await rest()
      expect(await contradictions(market)).toEqual([])
      expect(await isWhole(cheap)).toBe(true)
      expect((await consumer.store.list(PodKind)).items).toHaveLength(1)
    })
  })

  it('leaves a closing statement with the signatures of both', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    await takeBack(market, consumer, 'job')
    await rest()
    for (const node of [consumer, cheap]) {
      const statements = (await node.store.list(ContractKind)).items.map(({ status }) => status?.closing)
      const signatures = { [cheap.id]: expect.any(String), [consumer.id]: expect.any(String) }
      expect(statements).toMatchObject([{ statement: { closedBy: consumer.id }, signatures }])
    }
  })

  it('that both sides close at once ends with one statement that both signed', async () => {
    await begin()
    market.network.setFaults({ latencyMs: 7 })
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    await Promise.all([
      closeBySeller(cheap),
      consumer.store.delete(IntentKind, { namespace: 'default', name: 'job' }),
    ])
    await market.simulation.advance(5 * 60_000)
    const closing = async (node: MarketNode): Promise<unknown> =>
      (await node.store.list(ContractKind, {})).items[0]?.status?.closing
    // The seller deleted its own; the record is with the buyer.
    expect(await closing(consumer)).toMatchObject({
      signatures: { [cheap.id]: expect.any(String), [consumer.id]: expect.any(String) },
    })
    expect(await contradictions(market)).toEqual([])
    expect(await isWhole(cheap)).toBe(true)
  })

  it('is given up on our side alone while the other cannot be reached, and on the other once it can', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    market.network.partition(consumer.address, cheap.address)
    const from = market.simulation.now()
    await takeBack(market, consumer, 'job')
    // Bounded: nobody waits for what may never come.
    expect(market.simulation.now() - from).toBeLessThan(30_000)
    expect(await virtualNodes()).toBe(0)
    expect(await phases(consumer)).toEqual(['Closed'])
    expect(await phases(cheap)).toEqual(['Active'])
    await market.simulation.advance(10 * 60_000)
    market.network.heal(consumer.address, cheap.address)
    await until(market, consumer, () => isWhole(cheap), 15 * 60_000)
    await rest()
    expect(await contradictions(market)).toEqual([])
    expect(await phases(cheap)).toEqual(['Closed'])
  })

  it('that the seller closes while the buyer cannot be reached is over for both once it can', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1', { onFailure: 'Stop' }))
    market.network.partition(consumer.address, cheap.address)
    await closeBySeller(cheap)
    await market.simulation.advance(60_000)
    expect(await isWhole(cheap)).toBe(true)
    expect(await phases(consumer)).toEqual(['Active'])
    market.network.heal(consumer.address, cheap.address)
    await until(market, consumer, async () => (await phaseOf('job')) === 'Failed', 15 * 60_000)
    await rest()
    expect(await contradictions(market)).toEqual([])
  })

  it('is told of its end even by a process that was restarted during the outage', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    market.network.partition(consumer.address, cheap.address)
    await takeBack(market, consumer, 'job')
    await consumer.kill()
    await consumer.restart()
    await market.simulation.advance(2 * 60_000)
    market.network.heal(consumer.address, cheap.address)
    await until(market, consumer, () => isWhole(cheap), 15 * 60_000)
    expect(await contradictions(market)).toEqual([])
  })

  it('has a virtual node of its own, also where there are two between the same two nodes', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    const one = await run(market, consumer, intent('one', '1'))
    const two = await run(market, consumer, intent('two', '1500m'))
    expect(await phases(cheap)).toEqual(['Active', 'Active'])
    expect(await virtualNodes()).toBe(2)
    expect(one.status!.nodes).not.toBe(two.status!.nodes)
    expect((await cheap.store.list(AllocationKind)).items).toHaveLength(2)
    await takeBack(market, consumer, 'one')
    await rest()
    expect(await isRunning(consumer, 'two')).toBe(true)
    expect(await virtualNodes()).toBe(1)
    expect(await contradictions(market)).toEqual([])
  })

  it('can be made again after its end, with the same partner and under the same name', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    for (let round = 0; round < 3; round++) {
      await run(market, consumer, intent('job', '1'))
      await takeBack(market, consumer, 'job')
    }
    await run(market, consumer, intent('job', '1'))
    expect((await soldBy(consumer)).spec.seller.nodeID).toBe(cheap.id)
    await rest()
    expect(await contradictions(market)).toEqual([])
    expect(await activeContracts(cheap)).toHaveLength(1)
  })

  it('outlives fifteen minutes without its seller, and the workload comes back', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    await cheap.kill()
    await market.simulation.advance(15 * 60_000)
    expect(await phases(consumer)).toEqual(['Active'])
    expect(await phaseOf('job')).toBe('Degraded')
    await cheap.restart()
    await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
    expect(await phases(consumer)).toEqual(['Active'])
    expect(await phases(cheap)).toEqual(['Active'])
    expect(await contradictions(market)).toEqual([])
  })

  it('outlives fifteen minutes without its buyer, and what ran goes on', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    const before = (await cheap.store.list(PodKind)).items.map(({ metadata }) => metadata.uid)
    await consumer.kill()
    await market.simulation.advance(15 * 60_000)
    await consumer.restart()
    await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
    expect((await cheap.store.list(PodKind)).items.map(({ metadata }) => metadata.uid)).toEqual(before)
    expect(await contradictions(market)).toEqual([])
  })

  it('is still there when a daemon was restarted during an outage of its partner', async () => {
    await begin()
    const { consumer, cheap } = market.nodes
    await run(market, consumer, intent('job', '1'))
    market.network.partition(consumer.address, cheap.address)
    await market.simulation.advance(30_000)
    await consumer.kill()
    await consumer.restart()
    // The outage is noticed, although the clock of noticing began anew.
    await until(market, consumer, async () => (await phaseOf('job')) === 'Degraded', 5 * 60_000)
    market.network.heal(consumer.address, cheap.address)
    await until(market, consumer, () => isRunning(consumer, 'job'), 5 * 60_000)
    expect(await phases(consumer)).toEqual(['Active'])
    expect(await contradictions(market)).toEqual([])
  })
})
