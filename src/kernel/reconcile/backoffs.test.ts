import { expect, it } from 'vitest'
import { createSimulatedSystem } from '../../../test/support/simulated-system.ts'
import { WIDGET, widget } from '../../../test/support/widget.ts'
import { keyOf } from '../../objects/meta.ts'
import { createMemoryStore } from '../../store/memory/index.ts'
import { Informers } from '../informer.ts'
import { silentLog } from '../log.ts'
import { Backoffs } from './backoffs.ts'

const KEY = { namespace: 'default', name: 'a' }

it('doubles the pause of each key with its failures, and counts the time that passed', async () => {
  const { system, advance } = createSimulatedSystem(1, 0)
  const backoffs = new Backoffs({ clock: system.clock, firstMs: 100, longestMs: 300 })
  expect(backoffs.remainingMs(KEY)).toBe(0)
  expect([backoffs.failed(KEY), backoffs.failed(KEY), backoffs.failed(KEY)]).toEqual([100, 200, 300])
  expect(backoffs.failed('another')).toBe(100)
  expect([backoffs.failures(KEY), backoffs.failures('default/a'), backoffs.failures('none')]).toEqual([
    3, 3, 0,
  ])
  await advance(120)
  expect([backoffs.remainingMs(KEY), backoffs.remainingMs('another')]).toEqual([180, 0])
  backoffs.forget(KEY)
  expect([backoffs.failures(KEY), backoffs.remainingMs(KEY), backoffs.failed(KEY)]).toEqual([0, 0, 100])
})

it('forgets the failures of objects that are gone, by key and by uid', async () => {
  const { system, advance } = createSimulatedSystem(1, 0)
  const { store } = createMemoryStore({ system })
  const informers = new Informers({ store, system, log: silentLog })
  const of = informers.of(WIDGET)
  await of.start()
  const backoffs = new Backoffs({ clock: system.clock, firstMs: 100, longestMs: 300, of })
  const object = await store.create(WIDGET, widget('a', 1))
  await store.create(WIDGET, widget('b', 1))
  backoffs.failed(keyOf(object))
  backoffs.failed(object.metadata.uid)
  backoffs.failed({ ...keyOf(object), name: 'b' })
  await store.delete(WIDGET, keyOf(object))
  await advance(10)
  expect([backoffs.failures(keyOf(object)), backoffs.failures(object.metadata.uid)]).toEqual([0, 0])
  expect(backoffs.size).toBe(1)
  await of.stop()
  await store.close()
})

it('asks for the longest pause at each failure where it depends on how much there is to do', () => {
  const { system } = createSimulatedSystem(1, 0)
  let longest = 150
  const backoffs = new Backoffs({ clock: system.clock, firstMs: 100, longestMs: () => longest })
  expect([backoffs.failed(KEY), backoffs.failed(KEY)]).toEqual([100, 150])
  longest = 1_000
  expect(backoffs.failed(KEY)).toBe(400)
})
