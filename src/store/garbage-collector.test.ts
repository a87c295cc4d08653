import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { CLUSTER_WIDGET, PLAIN, WIDGET, widget } from '../../test/support/widget.ts'
import { type KubeObject, ownedBy } from '../objects/meta.ts'
import { createMemoryStore } from './memory/index.ts'
import { GarbageCollector } from './garbage-collector.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import { mutate, type ObjectStore } from '../kernel/object-store.ts'

let simulation: SimulatedSystem
let store: ObjectStore
let informers: Informers
let collector: GarbageCollector

beforeEach(() => {
  simulation = createSimulatedSystem(1)
  const { system } = simulation
  store = createMemoryStore({ system }).store
  informers = new Informers({ store, system, log: silentLog })
  collector = new GarbageCollector({
    informers,
    store,
    kinds: [WIDGET, CLUSTER_WIDGET, PLAIN],
    log: silentLog,
    system,
  })
})

afterEach(async () => {
  await collector.stop()
  await informers.stop()
  await store.close()
})

const dependent = (name: string, owner: KubeObject, namespace = 'default') => ({
  metadata: { name, namespace, ownerReferences: [ownedBy(owner)] },
})

async function plains(): Promise<string[]> {
  return (await store.list(PLAIN)).items.map(({ metadata }) => metadata.name)
}

it('deletes what belongs to a deleted object, through all generations, and nothing else', async () => {
  const grandparent = await store.create(CLUSTER_WIDGET, widget('g', 1))
  const parent = await store.create(WIDGET, { ...widget('p', 1), ...dependent('p', grandparent) })
  const other = await store.create(WIDGET, widget('other', 1))
  await store.create(PLAIN, dependent('mine', parent))
  await store.create(PLAIN, dependent('others', other))
  await store.create(PLAIN, { metadata: { name: 'free' } })
  await collector.start()
  await collector.start()
  await simulation.settle()
  expect(await plains()).toEqual(['free', 'mine', 'others'])
  await store.delete(CLUSTER_WIDGET, { name: 'g' })
  await simulation.settle()
  expect((await store.list(WIDGET)).items.map(({ metadata }) => metadata.name)).toEqual(['other'])
  expect(await plains()).toEqual(['free', 'others'])
})

it('deletes what was created after its owner had gone', async () => {
  const owner = await store.create(WIDGET, widget('p', 1))
  await collector.start()
  await store.delete(WIDGET, { name: 'p' })
  await simulation.settle()
  await store.create(PLAIN, dependent('late', owner))
  await simulation.settle()
  expect(await plains()).toEqual([])
})

it('deletes what lost its owner while nobody was looking', async () => {
  const owner = await store.create(WIDGET, widget('p', 1))
  await store.create(PLAIN, dependent('orphan', owner))
  await store.delete(WIDGET, { name: 'p' })
  await collector.start()
  await simulation.settle()
  expect(await plains()).toEqual([])
})

it('is not deceived by another object of the same name, nor by one in another namespace', async () => {
  const owner = await store.create(WIDGET, widget('p', 1))
  await store.create(PLAIN, dependent('mine', owner))
  await store.delete(WIDGET, { name: 'p' })
  await store.create(WIDGET, widget('p', 1))
  await collector.start()
  const elsewhere = await store.create(WIDGET, widget('q', 1, { namespace: 'elsewhere' }))
  await store.create(PLAIN, dependent('far', elsewhere))
  await simulation.settle()
  expect(await plains()).toEqual([])
})

it('leaves alone what is owned by a kind that it does not know', async () => {
  await store.create(PLAIN, {
    metadata: {
      name: 'a',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Unknown', name: 'x', uid: 'y', controller: true }],
    },
  })
  await collector.start()
  await simulation.settle()
  expect(await plains()).toEqual(['a'])
})

it('asks for deletion once where a finalizer holds the object', async () => {
  const owner = await store.create(WIDGET, widget('p', 1))
  await store.create(PLAIN, {
    metadata: { name: 'held', finalizers: ['t.io/x'], ownerReferences: [ownedBy(owner)] },
  })
  await collector.start()
  await store.delete(WIDGET, { name: 'p' })
  await simulation.settle()
  const held = (await store.get(PLAIN, { name: 'held' }))!
  expect(held.metadata.deletionTimestamp).toBeDefined()
  await simulation.settle()
  await mutate(store, PLAIN, { name: 'held' }, (object) => ({
    ...object,
    metadata: { ...object.metadata, finalizers: [] },
  }))
  expect(await plains()).toEqual([])
})

it('does nothing once stopped', async () => {
  const owner = await store.create(WIDGET, widget('p', 1))
  await store.create(PLAIN, dependent('mine', owner))
  await collector.start()
  await collector.stop()
  await collector.stop()
  await store.delete(WIDGET, { name: 'p' })
  await simulation.settle()
  expect(await plains()).toEqual(['mine'])
  await collector.start()
  await simulation.settle()
  expect(await plains()).toEqual([])
})
