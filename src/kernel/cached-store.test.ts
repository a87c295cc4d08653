import { afterEach, beforeEach, expect, it } from 'vitest'
import { passTime, type PassingTime } from '../../test/support/pass-time.ts'
import {
  openRemoteStore,
  startRemoteServer,
  type RemoteServer,
} from '../../test/support/remote-store/index.ts'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { CLUSTER_WIDGET, PLAIN, WIDGET, type Widget, widget } from '../../test/support/widget.ts'
import { cachedReads } from './cached-store.ts'
import { type Informer, Informers } from './informer.ts'
import { silentLog } from './log.ts'
import { ensure, mutate, type ObjectStore, remove } from './object-store.ts'

const KEY = { namespace: 'default', name: 'a' }
const GET = 'get widgets.conformance.tributary.io'

let passing: PassingTime
let server: RemoteServer
let remote: ReturnType<typeof openRemoteStore>['store']
let informers: Informers
let informer: Informer<Widget>
let store: ObjectStore
let told: string[]

// Its watches lag by up to two seconds: what is seen at once is seen without them.
beforeEach(async () => {
  const simulation = createSimulatedSystem(3)
  const { system } = simulation
  server = await startRemoteServer({ system, kinds: [] })
  remote = openRemoteStore({ server, system: simulation.named('connection') }).store
  passing = passTime(simulation)
  informers = new Informers({ store: remote, system, log: silentLog })
  informer = informers.of(WIDGET)
  store = cachedReads(remote, informers)
  told = []
  informer.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name} ${object.spec.size}`))
  await informers.start()
})

afterEach(async () => {
  await informers.stop()
  await passing.stop()
  await server.stop()
})

const sizeOf = async (): Promise<number | undefined> => (await store.get(WIDGET, KEY))?.spec.size
const resize = (size: number, at: ObjectStore = store): Promise<unknown> =>
  mutate(at, WIDGET, KEY, (object) => ({ ...object, spec: { size } }))
const settled = (): Promise<void> => passing.advance(5_000)

it('reads what this process wrote at once, without a call, and tells it once', async () => {
  await store.create(WIDGET, widget('a', 1))
  expect(await sizeOf()).toBe(1)
  await resize(2)
  expect(await sizeOf()).toBe(2)
  await store.patch(WIDGET, KEY, { spec: { size: 3 } })
  expect(await sizeOf()).toBe(3)
  await store.delete(WIDGET, KEY)
  expect(await store.get(WIDGET, KEY)).toBeUndefined()
  expect(remote.calls.get(GET)).toBeUndefined()
  const once = ['added a 1', 'updated a 2', 'updated a 3', 'deleted a 3']
  expect(told).toEqual(once)
  await settled()
  expect(told).toEqual(once)
})

it('is not led back by events of what it removed, nor by the end of one that it made anew', async () => {
  await store.create(WIDGET, widget('a', 1))
  for (let size = 2; size < 6; size++) await resize(size)
  await store.delete(WIDGET, KEY)
  await passing.advance(500)
  expect(await store.get(WIDGET, KEY)).toBeUndefined()
  await store.create(WIDGET, widget('a', 9))
  await settled()
  expect(await sizeOf()).toBe(9)
  expect(told.slice(-2)).toEqual(['deleted a 5', 'added a 9'])
})

it('takes an object whose last finalizer it removed as gone', async () => {
  await store.create(WIDGET, widget('a', 1, { finalizers: ['tributary.io/test'] }))
  await store.delete(WIDGET, KEY)
  expect((await store.get(WIDGET, KEY))!.metadata.deletionTimestamp).toBeDefined()
  await store.patch(WIDGET, KEY, { metadata: { finalizers: [] } })
  expect(await store.get(WIDGET, KEY)).toBeUndefined()
  await settled()
  expect(informer.list()).toEqual([])
})

it('learns what others wrote from the watch, or when it is refused because of it', async () => {
  await store.create(WIDGET, widget('a', 1))
  await resize(2, server.store)
  // Not known yet: the compare-and-swap is refused, and then the store is asked.
  expect(await sizeOf()).toBe(1)
  await resize(3)
  expect(remote.calls.get(GET)).toBe(1)
  expect((await server.store.get(WIDGET, KEY))!.spec.size).toBe(3)
  await resize(4, server.store)
  await settled()
  expect(await sizeOf()).toBe(4)
  await remove(server.store, WIDGET, KEY)
  await server.store.create(WIDGET, widget('a', 7))
  // The one that is known is not the one that is there.
  await expect(resize(5)).resolves.toMatchObject({ spec: { size: 5 } })
})

it('finds what somebody else made, when it tries to make the same', async () => {
  await server.store.create(WIDGET, widget('a', 1))
  expect((await ensure(store, WIDGET, widget('a', 2))).spec.size).toBe(1)
  expect(await sizeOf()).toBe(1)
})

it('asks the store after an answer was lost, so that what was done is known to be', async () => {
  remote.setFaults({ answerLost: 1 })
  await expect(store.create(WIDGET, widget('a', 1))).rejects.toMatchObject({ code: 'Unavailable' })
  expect(await sizeOf()).toBe(1)
  await expect(store.delete(WIDGET, KEY)).rejects.toMatchObject({ code: 'Unavailable' })
  expect(await store.get(WIDGET, KEY)).toBeUndefined()
  await settled()
  expect(told).toEqual(['added a 1', 'deleted a 1'])
})

it('does not bring back what somebody removed while the answer to its own write was on its way', async () => {
  remote.setFaults({ latencyMs: [4_000, 4_000], watchLagMs: 1 })
  const creating = store.create(WIDGET, widget('a', 1))
  await passing.advance(2_500)
  await remove(server.store, WIDGET, KEY)
  await passing.advance(1_000)
  expect(told).toEqual(['added a 1', 'deleted a 1'])
  await creating
  expect(informer.list()).toEqual([])
  expect(await store.get(WIDGET, KEY)).toBeUndefined()
})

it('keeps what it wrote when the informer has to list anew', async () => {
  remote.setFaults({ watchExpired: 0.3 })
  for (let round = 0; round < 40; round++) {
    const name = `w${round % 5}`
    if (round % 7 === 6) await remove(store, WIDGET, { name })
    else await ensure(store, WIDGET, widget(name, round))
    const [seen, stored] = [await store.get(WIDGET, { name }), await server.store.get(WIDGET, { name })]
    expect(seen?.metadata.uid).toBe(stored?.metadata.uid)
  }
  await settled()
  expect(informer.list().map(({ metadata }) => metadata.uid)).toEqual(
    (await server.store.list(WIDGET)).items.map(({ metadata }) => metadata.uid),
  )
})

it('asks the store for kinds that nobody informs of, and while the informer is not there', async () => {
  await store.create(CLUSTER_WIDGET, widget('c', 1))
  await store.get(CLUSTER_WIDGET, { name: 'c' })
  expect(remote.calls.get('get clusterwidgets.conformance.tributary.io')).toBe(1)
  await store.create(WIDGET, widget('a', 1))
  await informers.stop()
  await resize(2, server.store)
  expect(await sizeOf()).toBe(2)
  expect(informers.known(PLAIN)).toBeUndefined()
})
