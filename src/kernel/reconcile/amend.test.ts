import { expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { WIDGET, widget } from '../../../test/support/widget.ts'
import { keyOf } from '../../objects/meta.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { amend, amendStatus } from './amend.ts'

const fresh = () => createMemoryStore({ system: createSimulatedSystem(1, 0).system }).store

it('decides again on what is stored when the object is not what was read any more', async () => {
  const store = fresh()
  const read = await store.create(WIDGET, widget('a', 1))
  await store.update(WIDGET, { ...read, spec: { size: 5 } })
  const seen: number[] = []
  const stored = await amend(store, WIDGET, read, (each) => {
    seen.push(each.spec.size)
    return { ...each, spec: { size: each.spec.size + 1 } }
  })
  expect(seen).toEqual([1, 5])
  expect(stored!.spec.size).toBe(6)
  expect(await amendStatus(store, WIDGET, stored!, () => ({ count: 3 }))).toMatchObject({
    status: { count: 3 },
  })
  expect(await amendStatus(store, WIDGET, stored!, () => undefined)).toBe(stored)
  await store.close()
})

it('leaves alone what replaced the object, and says so', async () => {
  const store = fresh()
  const read = await store.create(WIDGET, widget('a', 1))
  await store.delete(WIDGET, keyOf(read))
  expect(await amend(store, WIDGET, read, (each) => ({ ...each, spec: { size: 9 } }))).toBeUndefined()
  await store.create(WIDGET, widget('a', 2))
  expect(await amendStatus(store, WIDGET, read, () => ({ count: 9 }))).toBeUndefined()
  const there = await store.get(WIDGET, keyOf(read))
  expect(there!.spec.size).toBe(2)
  expect(there!.status).toBeUndefined()
  await store.close()
})
