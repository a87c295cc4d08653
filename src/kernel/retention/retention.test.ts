import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { EventKind, type Event } from '../../objects/core/event.ts'
import type { KindDefinition } from '../../objects/kind.ts'
import { inDefaultNamespace } from '../../objects/meta.ts'
import { DEFAULT_RETENTION } from '../../objects/retention.ts'
import { TraceKind } from '../../objects/trace.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { Informers } from '../informer.ts'
import { silentLog } from '../log.ts'
import { type ObjectStore, StoreError } from '../object-store.ts'
import { rfc3339 } from '../system.ts'
import { Retention, type Summing } from './index.ts'

const HOUR = 3_600_000

async function start(options: {
  readonly kinds: readonly KindDefinition[]
  readonly traces?: number
  readonly sums?: readonly Summing[]
  readonly wrap?: (store: ObjectStore) => ObjectStore
}) {
  const simulation = createSimulatedSystem(7)
  const { system } = simulation
  const { store } = createMemoryStore({ system })
  const seen = options.wrap?.(store) ?? store
  const informers = new Informers({ store: seen, system, log: silentLog })
  const retention = new Retention({
    store: seen,
    informers,
    system,
    log: silentLog,
    kinds: options.kinds,
    settings: { ...DEFAULT_RETENTION, ...(options.traces === undefined ? {} : { traces: options.traces }) },
    sums: options.sums ?? [],
  })
  const event = (name: string): Promise<Event> =>
    store.create(EventKind, {
      metadata: inDefaultNamespace(name),
      involvedObject: { kind: 'Pod', name: 'p' },
      lastTimestamp: rfc3339(system.clock.now()),
    } as Event)
  const trace = (name: string) =>
    store.create(TraceKind, {
      metadata: inDefaultNamespace(name),
      spec: { traceID: name },
      status: { events: [] },
    })
  const names = async (kind: KindDefinition) =>
    (await store.list(kind)).items.map(({ metadata }) => metadata.name)
  return {
    simulation,
    store,
    retention,
    informers,
    event,
    trace,
    names,
    stop: () => Promise.all([retention.stop(), informers.stop()]),
  }
}

describe('the retention controller', () => {
  it('removes what has been over long enough, whether it was there before the start or not, and nothing earlier', async () => {
    const { simulation, retention, event, names, stop } = await start({ kinds: [EventKind] })
    await event('before')
    await retention.start()
    await simulation.advance(HOUR / 2)
    await event('after')
    await simulation.advance(HOUR / 2 - 1_000)
    expect(await names(EventKind)).toEqual(['after', 'before'])
    await simulation.advance(2_000)
    expect(await names(EventKind)).toEqual(['after'])
    await simulation.advance(HOUR / 2)
    expect(await names(EventKind)).toEqual([])
    await stop()
  })

  it('counts anew for what is seen again', async () => {
    const { simulation, store, retention, event, names, stop } = await start({ kinds: [EventKind] })
    await retention.start()
    const made = await event('again')
    await simulation.advance(HOUR / 2)
    await store.update(EventKind, { ...made, lastTimestamp: rfc3339(simulation.now()) })
    await simulation.advance(HOUR - 2_000)
    expect(await names(EventKind)).toEqual(['again'])
    await simulation.advance(4_000)
    expect(await names(EventKind)).toEqual([])
    await stop()
  })

  it('removes the oldest of what is too many, soon', async () => {
    const { simulation, retention, trace, names, stop } = await start({ kinds: [TraceKind], traces: 3 })
    await retention.start()
    for (const name of ['z', 'y', 'a', 'b', 'c']) {
      await trace(name)
      await simulation.advance(1_000)
    }
    expect(await names(TraceKind)).toEqual(['a', 'b', 'c'])
    await stop()
  })

  it('asks again for what could not be removed, and goes on with many in turns', async () => {
    let broken = true
    let calls = 0
    const { simulation, retention, event, names, stop } = await start({
      kinds: [EventKind],
      wrap: (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name !== 'delete') return Reflect.get(target, name).bind(target) as unknown
            return (...given: Parameters<ObjectStore['delete']>) => {
              calls++
              if (broken) throw new StoreError('Unavailable', 'far away')
              return target.delete(...given)
            }
          },
        }),
    })
    await Promise.all(Array.from({ length: 180 }, (_, index) => event(`e${index}`)))
    await retention.start()
    await simulation.advance(HOUR + 1_000)
    expect(await names(EventKind)).toHaveLength(180)
    // Not in a hurry.
    expect(calls).toBeLessThanOrEqual(200)
    broken = false
    await simulation.advance(10_000)
    expect(await names(EventKind)).toEqual([])
    await stop()
  })

  it('removes only what is in the sum, and refuses a kind that nobody sums', async () => {
    const aged = EventKind.retention
    if (aged?.mode !== 'age') throw new Error('events are kept by age')
    const SummedKind: KindDefinition<Event> = { ...EventKind, retention: { ...aged, summedInto: 'Widget' } }
    await expect(start({ kinds: [SummedKind] })).rejects.toThrow('summed into Widget')
    const ready = new Set(['a'])
    const summing: Summing = {
      kind: SummedKind,
      sum: (objects) => Promise.resolve(objects.filter(({ metadata }) => ready.has(metadata.name))),
    }
    const { simulation, retention, event, names, stop } = await start({
      kinds: [SummedKind],
      sums: [summing],
    })
    await event('a')
    await event('b')
    await retention.start()
    await simulation.advance(HOUR + 10_000)
    expect(await names(EventKind)).toEqual(['b'])
    ready.add('b')
    await simulation.advance(10_000)
    expect(await names(EventKind)).toEqual([])
    await stop()
  })
})
