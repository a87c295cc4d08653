import { beforeEach, describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { WIDGET, widget, type Widget } from '../../../test/support/widget.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { mutate, remove, type ObjectStore } from '../object-store.ts'
import { keyOf } from '../../objects/meta.ts'
import { ensureFinalizer, hasFinalizer, removeFinalizer } from './finalizers.ts'

const MINE = 'test/mine'
const THEIRS = 'test/theirs'

let store: ObjectStore
let calls: string[]
let created: Widget

beforeEach(async () => {
  const inner = createMemoryStore({ system: createSimulatedSystem(1, 0).system }).store
  calls = []
  store = new Proxy(inner, {
    get(target, name: keyof ObjectStore) {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        calls.push(name)
        return method.apply(target, args)
      }
    },
  })
  created = await store.create(WIDGET, widget('a', 1))
  calls = []
})

const stored = () => store.get(WIDGET, keyOf(created))

describe('a finalizer', () => {
  it('is put on and taken off in one call each, and none when it is so already', async () => {
    const held = await ensureFinalizer(store, WIDGET, created, MINE)
    expect(held!.metadata.finalizers).toEqual([MINE])
    expect(await ensureFinalizer(store, WIDGET, held!, MINE)).toEqual(held)
    expect(calls).toEqual(['update'])
    await removeFinalizer(store, WIDGET, held!, MINE)
    await removeFinalizer(store, WIDGET, created, MINE)
    expect(calls).toEqual(['update', 'update'])
    expect((await stored())!.metadata.finalizers).toEqual([])
  })

  it('leaves those of others alone that were written since the object was read, and what else was', async () => {
    const theirs = await ensureFinalizer(store, WIDGET, created, THEIRS)
    await mutate(store, WIDGET, keyOf(created), (each) => ({ ...each, spec: { ...each.spec, size: 7 } }))
    const mine = await ensureFinalizer(store, WIDGET, created, MINE)
    expect(mine).toMatchObject({ metadata: { finalizers: [THEIRS, MINE] }, spec: { size: 7 } })
    await removeFinalizer(store, WIDGET, theirs!, THEIRS)
    expect((await stored())!.metadata.finalizers).toEqual([MINE])
  })

  it('of many writers at once are all there, and all go', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `test/${index}`)
    await Promise.all(names.map((name) => ensureFinalizer(store, WIDGET, created, name)))
    const held = (await stored())!
    expect(held.metadata.finalizers!.toSorted()).toEqual(names)
    await store.delete(WIDGET, keyOf(created))
    await Promise.all(names.map((name) => removeFinalizer(store, WIDGET, held, name)))
    expect(await stored()).toBeUndefined()
  })

  it('is not put on what is being deleted, is gone, or was replaced by another of its name', async () => {
    await ensureFinalizer(store, WIDGET, created, THEIRS)
    await store.delete(WIDGET, keyOf(created))
    expect(await ensureFinalizer(store, WIDGET, created, MINE)).toBeUndefined()
    const going = (await stored())!
    expect(hasFinalizer((await ensureFinalizer(store, WIDGET, going, THEIRS))!, THEIRS)).toBe(true)
    await removeFinalizer(store, WIDGET, going, THEIRS)
    expect(await stored()).toBeUndefined()
    expect(await ensureFinalizer(store, WIDGET, created, MINE)).toBeUndefined()
    const next = await store.create(WIDGET, widget('a', 2))
    expect(await ensureFinalizer(store, WIDGET, created, MINE)).toBeUndefined()
    const held = await ensureFinalizer(store, WIDGET, next, MINE)
    await removeFinalizer(
      store,
      WIDGET,
      { ...created, metadata: { ...going.metadata, finalizers: [MINE] } },
      MINE,
    )
    expect((await stored())!.metadata).toEqual(held!.metadata)
    await removeFinalizer(store, WIDGET, held!, MINE)
    await remove(store, WIDGET, keyOf(created))
  })
})
