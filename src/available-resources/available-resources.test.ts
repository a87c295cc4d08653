import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { poolFaults, storedPools } from '../../test/support/pools.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { mutate, type ObjectStore } from '../kernel/object-store.ts'
import type { NodeBase } from '../node-base.ts'
import { AllocationKind } from '../objects/allocation.ts'
import { FlavorKind, type Flavor } from '../objects/flavor.ts'
import type { NodeId } from '../objects/ids.ts'
import { PoolShardKind, type LedgerEntry } from '../objects/pool-shard.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Recorder } from '../trace/index.ts'
import { AvailableResources, isBalanced } from './index.ts'

const KEY = { namespace: 'default', name: 'compute' }

describe('Available Resources', () => {
  let simulation: SimulatedSystem
  let store: ObjectStore
  let base: NodeBase
  let available: AvailableResources
  let address = 'here:1'

  async function start(): Promise<void> {
    const { system } = simulation
    const informers = new Informers({ store, system, log: silentLog })
    const id = 'did:key:me' as NodeId
    base = {
      store,
      informers,
      system,
      log: silentLog,
      recorder: new Recorder({ system, node: 'me', sinks: [] }),
      self: { id, name: 'me', domain: 'home', identity: () => ({ domain: 'home', nodeID: id, ip: address }) },
    }
    available = new AvailableResources({ ...base, signFlavor: ({ metadata }) => `signed ${metadata.name}` })
    await informers.start()
    await available.start()
    await simulation.settle()
  }
  async function stop(): Promise<void> {
    await available.stop()
    await base.informers.stop()
  }

  beforeEach(async () => {
    simulation = createSimulatedSystem(1)
    store = createMemoryStore({ system: simulation.system }).store
    address = 'here:1'
    await store.create(PoolKind, {
      metadata: KEY,
      spec: {
        flavorType: 'k8slice',
        capacity: { cpu: '4', memory: '8Gi', pods: '10' },
        partition: {},
        data: { architecture: 'amd64' },
        price: { amount: '4', currency: 'EUR', period: 'hour' },
      },
    })
    await start()
  })
  afterEach(stop)

  const flavors = async (): Promise<readonly Flavor[]> => (await store.list(FlavorKind)).items
  const pool = async (): Promise<Pool> => (await store.get(PoolKind, KEY))!
  const entries = async (): Promise<readonly LedgerEntry[]> =>
    (await store.list(PoolShardKind)).items.flatMap(({ status }) => status.entries)
  const request = (id: string, cpu: string): Promise<unknown> =>
    available.hold(KEY, {
      id,
      contractID: `contract-${id}`,
      buyer: 'buyer',
      flavorID: 'flavor',
      amounts: { cpu, memory: '1Gi', pods: '1' },
      expiresAt: new Date(simulation.now() + 60_000).toISOString(),
    })
  const hold = async (id: string, cpu: string): Promise<void> => {
    await request(id, cpu)
    await simulation.settle()
  }

  it('advertises one flavor of what is free, signed, and replaces it when that changes (step 16)', async () => {
    const [before, ...none] = await flavors()
    expect(none).toEqual([])
    expect(before!.spec).toMatchObject({
      signature: `signed ${before!.metadata.name}`,
      price: { amount: '4' },
      flavorType: { typeData: { characteristics: { cpu: '4' } } },
    })
    await hold('a', '1')
    const [after, ...others] = await flavors()
    expect(others).toEqual([])
    expect(after!.metadata.name).not.toBe(before!.metadata.name)
    // Three of four cores and seven of eight Gi: each costs what it cost before.
    expect(after!.spec).toMatchObject({
      price: { amount: '3.25' },
      flavorType: { typeData: { characteristics: { cpu: '3' } } },
    })
    expect(await available.poolOfFlavor(before!.metadata.name)).toMatchObject({ metadata: KEY })
    expect((await store.list(AllocationKind)).items).toMatchObject([
      { spec: { type: 'Node', contract: { name: 'contract-a' } }, status: { status: 'Inactive' } },
    ])
  })

  it('gives a hold back by itself when its time is over', async () => {
    await hold('a', '4')
    expect(await flavors()).toEqual([])
    await simulation.advance(60_001)
    expect(await flavors()).toHaveLength(1)
    expect((await store.list(AllocationKind)).items).toEqual([])
    expect((await pool()).status!.free).toEqual((await pool()).spec.capacity)
  })

  it('brings flavor and allocations in line after a crash, whichever of them was not written', async () => {
    await hold('a', '1')
    await stop()
    const [flavor] = await flavors()
    await store.delete(FlavorKind, flavor!.metadata)
    await store.delete(AllocationKind, (await store.list(AllocationKind)).items[0]!.metadata)
    await store.create(FlavorKind, {
      metadata: { namespace: 'default', name: 'old-flavor' },
      spec: flavor!.spec,
    })
    await start()
    expect((await flavors()).map(({ metadata }) => metadata.name)).toEqual([flavor!.metadata.name])
    expect((await store.list(AllocationKind)).items).toHaveLength(1)
  })

  it('makes another flavor when price or place of the pool change: an id never means two things', async () => {
    const [before] = await flavors()
    await mutate(store, PoolKind, KEY, (each) => ({
      ...each,
      spec: { ...each.spec, price: { ...each.spec.price, amount: '9' } },
    }))
    await simulation.settle()
    const [after, ...others] = await flavors()
    expect(others).toEqual([])
    expect(after!.spec.price.amount).toBe('9')
    expect(after!.metadata.name).not.toBe(before!.metadata.name)
  })

  it('makes another flavor when this node is reached elsewhere after a restart', async () => {
    const [before] = await flavors()
    await stop()
    address = 'there:2'
    await start()
    const [after, ...others] = await flavors()
    expect(others).toEqual([])
    expect(after!.spec.owner.ip).toBe('there:2')
    expect(after!.metadata.name).not.toBe(before!.metadata.name)
    // Once: the next restart at the same place changes nothing.
    await stop()
    await start()
    expect(await flavors()).toEqual([after])
  })

  it('knows of an entry that was made in this very moment', async () => {
    await request('a', '1')
    expect(await available.placeOfEntry('a')).toMatchObject({ entry: { id: 'a' } })
    expect(await available.placeOfEntry('contract-a')).toMatchObject({ entry: { id: 'a' } })
  })

  it('takes many changes at once without losing one', async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `id-${index}`)
    const results = await Promise.all(ids.map((id) => request(id, '500m')))
    expect(results.filter((each) => each === undefined)).toHaveLength(8)
    const [shard] = (await store.list(PoolShardKind)).items
    expect(isBalanced(shard!.status)).toBe(true)
    await Promise.all(ids.map((id) => available.release(id)))
    await simulation.settle()
    expect((await pool()).status!.free).toEqual((await pool()).spec.capacity)
  })

  it('cancels a hold, and says so when it was bought already', async () => {
    await hold('a', '1')
    await available.allocate('a', { expiresAt: '2031-01-01T00:00:00Z' })
    expect(await available.cancel('a')).toBe(false)
    await hold('b', '1')
    expect(await available.cancel('b')).toBe(true)
    expect(await available.cancel('b')).toBe(true)
    expect((await entries()).map(({ id }) => id)).toEqual(['a'])
  })

  it('brings the ledger of an earlier version into a shard, whenever it is killed meanwhile', async () => {
    await stop()
    const shards = async () => (await store.list(PoolShardKind)).items
    for (const each of await shards()) await store.delete(PoolShardKind, each.metadata)
    const entry: LedgerEntry = {
      ...{ id: 'old', state: 'allocated', contractID: 'contract-old', buyer: 'b', flavorID: 'f' },
      amounts: { cpu: '5', memory: '1Gi', pods: '1' },
      expiresAt: '2040-01-01T00:00:00Z',
    }
    // More was sold than there is: its capacity had shrunk.
    const former = { revision: 41, entries: [entry], free: { cpu: '-1', memory: '7Gi', pods: '9' } }
    await store.update(PoolKind, { ...(await pool()), status: former as never }, { subresource: 'status' })
    await start()
    const [first, ...others] = await shards()
    expect(others).toEqual([])
    expect(first!.status).toMatchObject({ entries: [entry], free: { cpu: '0', memory: '7Gi' } })
    expect((await pool()).status).toMatchObject({ free: { cpu: '0' }, holds: 0, allocations: 1 })
    expect((await pool()).status).not.toHaveProperty('entries')
    expect((await pool()).status!.revision).toBeGreaterThan(41)

    // Killed before the status was written anew: what happened since is in the shard.
    await available.release('old')
    await hold('new', '1')
    await stop()
    await store.update(PoolKind, { ...(await pool()), status: former as never }, { subresource: 'status' })
    await start()
    expect((await entries()).map(({ id }) => id)).toEqual(['new'])
    expect((await pool()).status).toMatchObject({ free: { cpu: '3' }, holds: 1, allocations: 0 })
    for (const each of await storedPools(store)) expect(poolFaults(each)).toEqual([])
  })

  it('never gives two states of a pool the same revision, also across restarts', async () => {
    const seen = new Map<number, string>()
    const look = async (): Promise<void> => {
      const { revision, free } = (await pool()).status!
      const said = JSON.stringify(free)
      expect(seen.get(revision) ?? said).toBe(said)
      seen.set(revision, said)
    }
    for (let round = 0; round < 4; round++) {
      await hold('a', '1')
      await look()
      await available.release('a')
      await simulation.settle()
      await look()
      await stop()
      await start()
      await look()
    }
    expect([...seen.keys()]).toEqual([...seen.keys()].toSorted((a, b) => a - b))
    expect(seen.size).toBe(8)
  })

  it('counts what is held and sold a moment later, and makes no other flavor of it', async () => {
    await hold('a', '1')
    const [before] = await flavors()
    await available.allocate('a', { expiresAt: '2040-01-01T00:00:00Z' })
    await simulation.advance(600)
    expect((await pool()).status).toMatchObject({ holds: 0, allocations: 1 })
    expect(await flavors()).toEqual([before])
  })
})
