/** Solvers that a user, or an upstream tool, writes by hand: to look, to reserve, to buy, of any type of flavor. */
import { afterEach, describe, expect, it } from 'vitest'
import { ContractKind } from '../../src/objects/contract.ts'
import { FlavorKind } from '../../src/objects/flavor.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind, type Solver, type SolverSpec } from '../../src/objects/solver.ts'
import { VirtualNodeKind } from '../../src/objects/virtual-node.ts'
import { verifyContract } from '../../src/contract-manager/index.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketNode } from '../support/market.ts'
import { CONSUMER, provider, until } from '../support/scenario.ts'
import { ledgerEntries } from '../support/pools.ts'

type Names = 'consumer' | 'seller'

describe('a solver', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(): Promise<void> {
    market = await startMarket(51, {
      consumer: { ...CONSUMER, peers: ['seller'] },
      seller: {
        ...provider('4', '1'),
        offers: [
          {
            name: 'db',
            type: 'service',
            units: 2,
            data: { name: 'postgres', description: 'A database', category: 'database', tags: ['sql'] },
            access: { url: 'postgres://db.example/shop', user: 'guest' },
            price: { amount: '3', currency: 'EUR', period: 'day' },
          },
          {
            name: 'camera',
            type: 'sensor',
            data: { name: 'camera' },
            access: { url: 'rtsp://camera.example' },
          },
          { name: 'machine', type: 'vm', data: { name: 'small' }, access: { ssh: 'guest@vm.example' } },
        ],
      },
    })
    await market.simulation.advance(1_000)
  }

  const KEY = { namespace: 'default', name: 'wish' }
  const create = (spec: Partial<SolverSpec>): Promise<Solver> =>
    market.nodes.consumer.store.create(SolverKind, {
      metadata: KEY,
      spec: { intentID: 'wish', findCandidate: true, reserveAndBuy: true, establishPeering: true, ...spec },
    })
  const solver = async (): Promise<Solver> => (await market.nodes.consumer.store.get(SolverKind, KEY))!
  const reached = (phase: string): Promise<void> =>
    until(market, market.nodes.consumer, async () => (await solver()).status?.solverPhase?.phase === phase)
  const remove = async (): Promise<void> => {
    await market.nodes.consumer.store.delete(SolverKind, KEY)
    await until(market, market.nodes.consumer, async () => (await solver()) === undefined)
  }
  const areWhole = async (node: MarketNode): Promise<boolean> =>
    (await node.store.list(PoolKind)).items.every(
      ({ spec, status }) => JSON.stringify(status!.free) === JSON.stringify(spec.capacity),
    )

  for (const [flavorType, access] of [
    ['service', { url: 'postgres://db.example/shop', user: 'guest' }],
    ['sensor', { url: 'rtsp://camera.example' }],
    ['vm', { ssh: 'guest@vm.example' }],
  ] as const) {
    it(`buys a ${flavorType}: a contract with access data that both signed, and no virtual node`, async () => {
      await begin()
      const { consumer, seller } = market.nodes
      await create({ requirements: { flavorType } })
      await reached('Solved')
      const [contract] = await activeContracts(consumer)
      expect(contract!.spec.access).toEqual(access)
      expect(verifyContract(contract!.spec.document, market.simulation.now())).toMatchObject({ ok: true })
      expect((await consumer.store.list(VirtualNodeKind)).items).toEqual([])
      await remove()
      await until(market, consumer, () => areWhole(seller))
    })
  }

  it('sells what is sold by the unit as often as there are units, at the price of one', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    for (const name of ['one', 'two', 'three']) {
      await consumer.store.create(SolverKind, {
        metadata: { namespace: 'default', name },
        spec: {
          intentID: name,
          reserveAndBuy: true,
          requirements: { flavorType: 'service', maxPrice: { amount: '3', currency: 'EUR', period: 'day' } },
        },
      })
    }
    await market.simulation.advance(20_000)
    const sold = await activeContracts(seller)
    expect(sold.map(({ spec }) => spec.price)).toEqual([
      { amount: '3', currency: 'EUR', period: 'day' },
      { amount: '3', currency: 'EUR', period: 'day' },
    ])
    const flavors = (await seller.store.list(FlavorKind)).items.map(
      ({ spec }) => spec.flavorType.typeIdentifier,
    )
    expect(flavors).not.toContain('Service')
    await market.expectBalanced()
  })

  it('takes only a service of the wanted category and tags', async () => {
    await begin()
    const { consumer } = market.nodes
    await create({ requirements: { flavorType: 'service', service: { category: 'queue' } } })
    await market.simulation.advance(10_000)
    expect(await activeContracts(consumer)).toEqual([])
    expect((await solver()).status!.solverPhase!.message).toMatch(/nobody offers category = queue/)
  })

  it('only looks with reserveAndBuy: false', async () => {
    await begin()
    const { seller } = market.nodes
    await create({ request: { cpu: '1', memory: '1Gi' }, reserveAndBuy: false })
    await reached('Solved')
    expect((await solver()).status).toMatchObject({
      findCandidate: 'Solved',
      considered: [{ verdict: 'taken' }],
    })
    expect(await areWhole(seller)).toBe(true)
  })

  it('only reserves with reserveOnly: true, buys when told to, and peers', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    await create({ request: { cpu: '1', memory: '1Gi' }, reserveOnly: true })
    await until(market, consumer, async () => (await solver()).status?.reservationPhase === 'Solved')
    expect(await activeContracts(seller)).toEqual([])
    expect(await ledgerEntries(seller.store)).toMatchObject([{ state: 'held', amounts: { cpu: '1' } }])
    const before = await solver()
    await consumer.store.update(SolverKind, { ...before, spec: { ...before.spec, reserveOnly: false } })
    await reached('Solved')
    expect(await activeContracts(seller)).toHaveLength(1)
    expect((await consumer.store.list(VirtualNodeKind)).items).toHaveLength(1)
    await remove()
    await market.simulation.advance(30_000)
    expect(await contradictions(market)).toEqual([])
  })

  it('that only reserved says so when its hold ends, and does not hold again by itself', async () => {
    await begin()
    const { seller } = market.nodes
    await create({ request: { cpu: '1', memory: '1Gi' }, reserveOnly: true })
    await market.simulation.advance(3 * 60_000)
    expect((await solver()).status!.solverPhase).toMatchObject({
      phase: 'Failed',
      message: 'the hold ended before it was bought',
    })
    expect(await areWhole(seller)).toBe(true)
    await remove()
    expect(await contradictions(market)).toEqual([])
  })

  it('buys without peering with establishPeering: false', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    await create({ request: { cpu: '1', memory: '1Gi' }, establishPeering: false })
    await reached('Solved')
    expect(await activeContracts(seller)).toHaveLength(1)
    expect((await consumer.store.list(VirtualNodeKind)).items).toEqual([])
    await remove()
    await until(market, consumer, () => areWhole(seller))
    expect((await consumer.store.list(ContractKind)).items.map(({ status }) => status?.phase?.phase)).toEqual(
      ['Closed'],
    )
  })

  it('of an upstream tool, with a selector instead of amounts, buys what the selector says', async () => {
    await begin()
    const { consumer } = market.nodes
    await create({
      selector: {
        flavorType: 'K8Slice',
        filters: {
          cpuFilter: { name: 'Match', data: { value: '1' } },
          memoryFilter: { name: 'Range', data: { min: '512Mi', max: '4Gi' } },
          podsFilter: { name: 'Range', data: { max: '10' } },
        },
      } as never,
    })
    await reached('Solved')
    const [contract] = await activeContracts(consumer)
    expect(contract!.spec.configuration!.data).toMatchObject({ cpu: '1', memory: '512Mi' })
  })
})
