/** Where the parts of an intent go: here, on what was bought before, or on what is bought for them, all or none. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { DeploymentKind, type Deployment } from '../../src/objects/core/deployment.ts'
import { NamespaceKind } from '../../src/objects/core/namespace.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { IntentKind, type IntentStatus } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { ReservationKind } from '../../src/objects/reservation.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig, type MarketNode } from '../support/market.ts'
import {
  CONSUMER,
  deployment,
  intent,
  intentOf,
  isRunning,
  provider,
  run,
  takeBack,
  until,
} from '../support/scenario.ts'

type Names = 'consumer' | 'seller'

/** A seller whose smallest part has room for several of what these intents want. */
const LARGE_PARTS = {
  sell: {
    capacity: { cpu: '4', memory: '8Gi', pods: '20' },
    partition: { minimum: { cpu: '2', memory: '2Gi', pods: '10' } },
  },
}

describe('an intent', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(
    cpu = '4',
    consumer: MarketConfig = CONSUMER,
    seller: Partial<MarketConfig> = {},
  ): Promise<void> {
    market = await startMarket(41, {
      consumer: { ...consumer, peers: ['seller'] },
      seller: { ...provider(cpu, '1'), ...seller },
    })
    await market.simulation.advance(1_000)
  }

  const status = async (name: string): Promise<IntentStatus> =>
    (await intentOf(market.nodes.consumer, name))!.status!
  const isWhole = async (node: MarketNode): Promise<boolean> => {
    const [pool] = (await node.store.list(PoolKind)).items
    return JSON.stringify(pool!.status!.free) === JSON.stringify(pool!.spec.capacity)
  }
  const two = (one: string, other: string) => {
    const parts = intent('pair', one)
    return {
      ...parts,
      spec: { ...parts.spec, workload: [deployment('front', one), deployment('back', other)] },
    }
  }
  const BIG: MarketConfig = { cluster: { capacity: { cpu: '4', memory: '8Gi' } } }

  describe('with two Deployments', () => {
    it('buys for both, each with a virtual node, and takes both back', async () => {
      await begin()
      const { consumer, seller } = market.nodes
      await run(market, consumer, two('1', '1500m'))
      expect(await activeContracts(seller)).toHaveLength(2)
      const { requests = [] } = await status('pair')
      expect(new Set(requests.map(({ node }) => node)).size).toBe(2)
      expect((await consumer.store.list(PodKind)).items).toHaveLength(2)
      await takeBack(market, consumer, 'pair')
      await until(market, consumer, () => isWhole(seller))
      expect(await contradictions(market)).toEqual([])
    })

    it('buys nothing when one of them is not to be had, and leaves nothing held', async () => {
      await begin()
      const { consumer, seller } = market.nodes
      await consumer.store.create(IntentKind, two('1', '16'))
      for (let minute = 0; minute < 5; minute++) {
        await market.simulation.advance(60_000)
        expect(await activeContracts(seller)).toEqual([])
        expect(await isWhole(seller)).toBe(true)
      }
      expect(await status('pair')).toMatchObject({
        phase: 'Acquiring',
        message: expect.stringMatching(/pair-back: .*cpu/),
      })
      await takeBack(market, consumer, 'pair')
      expect((await consumer.store.list(SolverKind)).items).toEqual([])
    })

    it('buys nothing when both fit alone but not together, and gives back what it held', async () => {
      await begin('3')
      const { consumer, seller } = market.nodes
      await consumer.store.create(IntentKind, two('2', '2'))
      let held = 0
      for (let second = 0; second < 120; second++) {
        await market.simulation.advance(1_000)
        expect(await activeContracts(seller)).toEqual([])
        if (!(await isWhole(seller))) held++
      }
      // Somebody else may well have it most of the time.
      expect(held).toBeLessThan(30)
      expect((await consumer.store.list(ReservationKind)).items.length).toBeLessThanOrEqual(2)
      await takeBack(market, consumer, 'pair')
      await until(market, consumer, () => isWhole(seller))
      await market.simulation.advance(60_000)
      expect(await contradictions(market)).toEqual([])
    })

    it('buys both as soon as there is enough', async () => {
      await begin('3')
      const { consumer } = market.nodes
      await run(market, consumer, intent('other', '2'))
      await consumer.store.create(IntentKind, two('1500m', '1500m'))
      await market.simulation.advance(30_000)
      expect(await isRunning(consumer, 'pair')).toBe(false)
      await takeBack(market, consumer, 'other')
      await until(market, consumer, () => isRunning(consumer, 'pair'), 5 * 60_000)
      await market.simulation.advance(60_000)
      expect(await contradictions(market)).toEqual([])
    })

    it('gives the one back that was bought when the other cannot be bought any more', async () => {
      await begin('3')
      const { consumer, seller } = market.nodes
      let refused = 0
      market.network.intercept(({ direction, path, body }) => {
        if (direction === 'answer' || !path.endsWith('/purchase') || refused > 0) return undefined
        refused++
        // Not a signature: refused, and by then there is nobody else who sells.
        return { body: JSON.stringify({ ...JSON.parse(body.toString()), signature: 'x' }) }
      })
      await consumer.store.create(IntentKind, two('1', '1'))
      await until(market, consumer, () => isRunning(consumer, 'pair'), 10 * 60_000)
      expect(refused).toBe(1)
      await market.simulation.advance(3 * 60_000)
      expect(await activeContracts(seller)).toHaveLength(2)
      expect(await contradictions(market)).toEqual([])
    })
  })

  describe('and its placement', () => {
    it('is on its own node with room, and buys nothing', async () => {
      await begin('4', BIG)
      const { consumer, seller } = market.nodes
      await run(market, consumer, intent('job', '1'))
      expect(await status('job')).toMatchObject({ nodes: 'consumer', requests: [{ placement: 'Local' }] })
      expect(await isWhole(seller)).toBe(true)
    })

    it('is never here with placement: Remote', async () => {
      await begin('4', BIG)
      const { consumer, seller } = market.nodes
      await run(market, consumer, intent('job', '1', { placement: 'Remote' }))
      expect((await status('job')).nodes).toMatch(/^vnode-/)
      expect(await activeContracts(seller)).toHaveLength(1)
    })

    it('is only here with placement: Local; it says what is missing and starts when there is room', async () => {
      await begin('4', { cluster: { capacity: { cpu: '2', memory: '8Gi' } } })
      const { consumer, seller } = market.nodes
      await run(market, consumer, intent('first', '1500m', { placement: 'Local' }))
      await consumer.store.create(IntentKind, intent('second', '1', { placement: 'Local' }))
      await market.simulation.advance(5_000)
      expect(await status('second')).toMatchObject({
        phase: 'Pending',
        message: expect.stringMatching(/second needs cpu 1, free is 500m/),
      })
      expect(await isWhole(seller)).toBe(true)
      await takeBack(market, consumer, 'first')
      await until(market, consumer, () => isRunning(consumer, 'second'))
    })

    it('does not count on the same room twice, however fast intents follow each other', async () => {
      await begin('8', { cluster: { capacity: { cpu: '2', memory: '8Gi' } } })
      const { consumer } = market.nodes
      const names = ['a', 'b', 'c', 'd']
      await Promise.all(names.map((name) => consumer.store.create(IntentKind, intent(name, '1'))))
      await until(market, consumer, async () =>
        (await Promise.all(names.map((name) => isRunning(consumer, name)))).every(Boolean),
      )
      const places = await Promise.all(names.map(async (name) => (await status(name)).nodes))
      expect(places.filter((node) => node === 'consumer')).toHaveLength(2)
      expect(await activeContracts(consumer)).toHaveLength(2)
    })

    it('is on a virtual node that has room left, without buying', async () => {
      await begin('4', CONSUMER, LARGE_PARTS)
      const { consumer, seller } = market.nodes
      const first = await run(market, consumer, intent('first', '500m'))
      const second = await run(market, consumer, intent('second', '500m'))
      expect(second.status).toMatchObject({
        nodes: first.status!.nodes,
        requests: [{ placement: 'ExistingVirtualNode' }],
      })
      expect(await activeContracts(seller)).toHaveLength(1)
    })

    it('is looked for anew when the virtual node that it shared is given back', async () => {
      await begin('4', CONSUMER, LARGE_PARTS)
      const { consumer, seller } = market.nodes
      const first = await run(market, consumer, intent('first', '500m'))
      await run(market, consumer, intent('second', '500m'))
      await takeBack(market, consumer, 'first')
      await until(market, consumer, () => isRunning(consumer, 'second'), 3 * 60_000)
      expect((await status('second')).nodes).not.toBe(first.status!.nodes)
      expect((await status('second')).nodes).toMatch(/^vnode-/)
      await market.simulation.advance(60_000)
      expect(await activeContracts(seller)).toHaveLength(1)
      expect(await contradictions(market)).toEqual([])
    })
  })

  it('is made of a plain Deployment with annotations, and goes with it', async () => {
    await begin('4', CONSUMER, {
      sell: { ...provider('4', '1').sell!, location: { city: 'Turin', country: 'Italy' } },
    })
    const { consumer, seller } = market.nodes
    const annotations = { 'fluidos-intent-location': 'Turin' }
    const plain = deployment('plain', '1')
    await consumer.store.create(DeploymentKind, {
      ...plain,
      metadata: { ...plain.metadata, namespace: 'default', annotations },
    } as unknown as Deployment)
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    expect((await intentOf(consumer, 'plain'))!.spec).toMatchObject({
      requirements: { location: { city: 'Turin' } },
    })
    expect(await activeContracts(seller)).toHaveLength(1)
    await consumer.store.delete(DeploymentKind, { namespace: 'default', name: 'plain' })
    await until(market, consumer, () => isWhole(seller))
    await market.simulation.advance(30_000)
    expect((await consumer.store.list(IntentKind)).items).toEqual([])
    expect(await contradictions(market)).toEqual([])
  })

  it('works in any namespace, also beside one of the same name', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    await consumer.store.create(NamespaceKind, { metadata: { name: 'team' }, spec: {} } as never)
    const theirs = intent('job', '1')
    await consumer.store.create(IntentKind, { ...theirs, metadata: { name: 'job', namespace: 'team' } })
    await run(market, consumer, intent('job', '1500m'))
    const running = async (): Promise<boolean> =>
      (await consumer.store.get(IntentKind, { namespace: 'team', name: 'job' }))?.status?.phase === 'Running'
    await until(market, consumer, running)
    expect(await activeContracts(seller)).toHaveLength(2)
    await market.simulation.advance(60_000)
    expect(await running()).toBe(true)
    await takeBack(market, consumer, 'job')
    await consumer.store.delete(IntentKind, { namespace: 'team', name: 'job' })
    await until(market, consumer, () => isWhole(seller))
    await market.simulation.advance(30_000)
    expect(await contradictions(market)).toEqual([])
    expect((await consumer.store.list(SolverKind)).items).toEqual([])
  })

  it('leaves a Deployment alone that only has the same name, and says so', async () => {
    await begin('4', BIG)
    const { consumer } = market.nodes
    const theirs = deployment('job', '100m')
    const mine = {
      ...theirs,
      metadata: { ...theirs.metadata, namespace: 'default', annotations: { 'tributary.io/ignore': 'true' } },
    }
    const stored = await consumer.store.create(DeploymentKind, mine as unknown as Deployment)
    await consumer.store.create(IntentKind, intent('job', '1'))
    await market.simulation.advance(5_000)
    expect(await status('job')).toMatchObject({
      phase: 'Pending',
      message: expect.stringContaining('Deployment job exists and is not owned by this intent'),
    })
    const after = await consumer.store.get(DeploymentKind, { namespace: 'default', name: 'job' })
    expect(after!.spec).toEqual(stored.spec)
  })

  describe('that is changed', () => {
    async function change(cpu: string, command: string): Promise<void> {
      const { consumer } = market.nodes
      const before = (await intentOf(consumer, 'job'))!
      const changed = deployment('job', cpu)
      changed.spec.template.spec.containers[0]!.command = [command]
      await consumer.store.update(IntentKind, { ...before, spec: { ...before.spec, workload: [changed] } })
      const done = async (): Promise<boolean> => {
        const { status, metadata } = (await intentOf(consumer, 'job'))!
        return status?.phase === 'Running' && status.observedGeneration === metadata.generation
      }
      await until(market, consumer, done, 3 * 60_000)
      const pods = (await consumer.store.list(PodKind)).items.filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      )
      expect(pods.map(({ spec }) => spec.containers[0]!.command)).toEqual([[command]])
    }

    it('in its command alone runs the new one on what was bought', async () => {
      await begin()
      const { consumer, seller } = market.nodes
      await run(market, consumer, intent('job', '1'))
      const [contract] = await activeContracts(seller)
      await change('1', 'other')
      expect((await activeContracts(seller)).map(({ metadata }) => metadata.name)).toEqual([
        contract!.metadata.name,
      ])
    })

    it('at whatever moment, and taken back at whatever moment, leaves nothing behind', async () => {
      for (let after = 0; after <= 100; after += 10) {
        if (after > 0) await market.stop()
        await begin()
        market.network.setFaults({ latencyMs: 7 })
        const { consumer, seller } = market.nodes
        await consumer.store.create(IntentKind, intent('job', '1'))
        await market.simulation.advance(after)
        await change('500m', 'other')
        await market.simulation.advance(10_000)
        expect((await activeContracts(seller)).length, `changed after ${after} ms`).toBe(1)
        expect(await contradictions(market), `changed after ${after} ms`).toEqual([])
        await consumer.store.create(IntentKind, intent('next', '1'))
        await market.simulation.advance(after)
        await takeBack(market, consumer, 'next')
        await takeBack(market, consumer, 'job')
        await until(market, consumer, () => isWhole(seller))
        await market.simulation.advance(10_000)
        expect(await contradictions(market), `taken back after ${after} ms`).toEqual([])
      }
    })

    it('in its size runs on as much as it asks for now, and gives back what it had', async () => {
      await begin()
      const { consumer, seller } = market.nodes
      await run(market, consumer, intent('job', '1'))
      await change('2', 'web')
      await market.simulation.advance(60_000)
      expect((await activeContracts(seller)).map(({ spec }) => spec.configuration?.data)).toMatchObject([
        { cpu: '2' },
      ])
      expect((await seller.store.list(ContractKind)).items).toHaveLength(2)
      expect(await contradictions(market)).toEqual([])
    })
  })
})
