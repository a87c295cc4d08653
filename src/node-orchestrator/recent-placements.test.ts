/** What was decided counts at once, however far the local copies lag behind, and only until they show it. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { Informers } from '../kernel/informer.ts'
import { silentLog } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { IntentKind, type Intent } from '../objects/intent.ts'
import { keyOf } from '../objects/meta.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { RecentPlacements } from './recent-placements.ts'

const { system, advance } = createSimulatedSystem(1, 0)
let store: ObjectStore
let informers: Informers
let recent: RecentPlacements

beforeEach(() => {
  store = createMemoryStore({ system }).store
  informers = new Informers({ store, system, log: silentLog })
  recent = new RecentPlacements(informers.of(IntentKind))
})
afterEach(() => informers.stop())

const create = (name: string): Promise<Intent> =>
  store.create(IntentKind, {
    metadata: { namespace: 'default', name },
    spec: { workloadRef: undefined } as never,
  })
const requests = [{ name: 'web', workload: 'web', placement: 'Local', node: 'me' }]
const placesOf = (intents: readonly Intent[]) =>
  intents.map(({ metadata, status }) => [metadata.name, status?.requests?.[0]?.node])
const OTHER = { namespace: 'default', name: 'other' }

it('is counted although no informer has told of the intent, or of its status, yet', async () => {
  const unseen = await create('a')
  recent.decide(unseen, requests)
  expect(placesOf(recent.others(OTHER))).toEqual([['a', 'me']])
  expect(recent.others(keyOf(unseen))).toEqual([])
  await informers.start()
  // The informer has the intent now, without its status.
  expect(placesOf(recent.others(OTHER))).toEqual([['a', 'me']])
})

it('is what the store says as soon as the informer shows it, and nothing once the intent is gone', async () => {
  await informers.start()
  const intent = await create('a')
  recent.decide(intent, requests)
  await store.update(IntentKind, { ...intent, status: { requests } }, { subresource: 'status' })
  await advance(10)
  const stored = (await store.get(IntentKind, keyOf(intent)))!
  const moved = [{ ...requests[0]!, node: 'elsewhere' }]
  await store.update(IntentKind, { ...stored, status: { requests: moved } }, { subresource: 'status' })
  await advance(10)
  expect(placesOf(recent.others(OTHER))).toEqual([['a', 'elsewhere']])
  recent.decide(intent, requests)
  await store.delete(IntentKind, keyOf(intent))
  await advance(10)
  expect(recent.others(OTHER)).toEqual([])
})

it('is forgotten when nothing came of it', async () => {
  const intent = await create('a')
  recent.decide(intent, requests)
  recent.forget(keyOf(intent))
  expect(recent.others(OTHER)).toEqual([])
})

it('is not that of another intent of the same name', async () => {
  const first = await create('a')
  recent.decide(first, requests)
  await store.delete(IntentKind, keyOf(first))
  await create('a')
  await informers.start()
  expect(placesOf(recent.others(OTHER))).toEqual([['a', undefined]])
})
