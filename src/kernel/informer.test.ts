import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { CLUSTER_WIDGET, PLAIN, WIDGET, type Widget, widget } from '../../test/support/widget.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { Informer, type InformerEvent, Informers } from './informer.ts'
import { silentLog } from './log.ts'
import { mutate, type ObjectStore, remove, StoreError } from './object-store.ts'

let simulation: SimulatedSystem
let store: ObjectStore
const stops: (() => Promise<void>)[] = []

function makeInformer(of: ObjectStore = store): Informer<Widget> {
  const informer = new Informer({ store: of, kind: WIDGET, system: simulation.system, log: silentLog })
  stops.push(() => informer.stop())
  return informer
}

/** @returns what a handler was told, as `type name size`. */
function record(informer: Informer<Widget>): string[] {
  const told: string[] = []
  informer.onChange(({ type, object }) => told.push(`${type} ${object.metadata.name} ${object.spec.size}`))
  return told
}

async function resize(name: string, size: number): Promise<void> {
  await mutate(store, WIDGET, { name }, (object) => ({ ...object, spec: { size } }))
}

beforeEach(() => {
  simulation = createSimulatedSystem(1)
  store = createMemoryStore({ system: simulation.system, historyLimit: 10 }).store
})

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  await store.close()
})

/** A store whose calls may be made to fail, to hang or to end, in front of a real one. */
function flaky(inner: ObjectStore) {
  const faults = { list: undefined as Error | undefined, watch: undefined as Error | undefined }
  const calls = { list: 0, watch: 0 }
  let cuts: (() => void)[] = []
  const outer: ObjectStore = {
    ...inner,
    list(kind, options) {
      calls.list++
      return faults.list === undefined ? inner.list(kind, options) : Promise.reject(faults.list)
    },
    async *watch(kind, options) {
      calls.watch++
      if (faults.watch !== undefined) throw faults.watch
      const cut = new AbortController()
      cuts.push(() => cut.abort())
      const signal = AbortSignal.any([options.signal, cut.signal])
      yield* inner.watch(kind, { ...options, signal })
      if (faults.watch !== undefined && !options.signal.aborted) throw faults.watch
    },
  }
  return {
    store: outer,
    faults,
    calls,
    cut() {
      for (const cut of cuts) cut()
      cuts = []
    },
  }
}

describe('an informer', () => {
  it('holds, once started, what is there and what comes', async () => {
    await store.create(WIDGET, widget('a', 1))
    await store.create(WIDGET, widget('b', 2, { namespace: 'other' }))
    const informer = makeInformer()
    const told = record(informer)
    expect(informer.synced).toBe(false)
    await informer.start()
    expect(informer.synced).toBe(true)
    expect(told).toEqual(['added a 1', 'added b 2'])
    expect(informer.get({ namespace: 'default', name: 'a' })?.spec.size).toBe(1)

    await resize('a', 3)
    await store.create(WIDGET, widget('c', 4))
    await store.delete(WIDGET, { name: 'c' })
    await simulation.settle()
    expect(told.slice(2)).toEqual(['updated a 3', 'added c 4', 'deleted c 4'])
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
    expect(informer.list()).toBe(informer.list())
  })

  it('tells what an object was before', async () => {
    const informer = makeInformer()
    const events: InformerEvent<Widget>[] = []
    informer.onChange((event) => events.push(event))
    await informer.start()
    await store.create(WIDGET, widget('a', 1))
    await resize('a', 2)
    await remove(store, WIDGET, { name: 'a' })
    await simulation.settle()
    expect(events.map(({ before }) => before?.spec.size)).toEqual([undefined, 1, 2])
  })

  it('tells a late handler what is there', async () => {
    await store.create(WIDGET, widget('a', 1))
    const informer = makeInformer()
    await informer.start()
    expect(record(informer)).toEqual(['added a 1'])
  })

  it('keeps a throwing handler from nobody, and a removed one untold', async () => {
    const informer = makeInformer()
    informer.onChange(() => {
      throw new Error('handler')
    })
    const told = record(informer)
    let removedTold = 0
    const unsubscribe = informer.onChange(() => removedTold++)
    await informer.start()
    unsubscribe()
    await store.create(WIDGET, widget('a', 1))
    await store.create(WIDGET, widget('b', 1))
    await simulation.settle()
    expect(told).toEqual(['added a 1', 'added b 1'])
    expect(removedTold).toBe(0)
  })

  it('answers by index, as objects come, change and go', async () => {
    await store.create(WIDGET, widget('a', 1))
    const informer = makeInformer()
    informer.addIndex('size', ({ spec }) => [String(spec.size)])
    await informer.start()
    await store.create(WIDGET, widget('b', 1))
    await store.create(WIDGET, widget('c', 2))
    await simulation.settle()
    informer.addIndex('parity', ({ spec }) => [spec.size % 2 === 0 ? 'even' : 'odd'])
    const names = (index: string, value: string): string[] =>
      informer.byIndex(index, value).map(({ metadata }) => metadata.name)
    expect(names('size', '1')).toEqual(['a', 'b'])
    expect(names('parity', 'odd')).toEqual(['a', 'b'])
    await resize('a', 2)
    await remove(store, WIDGET, { name: 'b' })
    await simulation.settle()
    expect(names('size', '1')).toEqual([])
    expect(names('size', '2').sort()).toEqual(['a', 'c'])
    expect(names('parity', 'odd')).toEqual([])
    expect(() => informer.byIndex('color', 'red')).toThrow('no index "color"')
  })

  it('starts and stops as often as it is told to, and catches up after a restart', async () => {
    await store.create(WIDGET, widget('a', 1))
    await store.create(WIDGET, widget('b', 1))
    await store.create(WIDGET, widget('same', 1))
    const informer = makeInformer()
    const told = record(informer)
    await Promise.all([informer.start(), informer.start()])
    await informer.start()
    await Promise.all([informer.stop(), informer.stop()])
    await informer.stop()
    told.length = 0
    await resize('a', 2)
    await remove(store, WIDGET, { name: 'b' })
    await store.create(WIDGET, widget('c', 3))
    await simulation.settle()
    expect(told).toEqual([])
    await informer.start()
    expect(told).toEqual(['deleted b 1', 'updated a 2', 'added c 3'])
  })

  it('lists again when its place in history is lost, and tells the difference', async () => {
    await store.create(WIDGET, widget('a', 1))
    await store.create(WIDGET, widget('gone', 1))
    await store.create(WIDGET, widget('anew', 1))
    const flakyStore = flaky(store)
    const informer = makeInformer(flakyStore.store)
    const told = record(informer)
    await informer.start()
    told.length = 0
    flakyStore.faults.watch = new StoreError('Unavailable', 'the network is down')
    flakyStore.cut()
    await simulation.settle()
    await remove(store, WIDGET, { name: 'gone' })
    await remove(store, WIDGET, { name: 'anew' })
    await store.create(WIDGET, widget('anew', 2))
    for (let size = 2; size < 30; size++) await resize('a', size)
    expect(told).toEqual([])
    flakyStore.faults.watch = undefined
    await simulation.runUntil(() => told.length > 0, { limitMs: 60_000 })
    expect(told).toEqual(['deleted gone 1', 'updated a 29', 'deleted anew 1', 'added anew 2'])
    expect(flakyStore.calls.list).toBe(2)
    await resize('a', 100)
    await simulation.settle()
    expect(told.at(-1)).toBe('updated a 100')
  })

  it('resumes an ended watch where it was, without listing again', async () => {
    const flakyStore = flaky(store)
    const informer = makeInformer(flakyStore.store)
    const told = record(informer)
    await informer.start()
    await store.create(WIDGET, widget('a', 1))
    await resize('a', 2)
    await simulation.settle()
    flakyStore.cut()
    await resize('a', 3)
    await simulation.runUntil(() => told.length === 3, { limitMs: 1_000 })
    expect(told).toEqual(['added a 1', 'updated a 2', 'updated a 3'])
    expect(flakyStore.calls).toEqual({ list: 1, watch: 2 })
  })

  it('never gives up on a store that does not answer, nor hammers it', async () => {
    await store.create(WIDGET, widget('a', 1))
    const flakyStore = flaky(store)
    flakyStore.faults.list = new Error('connection refused')
    const informer = makeInformer(flakyStore.store)
    let synced = false
    void informer.start().then(() => {
      synced = true
    })
    await simulation.advance(60 * 60_000)
    expect(synced).toBe(false)
    expect(flakyStore.calls.list).toBeGreaterThan(60)
    expect(flakyStore.calls.list).toBeLessThan(150)
    flakyStore.faults.list = undefined
    await simulation.runUntil(() => synced, { limitMs: 60_000 })
    expect(informer.list()).toHaveLength(1)
  })

  it('does not hammer a store that expires whatever it lists', async () => {
    const flakyStore = flaky(store)
    flakyStore.faults.watch = new StoreError('Expired', 'too old')
    const informer = makeInformer(flakyStore.store)
    await informer.start()
    await simulation.advance(60_000)
    expect(flakyStore.calls.list).toBeLessThan(15)
  })

  it('of a long-lived watch that ends now and then resumes quickly each time', async () => {
    const flakyStore = flaky(store)
    const informer = makeInformer(flakyStore.store)
    await informer.start()
    for (let round = 0; round < 20; round++) {
      await simulation.advance(5 * 60_000)
      flakyStore.cut()
    }
    const told = record(informer)
    await store.create(WIDGET, widget('a', 1))
    await simulation.runUntil(() => told.length === 1, { limitMs: 150 })
  })

  it('stopped before it is synced lets those go who wait for it', async () => {
    const flakyStore = flaky(store)
    flakyStore.faults.list = new Error('connection refused')
    const informer = makeInformer(flakyStore.store)
    const starting = informer.start()
    await simulation.settle()
    await informer.stop()
    await starting
    expect(informer.synced).toBe(false)
    expect(simulation.pendingTimers()).toBe(0)
  })
})

describe('the set of informers', () => {
  it('has one for each kind, starts them together, and later ones by themselves', async () => {
    await store.create(WIDGET, widget('a', 1))
    await store.create(CLUSTER_WIDGET, widget('b', 1))
    const informers = new Informers({ store, system: simulation.system, log: silentLog })
    stops.push(() => informers.stop())
    const widgets = informers.of(WIDGET)
    expect(informers.of(WIDGET)).toBe(widgets)
    expect(informers.of(PLAIN)).not.toBe(widgets)
    await simulation.settle()
    expect(widgets.synced).toBe(false)
    await informers.start()
    expect(widgets.list()).toHaveLength(1)
    const late = informers.of(CLUSTER_WIDGET)
    await late.start()
    expect(late.get({ name: 'b' })?.spec.size).toBe(1)
    await informers.stop()
    expect(widgets.synced).toBe(false)
  })
})

describe('an informer of a selection', () => {
  const selection = {
    labels: { matchLabels: { on: 'yes' } },
    fields: [{ path: 'spec.size', operator: '!=', value: '0' }],
  } as const

  it('asks the store for that only, and tells what comes into it and what leaves', async () => {
    await store.create(WIDGET, widget('in', 1, { labels: { on: 'yes' } }))
    await store.create(WIDGET, widget('out', 1))
    const asked: unknown[] = []
    const outer: ObjectStore = {
      ...store,
      list: (kind, options) => {
        asked.push(options)
        return store.list(kind, options)
      },
    }
    const informer = new Informer({
      store: outer,
      kind: WIDGET,
      selection,
      system: simulation.system,
      log: silentLog,
    })
    stops.push(() => informer.stop())
    const told = record(informer)
    await informer.start()
    await store.patch(WIDGET, { name: 'out' }, { metadata: { labels: { on: 'yes' } } })
    await resize('in', 0)
    await resize('in', 5)
    await store.patch(WIDGET, { name: 'out' }, { metadata: { labels: { on: null } } })
    await simulation.settle()
    expect(told).toEqual(['added in 1', 'added out 1', 'deleted in 1', 'added in 5', 'deleted out 1'])
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['in'])
    expect(asked).toEqual([selection])
  })

  it('is shared by those who say the same, and by nobody else', () => {
    const informers = new Informers({ store, system: simulation.system, log: silentLog })
    const again = {
      fields: [...selection.fields],
      labels: { matchExpressions: [], matchLabels: { on: 'yes' } },
    }
    expect(informers.of(WIDGET, selection)).toBe(informers.of(WIDGET, again))
    expect(informers.of(WIDGET, {})).toBe(informers.of(WIDGET))
    expect(informers.of(WIDGET, { namespace: 'n' })).not.toBe(informers.of(WIDGET))
    expect(informers.of(WIDGET, selection)).not.toBe(informers.of(WIDGET))
  })
})
