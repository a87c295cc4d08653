import { describe, expect, it } from 'vitest'
import { poolFaults, storedPools, type StoredPool } from '../../test/support/pools.ts'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { AvailableResources, type HoldRequest } from '../available-resources/index.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import type { NodeBase } from '../node-base.ts'
import type { NodeId } from '../objects/ids.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Recorder } from '../trace/index.ts'
import {
  LocalResourceManager,
  localArchitecture,
  measuredCapacity,
  poolSpecs,
  type ForSale,
} from './index.ts'

const SELL: NonNullable<ForSale['sell']> = {
  capacity: { cpu: '4.0', memory: '8192Mi' },
  partition: { minimum: { cpu: '500m' } },
  price: { amount: '1', currency: 'EUR', period: 'hour' },
  location: { city: 'Turin' },
  visibility: 'listed',
}
const CAMERA = { name: 'camera', type: 'sensor', data: { name: 'camera' }, access: { url: 'x' } } as const

describe('the pools of a configuration', () => {
  it('are one of compute, in canonical quantities, and one for each other offer', () => {
    expect(poolSpecs({ sell: SELL, offers: [CAMERA, { ...CAMERA, name: 'two', units: 2 }] })).toEqual([
      {
        name: 'compute',
        spec: {
          flavorType: 'k8slice',
          capacity: { cpu: '4', memory: '8Gi', pods: '110' },
          partition: { minimum: { cpu: '500m' } },
          data: { architecture: localArchitecture(), properties: {} },
          price: SELL.price,
          location: { city: 'Turin' },
          visibility: 'listed',
        },
      },
      {
        name: 'offer-camera',
        spec: {
          flavorType: 'sensor',
          capacity: { units: '1' },
          partition: {},
          data: { name: 'camera' },
          price: { amount: '', currency: '', period: '' },
          access: { url: 'x' },
        },
      },
      expect.objectContaining({
        name: 'offer-two',
        spec: expect.objectContaining({ capacity: { units: '2' } }),
      }),
    ])
    expect(poolSpecs({})).toEqual([])
  })

  it('are of no more than this machine measures', () => {
    expect(Number(measuredCapacity()['cpu'])).toBeGreaterThan(0)
    expect(measuredCapacity()['memory']).toMatch(/^[0-9]+[MG]i$/)
  })
})

describe('a start with another configuration', () => {
  const entry = (id: string, cpu: string): HoldRequest => ({
    ...{ id, contractID: `contract-${id}`, buyer: 'b', flavorID: 'f' },
    amounts: { cpu, memory: '1Gi', pods: '1' },
    expiresAt: '2040-01-01T00:00:00Z',
  })
  const KEY = { namespace: 'default', name: 'compute' }

  /** Starts once with each configuration. @param between is done when the first one runs */
  async function startWith(
    configs: readonly ForSale[],
    between: (available: AvailableResources) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<StoredPool[]> {
    const simulation = createSimulatedSystem(1)
    const { system } = simulation
    const { store } = createMemoryStore({ system })
    for (const config of configs) {
      const informers = new Informers({ store, system, log: silentLog })
      const id = 'did:key:me' as NodeId
      const base: NodeBase = {
        ...{ store, informers, system, log: silentLog },
        recorder: new Recorder({ system, node: 'me', sinks: [] }),
        self: { id, name: 'me', domain: 'home', identity: () => ({ domain: 'home', nodeID: id, ip: 'x:1' }) },
      }
      const available = new AvailableResources({ ...base, signFlavor: () => 'signed' })
      await informers.start()
      await new LocalResourceManager(base, config).start()
      await available.start()
      await simulation.settle()
      if (config === configs[0]) await between(available)
      await simulation.advance(1_000)
      for (const stored of await storedPools(store)) expect(poolFaults(stored)).toEqual([])
      await available.stop()
      await informers.stop()
    }
    return [...(await storedPools(store))]
  }
  const sell = async (available: AvailableResources): Promise<void> => {
    expect(await available.hold(KEY, entry('a', '3'))).toBeUndefined()
    await available.allocate('a', { expiresAt: '2040-01-01T00:00:00Z' })
  }

  it('changes nothing when nothing changed', async () => {
    const [once] = await startWith([{ sell: SELL }], sell)
    const [twice] = await startWith([{ sell: SELL }, { sell: SELL }], sell)
    expect(twice!.pool.status).toEqual(once!.pool.status)
    expect(twice!.shards.map(({ status }) => status)).toEqual(once!.shards.map(({ status }) => status))
  })

  it('sells more where there is more', async () => {
    const more = { ...SELL, capacity: { cpu: '8', memory: '8Gi' } }
    const [before] = await startWith([{ sell: SELL }], sell)
    const [{ pool, shards }] = (await startWith([{ sell: SELL }, { sell: more }], sell)) as [StoredPool]
    expect(pool.spec.capacity['cpu']).toBe('8')
    expect(pool.status).toMatchObject({ revision: before!.pool.status!.revision + 1, free: { cpu: '5' } })
    expect(shards).toMatchObject([{ status: { free: { cpu: '5' }, entries: [{ id: 'a' }] } }])
  })

  it('keeps what is sold where there is less, and has nothing free until it is given back', async () => {
    const less = { ...SELL, capacity: { cpu: '2', memory: '8Gi' } }
    const [{ pool, shards }] = (await startWith([{ sell: SELL }, { sell: less }], sell)) as [StoredPool]
    expect(pool.status).toMatchObject({ free: { cpu: '0', memory: '7Gi' } })
    expect(shards).toMatchObject([
      {
        status: { capacity: { cpu: '3' }, free: { cpu: '0' }, entries: [{ id: 'a', amounts: { cpu: '3' } }] },
      },
    ])
  })

  it('takes off the market what is not offered any more, and keeps it while it is sold', async () => {
    const [{ pool, shards }] = (await startWith([{ sell: SELL }, {}], sell)) as [StoredPool]
    expect(pool.spec).toMatchObject({ retired: true })
    expect(pool.status).toMatchObject({ free: { cpu: '0', memory: '0', pods: '0' }, allocations: 1 })
    expect(shards).toMatchObject([
      { status: { capacity: { cpu: '3', memory: '1Gi', pods: '1' }, entries: [{ id: 'a' }] } },
    ])
    expect(await startWith([{ offers: [CAMERA] }, {}])).toEqual([])
  })

  it('puts it on the market again when it is offered again', async () => {
    const [{ pool, shards }] = (await startWith([{ sell: SELL }, {}, { sell: SELL }], sell)) as [StoredPool]
    expect(pool.spec).not.toHaveProperty('retired')
    expect(pool.status).toMatchObject({ free: { cpu: '1', memory: '7Gi', pods: '109' } })
    expect(shards).toMatchObject([{ status: { free: { cpu: '1', memory: '7Gi', pods: '109' } } }])
  })
})
