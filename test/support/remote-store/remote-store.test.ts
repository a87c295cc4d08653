import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Informers } from '../../../src/kernel/informer.ts'
import { silentLog } from '../../../src/kernel/log.ts'
import { ensure, mutate, remove } from '../../../src/kernel/object-store.ts'
import { retryThrottled } from '../../../src/kernel/retry-throttled.ts'
import { ownedBy } from '../../../src/objects/meta.ts'
import { passTime, type PassingTime } from '../pass-time.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../simulated-system.ts'
import { CLUSTER_WIDGET, WIDGET, widget } from '../widget.ts'
import { openRemoteStore, type RemoteServer, type RemoteStore, startRemoteServer } from './index.ts'

let simulation: SimulatedSystem
let server: RemoteServer
let store: RemoteStore
let passing: PassingTime

beforeEach(async () => {
  simulation = createSimulatedSystem(7)
  const { system } = simulation
  server = await startRemoteServer({ system, kinds: [WIDGET, CLUSTER_WIDGET], historyLimit: 50 })
  store = openRemoteStore({ server, system: simulation.named('connection') }).store
  passing = passTime(simulation)
})

afterEach(async () => {
  await passing.stop()
  await server.stop()
})

const key = { name: 'a' }

describe('a store that is far away', () => {
  it('gives a fresh, frozen copy each time, under a version that is no number', async () => {
    const created = await store.create(WIDGET, { ...widget('a'), spec: { size: 1, deep: { list: [1] } } })
    const [one, two] = [await store.get(WIDGET, key), await store.get(WIDGET, key)]
    expect(one).toEqual(created)
    expect(one).not.toBe(two)
    expect(one!.spec).not.toBe(two!.spec)
    expect(Object.isFrozen(one!.spec.deep)).toBe(true)
    expect(Number(created.metadata.resourceVersion)).toBeNaN()
  })

  it('takes from 1 to 50 milliseconds for a call', async () => {
    for (let index = 0; index < 50; index++) {
      const before = simulation.now()
      await store.get(WIDGET, key)
      const took = simulation.now() - before
      // The clock of the test goes in steps.
      expect(took).toBeLessThanOrEqual(50 + 10)
    }
    const before = simulation.now()
    for (let index = 0; index < 50; index++) await store.get(WIDGET, key)
    expect((simulation.now() - before) / 50).toBeGreaterThan(15)
  })

  it('counts calls by verb and kind, and lists of everything apart', async () => {
    await store.create(WIDGET, widget('a'))
    await store.get(WIDGET, key)
    await store.get(WIDGET, { name: 'b' })
    await store.list(WIDGET)
    await store.list(WIDGET, { labels: { matchLabels: { a: 'b' } } })
    expect(Object.fromEntries(store.calls)).toEqual({
      'create widgets.conformance.tributary.io': 1,
      'get widgets.conformance.tributary.io': 2,
      'list-all widgets.conformance.tributary.io': 1,
      'list widgets.conformance.tributary.io': 1,
    })
  })

  it('may have done a write whose answer was lost; the helpers then find it done', async () => {
    store.setFaults({ answerLost: 1 })
    await expect(ensure(store, WIDGET, widget('a', 1))).rejects.toMatchObject({ code: 'Unavailable' })
    expect((await ensure(store, WIDGET, widget('a', 2))).spec.size).toBe(1)
    const grow = (): Promise<unknown> =>
      mutate(store, WIDGET, key, (object) =>
        object.spec.size === 5 ? object : { ...object, spec: { size: 5 } },
      )
    await expect(grow()).rejects.toMatchObject({ code: 'Unavailable' })
    const { generation } = (await server.store.get(WIDGET, key))!.metadata
    await grow()
    expect((await server.store.get(WIDGET, key))!.metadata.generation).toBe(generation)
    await expect(remove(store, WIDGET, key)).rejects.toMatchObject({ code: 'Unavailable' })
    await remove(store, WIDGET, key)
    expect(await server.store.get(WIDGET, key)).toBeUndefined()
  })

  it('may not have done a write that failed', async () => {
    store.setFaults({ requestLost: 1 })
    await expect(store.create(WIDGET, widget('a'))).rejects.toMatchObject({ code: 'Unavailable' })
    expect(await server.store.get(WIDGET, key)).toBeUndefined()
  })

  it('has other writers: a version read before is old, and mutate gets through', async () => {
    const read = await store.create(WIDGET, widget('a', 1))
    store.setFaults({ otherWriter: 1 })
    await expect(store.update(WIDGET, { ...read, spec: { size: 2 } })).rejects.toMatchObject({
      code: 'Conflict',
    })
    store.setFaults({ otherWriter: 0.5 })
    await mutate(store, WIDGET, key, (object) => ({ ...object, spec: { size: 3 } }))
    const stored = (await server.store.get(WIDGET, key))!
    expect(stored.spec.size).toBe(3)
    expect(stored.metadata.annotations).toBeDefined()
  })

  it('deletes by itself what has lost its owner', async () => {
    const owner = await store.create(CLUSTER_WIDGET, widget('owner'))
    await store.create(WIDGET, widget('a', 1, { ownerReferences: [ownedBy(owner)] }))
    await store.delete(CLUSTER_WIDGET, { name: 'owner' })
    await passing.advance(1_000)
    expect(await server.store.get(WIDGET, key)).toBeUndefined()
  })

  it('leaves an informer of a selection right in the end, whatever goes wrong meanwhile', async () => {
    const faults = { watchExpired: 0.1, watchEnds: 0.1, throttled: 0.1, requestLost: 0.1 }
    store.setFaults(faults)
    const { system } = simulation
    const informers = new Informers({ store: retryThrottled(store, system.clock), system, log: silentLog })
    const informer = informers.of(WIDGET, { labels: { matchLabels: { on: 'yes' } } })
    await informers.start()
    for (let round = 0; round < 200; round++) {
      const name = `w${round % 7}`
      const labels = { on: round % 3 === 0 ? 'no' : 'yes' }
      if (round % 11 === 10) await remove(server.store, WIDGET, { name })
      else {
        await ensure(server.store, WIDGET, widget(name))
        await server.store.patch(WIDGET, { name }, { metadata: { labels }, spec: { size: round } })
      }
      await passing.advance(50)
    }
    await passing.advance(60_000)
    const { items } = await server.store.list(WIDGET, { labels: { matchLabels: { on: 'yes' } } })
    expect(items.length).toBeGreaterThan(1)
    expect(informer.list().map(({ metadata, spec }) => [metadata.name, spec])).toEqual(
      items.map(({ metadata, spec }) => [metadata.name, spec]),
    )
    await informers.stop()
  })
})

describe('throttling', () => {
  it('is waited out for as long as the store asks, ten times at most', async () => {
    const retrying = retryThrottled(store, simulation.system.clock)
    store.setFaults({ throttled: 1 })
    const before = simulation.now()
    await expect(retrying.get(WIDGET, key)).rejects.toMatchObject({ code: 'TooManyRequests' })
    expect(store.calls.get('get widgets.conformance.tributary.io')).toBe(10)
    expect(simulation.now() - before).toBeGreaterThan(9_000)
    const waiting = retrying.create(WIDGET, widget('a'))
    await passing.advance(1_500)
    store.setFaults({ throttled: 0 })
    expect((await waiting).metadata.name).toBe('a')
    const abort = new AbortController()
    const { resourceVersion } = await retrying.list(WIDGET)
    store.setFaults({ throttled: 1 })
    const watch = retrying.watch(WIDGET, { fromVersion: resourceVersion, signal: abort.signal })
    const next = watch[Symbol.asyncIterator]().next()
    await passing.advance(1_500)
    store.setFaults({ throttled: 0 })
    await store.create(WIDGET, widget('b'))
    expect((await next).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } })
    abort.abort()
  })
})
