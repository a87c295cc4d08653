import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSimulatedSystem, type SimulatedSystem } from '../../test/support/simulated-system.ts'
import { PLAIN, WIDGET, widget } from '../../test/support/widget.ts'
import { keyString, ownedBy, controllerOf } from '../objects/meta.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import type { Component } from './component.ts'
import { Controller } from './controller.ts'
import { Informers } from './informer.ts'
import { type Log, silentLog } from './log.ts'
import { mutateStatus, type ObjectStore, StoreError } from './object-store.ts'

let simulation: SimulatedSystem
let store: ObjectStore
let informers: Informers
const components: Component[] = []

function running<T extends Component>(component: T): T {
  components.push(component)
  return component
}

/** A log whose lines can be looked at. */
function recordingLog(): { log: Log; lines: { level: number; msg: string; key?: string }[] } {
  const lines: { level: number; msg: string; key?: string }[] = []
  const log = pino(
    { level: 'trace' },
    { write: (line: string) => void lines.push(JSON.parse(line) as never) },
  )
  return { log, lines }
}

beforeEach(() => {
  simulation = createSimulatedSystem(1, 0)
  store = createMemoryStore({ system: simulation.system }).store
  informers = running(new Informers({ store, system: simulation.system, log: silentLog }))
})

afterEach(async () => {
  for (const component of components.splice(0).reverse()) await component.stop()
  await store.close()
})

describe('a controller', () => {
  it('reconciles what is there when it starts, and what changes', async () => {
    await store.create(WIDGET, widget('a', 1))
    const keys: string[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log: silentLog,
        watches: [{ informer: informers.of(WIDGET) }],
        async reconcile(key) {
          keys.push(keyString(key))
          await mutateStatus(store, WIDGET, key, (object) =>
            object.status?.count === object.spec.size ? undefined : { count: object.spec.size },
          )
        },
      }),
    )
    await controller.start()
    await controller.idle()
    await simulation.settle()
    expect((await store.get(WIDGET, { name: 'a' }))!.status).toEqual({ count: 1 })
    await store.create(WIDGET, widget('b', 2, { namespace: 'other' }))
    await simulation.settle()
    expect((await store.get(WIDGET, { namespace: 'other', name: 'b' }))!.status).toEqual({ count: 2 })
    // Once for its creation, once for the change of its status that the controller made.
    expect(keys).toEqual(['default/a', 'default/a', 'other/b', 'other/b'])
  })

  it('reconciles the keys that its watches name, with the right types for each', async () => {
    const keys: string[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log: silentLog,
        watches: [
          {
            informer: informers.of(WIDGET),
            keys: ({ object }) => (object.spec.size > 1 ? { name: `w${object.spec.size}` } : undefined),
          },
          {
            informer: informers.of(PLAIN),
            keys: ({ object }) => {
              const owner = controllerOf(object)
              return owner ? [{ name: owner.name }, { name: object.data?.['also'] ?? 'none' }] : []
            },
          },
        ],
        async reconcile(key) {
          keys.push(keyString(key))
        },
      }),
    )
    await controller.start()
    await store.create(WIDGET, widget('one', 1))
    const owner = await store.create(WIDGET, widget('two', 2))
    await store.create(PLAIN, { metadata: { name: 'free' } })
    await store.create(PLAIN, {
      metadata: { name: 'owned', ownerReferences: [ownedBy(owner)] },
      data: { also: 'x' },
    })
    await simulation.settle()
    expect(keys).toEqual(['w2', 'two', 'x'])
  })

  it('comes back when reconcile asks for it', async () => {
    const times: number[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log: silentLog,
        watches: [],
        async reconcile() {
          times.push(simulation.now())
          return times.length < 3 ? { requeueAfterMs: 500 } : undefined
        },
      }),
    )
    controller.enqueue({ name: 'x' })
    await controller.start()
    await simulation.advance(10_000)
    expect(times).toEqual([0, 500, 1_000])
  })

  it('warns of a failure once, tries again with back-off, and is done after a success', async () => {
    const { log, lines } = recordingLog()
    const times: number[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log,
        watches: [],
        async reconcile() {
          times.push(simulation.now())
          if (times.length <= 3) throw new Error('cannot')
        },
      }),
    )
    await controller.start()
    controller.enqueue({ namespace: 'n', name: 'x' })
    await simulation.advance(60_000)
    expect(times).toEqual([0, 20, 60, 140])
    expect(lines.filter(({ level }) => level === 40)).toMatchObject([{ msg: 'reconcile failed', key: 'n/x' }])
    expect(lines.filter(({ msg }) => msg === 'reconcile failed')).toHaveLength(3)
  })

  it('tries again quickly, and quietly, after a conflict', async () => {
    const { log, lines } = recordingLog()
    const times: number[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log,
        watches: [],
        async reconcile() {
          times.push(simulation.now())
          if (times.length < 3) throw new StoreError('Conflict', 'somebody was faster')
        },
      }),
    )
    await controller.start()
    controller.enqueue({ name: 'x' })
    await simulation.advance(60_000)
    expect(times).toEqual([0, 5, 15])
    expect(lines.every(({ level }) => level <= 20)).toBe(true)
  })

  it('reconciles everything again at its interval', async () => {
    await store.create(WIDGET, widget('a', 1))
    await store.create(WIDGET, widget('b', 1))
    const times: string[] = []
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log: silentLog,
        watches: [{ informer: informers.of(WIDGET) }],
        resyncMs: 1_000,
        async reconcile(key) {
          times.push(`${key.name} ${simulation.now()}`)
        },
      }),
    )
    await controller.start()
    await simulation.advance(2_500)
    expect(times).toEqual(['a 0', 'b 0', 'a 1000', 'b 1000', 'a 2000', 'b 2000'])
  })

  it('when stopped aborts and awaits what runs, and works again when it is started again', async () => {
    const { log, lines } = recordingLog()
    let interrupted = 0
    let block = true
    let done = 0
    await store.create(WIDGET, widget('a', 1))
    const controller = running(
      new Controller({
        name: 'test',
        system: simulation.system,
        log,
        watches: [{ informer: informers.of(WIDGET) }],
        async reconcile(_key, signal) {
          if (block) {
            await new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason as Error))
            }).finally(() => interrupted++)
          }
          done++
        },
      }),
    )
    await controller.stop()
    await Promise.all([controller.start(), controller.start()])
    await simulation.settle()
    await Promise.all([controller.stop(), controller.stop()])
    expect(interrupted).toBe(1)
    await store.create(WIDGET, widget('b', 1))
    await simulation.advance(60_000)
    expect(done).toBe(0)
    expect(lines).toEqual([])
    block = false
    await controller.start()
    await simulation.settle()
    expect(done).toBe(2)
  })

  it('can be stopped while it waits for a store that does not answer', async () => {
    const dead: ObjectStore = { ...store, list: () => new Promise(() => undefined) }
    const waiting = new Informers({ store: dead, system: simulation.system, log: silentLog })
    const controller = new Controller({
      name: 'test',
      system: simulation.system,
      log: silentLog,
      watches: [{ informer: waiting.of(WIDGET) }],
      reconcile: () => expect.unreachable('not synced'),
    })
    const starting = controller.start()
    await simulation.settle()
    await controller.stop()
    await starting
  })
})
