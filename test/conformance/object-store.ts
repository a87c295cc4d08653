/**
 * What every ObjectStore must do. Called from the tests of each implementation.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ensure,
  mutate,
  mutateStatus,
  type ObjectStore,
  remove,
  StoreError,
  type StoreErrorCode,
  type WatchEvent,
} from '../../src/kernel/object-store.ts'
import type { KindDefinition } from '../../src/objects/kind.ts'
import { fieldsEqual } from '../../src/objects/field-selector.ts'
import type { KubeObject, NewObject } from '../../src/objects/meta.ts'
import type { ObjectSelection } from '../../src/objects/object-selection.ts'
import { CLUSTER_WIDGET, PLAIN, WIDGET, type Widget, widget } from '../support/widget.ts'

/** A store to test, and what the suite may do around it. */
export interface StoreUnderTest {
  readonly store: ObjectStore
  /** How many changes of a kind the store remembers; tests of expiry are skipped without. */
  readonly historyLimit?: number
  /** The largest object, in bytes of its JSON. */
  readonly objectBytes: number
  /** Lets time pass for the store; tests of bookmarks are skipped without. */
  advance?(ms: number): Promise<void>
  close(): Promise<void>
}

/** A watch that is being read, and what it has brought so far. */
class Observation {
  readonly events: WatchEvent[] = []
  readonly #abort = new AbortController()
  readonly #done: Promise<unknown>
  #notify: () => void = () => undefined
  #error: unknown
  #ended = false

  constructor(
    store: ObjectStore,
    kind: KindDefinition,
    fromVersion: string,
    selection: ObjectSelection = {},
  ) {
    this.#done = (async () => {
      const watch = store.watch(kind, {
        ...selection,
        fromVersion,
        signal: this.#abort.signal,
      })
      for await (const event of watch) {
        this.events.push(event)
        this.#notify()
      }
    })()
      .catch((error: unknown) => {
        this.#error = error
      })
      .finally(() => {
        this.#ended = true
        this.#notify()
      })
  }

  /** Waits until the watch has brought so many events. */
  async count(count: number): Promise<readonly WatchEvent[]> {
    while (this.events.length < count) {
      if (this.#ended)
        throw new Error(`the watch ended after ${this.events.length} events`, { cause: this.#error })
      await new Promise<void>((resolve) => {
        this.#notify = resolve
      })
    }
    return this.events
  }

  /** Ends the watch. @returns what the iteration threw, if anything */
  async end(): Promise<unknown> {
    this.#abort.abort()
    await this.#done
    return this.#error
  }

  /** Waits for the watch to end by itself. @returns what it threw */
  async failure(): Promise<unknown> {
    await this.#done
    return this.#error
  }
}

/** @returns `TYPE name@version` of each event. */
function told(events: readonly WatchEvent[]): string[] {
  return events.map((event) =>
    event.type === 'BOOKMARK'
      ? `BOOKMARK @${event.resourceVersion}`
      : `${event.type} ${event.object.metadata.name}@${event.object.metadata.resourceVersion}`,
  )
}

async function expectCode(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  expect((error as StoreError).code).toBe(code)
}

/**
 * @param name of the implementation, for the titles
 * @param makeStore opens an empty store
 */
export function objectStoreConformance(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`${name}: what every object store does`, () => {
    let under: StoreUnderTest
    let store: ObjectStore
    const observations: Observation[] = []

    const observe = (kind: KindDefinition, fromVersion: string, selection?: ObjectSelection): Observation => {
      const observation = new Observation(store, kind, fromVersion, selection)
      observations.push(observation)
      return observation
    }
    const now = async (kind: KindDefinition = WIDGET): Promise<string> =>
      (await store.list(kind)).resourceVersion

    beforeEach(async () => {
      under = await makeStore()
      store = under.store
    })
    afterEach(async () => {
      await Promise.all(observations.splice(0).map((observation) => observation.end()))
      await under.close()
    })

    describe('create', () => {
      it('fills in what a stored object has, and returns what get then returns', async () => {
        const created = await store.create(WIDGET, widget('a', 3, { labels: { app: 'x' } }))
        expect(created).toMatchObject({
          apiVersion: 'conformance.tributary.io/v1',
          kind: 'Widget',
          metadata: { name: 'a', namespace: 'default', labels: { app: 'x' }, generation: 1 },
          spec: { size: 3 },
        })
        expect(created.metadata.uid).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        )
        expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
        expect(await store.get(WIDGET, { name: 'a' })).toEqual(created)
        expect(await store.get(WIDGET, { name: 'a', namespace: 'default' })).toEqual(created)
      })

      it('is refused where an object of that name is', async () => {
        await store.create(WIDGET, widget('a'))
        await expectCode(store.create(WIDGET, widget('a')), 'AlreadyExists')
        await store.create(WIDGET, widget('a', 1, { namespace: 'other' }))
        await store.create(PLAIN, { metadata: { name: 'a' } })
      })

      it('of one name by many at once succeeds for exactly one', async () => {
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, size) => store.create(WIDGET, widget('a', size))),
        )
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        for (const result of results) {
          if (result.status === 'rejected') expect((result.reason as StoreError).code).toBe('AlreadyExists')
        }
      })

      it.each(['Upper', 'a_b', 'a/b', '', '-a', 'a'.repeat(254)])('refuses the name %j', async (bad) => {
        await expectCode(store.create(WIDGET, widget(bad)), 'Invalid')
      })

      it('leaves the status to the status subresource, where the kind has one', async () => {
        const created = await store.create(WIDGET, { ...widget('a'), status: { phase: 'Made-up' } })
        expect(created.status).toBeUndefined()
        const plain = await store.create(PLAIN, { metadata: { name: 'a' }, status: { phase: 'Kept' } })
        expect(plain.status).toEqual({ phase: 'Kept' })
      })

      it('does not let the caller choose uid, version, generation or times', async () => {
        const forged = {
          name: 'a',
          uid: 'mine',
          resourceVersion: '99999',
          generation: 7,
          creationTimestamp: '1999-01-01T00:00:00Z',
          deletionTimestamp: '1999-01-01T00:00:00Z',
        }
        const { metadata } = await store.create(WIDGET, { metadata: forged, spec: { size: 1 } })
        expect(metadata.uid).not.toBe('mine')
        expect(metadata.resourceVersion).not.toBe('99999')
        expect(metadata.generation).toBe(1)
        expect(metadata.creationTimestamp).not.toMatch(/^1999/)
        expect(metadata.deletionTimestamp).toBeUndefined()
      })
    })

    describe('objects', () => {
      it('are frozen all the way down, while what the caller gave is left alone', async () => {
        const colors = ['red']
        const deep = { list: [{ x: 1 }] }
        const given: NewObject<Widget> = { metadata: { name: 'a' }, spec: { size: 1, colors, deep } }
        const created = await store.create(WIDGET, given)
        expect(Object.isFrozen(created.metadata)).toBe(true)
        expect(Object.isFrozen(created.spec.colors)).toBe(true)
        expect(() => {
          ;(created.spec.deep as typeof deep).list[0]!.x = 2
        }).toThrow(TypeError)
        const found = (await store.get(WIDGET, { name: 'a' }))!
        expect(Object.isFrozen(found.spec.deep)).toBe(true)
        expect(Object.isFrozen((await store.list(WIDGET)).items[0]!.spec.colors)).toBe(true)

        colors.push('blue')
        deep.list[0]!.x = 3
        expect((await store.get(WIDGET, { name: 'a' }))!.spec).toEqual({
          size: 1,
          colors: ['red'],
          deep: { list: [{ x: 1 }] },
        })
      })

      it('keep members that the kind does not know', async () => {
        const given = { ...widget('a'), spec: { size: 1, unheardOf: { x: [1, null, 'y'] } } }
        await store.create(WIDGET, given)
        expect((await store.get(WIDGET, { name: 'a' }))!.spec).toEqual(given.spec)
      })
    })

    describe('update', () => {
      it('needs the stored version', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.update(WIDGET, { ...first, spec: { size: 2 } })
        expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion)
        await expectCode(store.update(WIDGET, { ...first, spec: { size: 3 } }), 'Conflict')
        await expectCode(
          store.update(WIDGET, { ...first, status: { phase: 'x' } }, { subresource: 'status' }),
          'Conflict',
        )
        expect((await store.get(WIDGET, { name: 'a' }))!.spec.size).toBe(2)
      })

      it('of what is not there is refused', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        await store.delete(WIDGET, { name: 'a' })
        await expectCode(store.update(WIDGET, { ...first, spec: { size: 2 } }), 'NotFound')
      })

      it('of an object that was made anew under the same name is refused', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        await store.delete(WIDGET, { name: 'a' })
        await store.create(WIDGET, widget('a', 1))
        await expectCode(store.update(WIDGET, { ...first, spec: { size: 2 } }), 'Conflict')
      })

      it('by many from one version succeeds for exactly one', async () => {
        const first = await store.create(WIDGET, widget('a', 0))
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, size) =>
            store.update(WIDGET, { ...first, spec: { size: size + 1 } }),
          ),
        )
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      })

      it('that changes nothing makes no version and no event, whatever the order of members', async () => {
        const first = await store.create(WIDGET, {
          metadata: { name: 'a', labels: { x: '1', y: '2' } },
          spec: { size: 1, deep: { a: 1, b: [{ c: 1, d: 2 }] } },
        })
        const withStatus = await store.update(
          WIDGET,
          { ...first, status: { phase: 'x', count: 1 } },
          { subresource: 'status' },
        )
        const observation = observe(WIDGET, withStatus.metadata.resourceVersion)
        const same = await store.update(WIDGET, {
          ...withStatus,
          spec: { deep: { b: [{ d: 2, c: 1 }], a: 1 }, size: 1 },
          metadata: { ...withStatus.metadata, labels: { y: '2', x: '1' } },
        })
        expect(same).toEqual(withStatus)
        const sameStatus = await store.update(
          WIDGET,
          { ...withStatus, status: { count: 1, phase: 'x' } },
          { subresource: 'status' },
        )
        expect(sameStatus).toEqual(withStatus)
        const last = await store.create(WIDGET, widget('z'))
        expect(told(await observation.count(1))).toEqual([`ADDED z@${last.metadata.resourceVersion}`])
      })

      it('of items in another order is a change', async () => {
        const first = await store.create(WIDGET, {
          metadata: { name: 'a' },
          spec: { size: 1, colors: ['r', 'g'] },
        })
        const second = await store.update(WIDGET, { ...first, spec: { size: 1, colors: ['g', 'r'] } })
        expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion)
      })

      it('of the object keeps the status, of the status keeps the object', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.update(
          WIDGET,
          {
            ...first,
            spec: { size: 99 },
            metadata: { ...first.metadata, labels: { no: 'no' } },
            status: { phase: 'Up' },
          },
          { subresource: 'status' },
        )
        expect(second.spec.size).toBe(1)
        expect(second.metadata.labels).toBeUndefined()
        expect(second.status).toEqual({ phase: 'Up' })
        const third = await store.update(WIDGET, {
          ...second,
          spec: { size: 2 },
          status: { phase: 'Ignored' },
        })
        expect(third.spec.size).toBe(2)
        expect(third.status).toEqual({ phase: 'Up' })
        const { status: _status, ...without } = third
        expect((await store.update(WIDGET, { ...without, spec: { size: 3 } })).status).toEqual({
          phase: 'Up',
        })
      })

      it('replaces the status too where the kind has no status subresource', async () => {
        const first = await store.create(PLAIN, { metadata: { name: 'a' }, data: { x: '1' } })
        const second = await store.update(PLAIN, { ...first, status: { phase: 'Up' } })
        expect(second.status).toEqual({ phase: 'Up' })
        expect(second.metadata.generation).toBe(1)
      })

      it('raises the generation for changes of the wish only', async () => {
        let object = await store.create(WIDGET, widget('a', 1))
        object = await store.update(WIDGET, {
          ...object,
          metadata: { ...object.metadata, labels: { a: 'b' } },
        })
        expect(object.metadata.generation).toBe(1)
        object = await store.update(WIDGET, { ...object, status: { count: 1 } }, { subresource: 'status' })
        expect(object.metadata.generation).toBe(1)
        object = await store.update(WIDGET, { ...object, spec: { size: 2 } })
        expect(object.metadata.generation).toBe(2)
        const plain = await store.create(PLAIN, { metadata: { name: 'a' }, data: { x: '1' } })
        expect((await store.update(PLAIN, { ...plain, data: { x: '2' } })).metadata.generation).toBe(2)
      })

      it('cannot change uid or creation time', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.update(WIDGET, {
          ...first,
          metadata: { ...first.metadata, creationTimestamp: '1999-01-01T00:00:00Z', generation: 9 },
          spec: { size: 2 },
        })
        expect(second.metadata).toMatchObject({
          uid: first.metadata.uid,
          creationTimestamp: first.metadata.creationTimestamp,
          generation: 2,
        })
        await expectCode(
          store.update(WIDGET, { ...second, metadata: { ...second.metadata, uid: 'another' } }),
          'Conflict',
        )
      })
    })

    describe('patch', () => {
      it('changes what it names and nothing else, without the version', async () => {
        const first = await store.create(WIDGET, {
          metadata: { name: 'a', labels: { keep: '1', drop: '2' }, finalizers: ['t.io/x'] },
          spec: { size: 1, colors: ['red', 'blue'], deep: { a: { b: 1, c: 2 } } },
        })
        const second = await store.patch(
          WIDGET,
          { name: 'a' },
          {
            metadata: { labels: { drop: null, add: '3' } },
            spec: { colors: ['green'], deep: { a: { b: null, d: 4 } } },
          },
        )
        expect(second.spec).toEqual({ size: 1, colors: ['green'], deep: { a: { c: 2, d: 4 } } })
        expect(second.metadata.labels).toEqual({ keep: '1', add: '3' })
        expect(second.metadata.finalizers).toEqual(['t.io/x'])
        expect(second.metadata.generation).toBe(first.metadata.generation + 1)
        expect(store.isNewer(second.metadata.resourceVersion, first.metadata.resourceVersion)).toBe(true)
        expect(Object.isFrozen(second.spec.deep)).toBe(true)
        expect(await store.get(WIDGET, { name: 'a' })).toEqual(second)
      })

      it('of the object keeps the status, of the status keeps the object', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.patch(
          WIDGET,
          { name: 'a' },
          { metadata: { labels: { no: 'no' } }, spec: { size: 9 }, status: { phase: 'Up', count: 1 } },
          { subresource: 'status' },
        )
        expect(second).toMatchObject({ spec: { size: 1 }, status: { phase: 'Up', count: 1 } })
        expect(second.metadata).toEqual({
          ...first.metadata,
          resourceVersion: second.metadata.resourceVersion,
        })
        const third = await store.patch(WIDGET, { name: 'a' }, { spec: { size: 2 }, status: { phase: 'No' } })
        expect(third).toMatchObject({ spec: { size: 2 }, status: { phase: 'Up', count: 1 } })
        const fourth = await store.patch(
          WIDGET,
          { name: 'a' },
          { status: { count: null } },
          { subresource: 'status' },
        )
        expect(fourth.status).toEqual({ phase: 'Up' })
        await store.create(PLAIN, { metadata: { name: 'p' }, data: { x: '1' } })
        const plain = await store.patch(PLAIN, { name: 'p' }, { data: { y: '2' }, status: { phase: 'Up' } })
        expect(plain).toMatchObject({ data: { x: '1', y: '2' }, status: { phase: 'Up' } })
      })

      it('by many at once loses none', async () => {
        await store.create(WIDGET, widget('a', 1))
        await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            store.patch(WIDGET, { name: 'a' }, { metadata: { labels: { [`l${index}`]: 'x' } } }),
          ),
        )
        const { metadata } = (await store.get(WIDGET, { name: 'a' }))!
        expect(Object.keys(metadata.labels!)).toHaveLength(20)
      })

      it('heeds the preconditions on uid and version', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.patch(WIDGET, { name: 'a' }, { spec: { size: 2 } }, first.metadata)
        const { uid, resourceVersion } = second.metadata
        const patch = { spec: { size: 3 } }
        await expectCode(store.patch(WIDGET, { name: 'a' }, patch, { uid: 'another' }), 'Conflict')
        const { resourceVersion: old } = first.metadata
        await expectCode(store.patch(WIDGET, { name: 'a' }, patch, { resourceVersion: old }), 'Conflict')
        const third = await store.patch(WIDGET, { name: 'a' }, patch, { uid, resourceVersion })
        expect(third.spec.size).toBe(3)
        await expectCode(store.patch(WIDGET, { name: 'b' }, patch), 'NotFound')
      })

      it('that changes nothing makes no version and no event', async () => {
        const first = await store.create(WIDGET, widget('a', 1, { labels: { x: '1' } }))
        const observation = observe(WIDGET, first.metadata.resourceVersion)
        for (const patch of [{}, { spec: { size: 1 } }, { metadata: { labels: { x: '1', none: null } } }]) {
          expect(await store.patch(WIDGET, { name: 'a' }, patch)).toEqual(first)
        }
        const last = await store.create(WIDGET, widget('z'))
        expect(told(await observation.count(1))).toEqual([`ADDED z@${last.metadata.resourceVersion}`])
      })

      it('does not touch what only the store may set', async () => {
        const first = await store.create(WIDGET, widget('a', 1, { namespace: 'n' }))
        const forged = {
          apiVersion: 'x/v9',
          kind: 'Other',
          metadata: {
            name: 'b',
            namespace: 'm',
            uid: 'mine',
            resourceVersion: 'x',
            generation: 7,
            creationTimestamp: '1999-01-01T00:00:00Z',
            deletionTimestamp: '1999-01-01T00:00:00Z',
          },
          spec: { size: 2 },
        }
        const second = await store.patch(WIDGET, { namespace: 'n', name: 'a' }, forged as never)
        expect(second).toEqual({
          ...first,
          metadata: { ...first.metadata, generation: 2, resourceVersion: second.metadata.resourceVersion },
          spec: { size: 2 },
        })
        const bare = await store.patch(WIDGET, { namespace: 'n', name: 'a' }, {
          metadata: null,
          spec: { size: 3 },
        } as never)
        expect(bare.metadata).toMatchObject({ name: 'a', namespace: 'n', uid: first.metadata.uid })
      })

      it('that removes the last finalizer of an object on its way out removes it, and adds none', async () => {
        await store.create(WIDGET, widget('a', 1, { finalizers: ['t.io/x', 't.io/y'] }))
        await store.delete(WIDGET, { name: 'a' })
        const key = { name: 'a' }
        await expectCode(
          store.patch(WIDGET, key, { metadata: { finalizers: ['t.io/x', 't.io/new'] } }),
          'Invalid',
        )
        await store.patch(WIDGET, key, { metadata: { finalizers: ['t.io/y'] } })
        await store.patch(WIDGET, key, { metadata: { finalizers: null } })
        expect(await store.get(WIDGET, key)).toBeUndefined()
      })
    })

    describe('selections', () => {
      const SELECTED: ObjectSelection = {
        namespace: 'n',
        labels: {
          matchLabels: { app: 'web' },
          matchExpressions: [
            { key: 'tier', operator: 'In', values: ['a', 'b'] },
            { key: 'old', operator: 'DoesNotExist' },
          ],
        },
      }
      const labelled = (name: string, labels: Record<string, string>, namespace = 'n'): NewObject<Widget> =>
        widget(name, 1, { namespace, labels })

      it('by labels narrow a list', async () => {
        await store.create(WIDGET, labelled('yes', { app: 'web', tier: 'a' }))
        await store.create(WIDGET, labelled('also', { app: 'web', tier: 'b', more: 'x' }))
        await store.create(WIDGET, labelled('no-tier', { app: 'web', tier: 'c' }))
        await store.create(WIDGET, labelled('no-old', { app: 'web', tier: 'a', old: '' }))
        await store.create(WIDGET, labelled('no-namespace', { app: 'web', tier: 'a' }, 'm'))
        await store.create(WIDGET, widget('no-labels', 1, { namespace: 'n' }))
        const { items } = await store.list(WIDGET, SELECTED)
        expect(items.map(({ metadata }) => metadata.name)).toEqual(['also', 'yes'])
        const all = await store.list(WIDGET, { labels: {} })
        expect(all.items).toHaveLength(6)
      })

      it('by fields narrow a list, where the kind can be selected by them', async () => {
        for (const [name, size] of [
          ['a', 1],
          ['b', 2],
          ['c', 2],
        ] as const) {
          await store.create(WIDGET, widget(name, size))
        }
        await store.patch(WIDGET, { name: 'c' }, { status: { phase: 'Up' } }, { subresource: 'status' })
        const names = async (fields: ObjectSelection['fields']): Promise<string[]> =>
          (await store.list(WIDGET, { ...(fields && { fields }) })).items.map(({ metadata }) => metadata.name)
        expect(await names(fieldsEqual({ 'spec.size': '2' }))).toEqual(['b', 'c'])
        expect(await names(fieldsEqual({ 'spec.size': '2', 'status.phase': '' }))).toEqual(['b'])
        expect(await names([{ path: 'status.phase', operator: '!=', value: 'Up' }])).toEqual(['a', 'b'])
        expect(await names(fieldsEqual({ 'metadata.name': 'a', 'metadata.namespace': 'default' }))).toEqual([
          'a',
        ])
        await expectCode(names(fieldsEqual({ 'spec.deep': 'x' })), 'Invalid')
        const watch = observe(WIDGET, await now(), { fields: fieldsEqual({ 'spec.deep': 'x' }) })
        expect(await watch.failure()).toMatchObject({ code: 'Invalid' })
      })

      it('come in pages, each full, the last one known to be the last', async () => {
        for (let index = 0; index < 20; index++) {
          await store.create(
            WIDGET,
            widget(`w${String(index).padStart(2, '0')}`, index, { labels: { odd: String(index % 2) } }),
          )
        }
        const labels = { matchLabels: { odd: '1' } }
        const pages: string[][] = []
        for (let token: string | undefined; ;) {
          const page = await store.list(WIDGET, {
            labels,
            limit: 4,
            ...(token !== undefined && { continue: token }),
          })
          pages.push(page.items.map(({ metadata }) => metadata.name))
          // Written between the pages: they are all of one moment.
          await store.patch(WIDGET, { name: 'w19' }, { metadata: { labels: { odd: '0' } } })
          await store.patch(WIDGET, { name: 'w00' }, { metadata: { labels: { odd: '1' } } })
          token = page.continue
          if (token === undefined) break
        }
        expect(pages).toEqual([
          ['w01', 'w03', 'w05', 'w07'],
          ['w09', 'w11', 'w13', 'w15'],
          ['w17', 'w19'],
        ])
      })

      it('of a watch: what begins to be selected is added, what no longer is is deleted', async () => {
        const a = await store.create(WIDGET, labelled('a', { app: 'web', tier: 'a' }))
        const b = await store.create(WIDGET, labelled('b', { app: 'web' }))
        const observation = observe(WIDGET, await now(), SELECTED)
        const key = (name: string) => ({ namespace: 'n', name })
        await store.patch(WIDGET, key('b'), { spec: { size: 2 } })
        const came = await store.patch(WIDGET, key('b'), { metadata: { labels: { tier: 'b' } } })
        const changed = await store.patch(WIDGET, key('a'), { spec: { size: 2 } })
        const left = await store.patch(WIDGET, key('a'), { metadata: { labels: { old: 'yes' } } })
        await store.patch(WIDGET, key('a'), { spec: { size: 3 } })
        await store.delete(WIDGET, key('a'))
        await store.create(WIDGET, labelled('c', { app: 'web', tier: 'a' }, 'm'))
        await store.delete(WIDGET, key('b'))
        const events = await observation.count(4)
        const version = ({ metadata }: KubeObject): string => metadata.resourceVersion
        expect(told(events).slice(0, 3)).toEqual([
          `ADDED b@${version(came)}`,
          `MODIFIED a@${version(changed)}`,
          `DELETED a@${version(left)}`,
        ])
        expect(told(events)[3]).toMatch(/^DELETED b@/)
        // The last state that was selected, at the version of the change.
        expect((events[2] as { readonly object: KubeObject }).object).toEqual({
          ...changed,
          metadata: { ...changed.metadata, resourceVersion: version(left) },
        })
        expect([a, b].map(version)).not.toContain(version(left))
      })

      it('of a watch that begins in the past are judged as it was then', async () => {
        await store.create(WIDGET, widget('a', 1, { labels: { on: 'yes' } }))
        const zero = await now()
        await store.patch(WIDGET, { name: 'a' }, { metadata: { labels: { on: 'no' } } })
        const observation = observe(WIDGET, zero, { labels: { matchLabels: { on: 'yes' } } })
        expect(told(await observation.count(1))[0]).toMatch(/^DELETED a@/)
      })
    })

    describe('versions', () => {
      it('say which came first, across kinds, and are none of another store', async () => {
        const first = (await store.create(WIDGET, widget('a'))).metadata.resourceVersion
        const between = (await store.create(PLAIN, { metadata: { name: 'p' } })).metadata.resourceVersion
        let last = between
        // Enough of them to grow by a digit, however they are written.
        for (let size = 0; size < 40; size++) {
          const next = await store.patch(WIDGET, { name: 'a' }, { spec: { size: size + 10 } })
          expect(store.isNewer(next.metadata.resourceVersion, last)).toBe(true)
          last = next.metadata.resourceVersion
        }
        expect(store.isNewer(between, first)).toBe(true)
        expect(store.isNewer(first, between)).toBe(false)
        expect(store.isNewer(last, last)).toBe(false)
        expect(() => store.isNewer('yesterday', first)).toThrow(expect.objectContaining({ code: 'Invalid' }))
      })
    })

    describe('the size of an object', () => {
      it('has a limit, which a refusal names', async () => {
        const { objectBytes } = under
        const filled = (bytes: number): NewObject<Widget> => ({
          ...widget('a'),
          spec: { size: 1, deep: { filling: 'x'.repeat(bytes) } },
        })
        const error: unknown = await store.create(WIDGET, filled(objectBytes)).catch((each: unknown) => each)
        expect(error).toMatchObject({ name: 'StoreError', code: 'TooLarge' })
        for (const word of ['widgets', '"a"', String(objectBytes)]) {
          expect((error as Error).message).toContain(word)
        }
        const stored = await store.create(WIDGET, filled(objectBytes - 600))
        expect(Buffer.byteLength(JSON.stringify(stored))).toBeLessThanOrEqual(objectBytes)
        const deep = { filling: 'x'.repeat(objectBytes) }
        await expectCode(store.update(WIDGET, { ...stored, spec: { size: 1, deep } }), 'TooLarge')
        await expectCode(store.patch(WIDGET, { name: 'a' }, { spec: { deep } }), 'TooLarge')
        const status = { phase: 'x'.repeat(objectBytes) }
        await expectCode(store.update(WIDGET, { ...stored, status }, { subresource: 'status' }), 'TooLarge')
        expect(await store.get(WIDGET, { name: 'a' })).toEqual(stored)
        await store.delete(WIDGET, { name: 'a' })
      })
    })

    describe('the helper', () => {
      it('remove heeds preconditions, and is content when nothing is there', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.patch(WIDGET, { name: 'a' }, { spec: { size: 2 } })
        const { uid, resourceVersion } = first.metadata
        await expectCode(remove(store, WIDGET, { name: 'a' }, { uid, resourceVersion }), 'Conflict')
        await expectCode(remove(store, WIDGET, { name: 'a' }, { uid: 'another' }), 'Conflict')
        await remove(store, WIDGET, { name: 'a' }, second.metadata)
        await remove(store, WIDGET, { name: 'a' }, { uid })
        expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
      })

      it('ensure returns what is stored, also when an answer was lost and it is tried again', async () => {
        const stored = await ensure(store, WIDGET, widget('a', 1))
        expect(await ensure(store, WIDGET, widget('a', 2))).toEqual(stored)
      })
    })

    describe('delete', () => {
      it('removes the object and returns it', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const deleted = await store.delete(WIDGET, { name: 'a' })
        expect(deleted.metadata.uid).toBe(first.metadata.uid)
        expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
        expect((await store.list(WIDGET)).items).toEqual([])
        await expectCode(store.delete(WIDGET, { name: 'a' }), 'NotFound')
      })

      it('heeds the preconditions on uid and version', async () => {
        const first = await store.create(WIDGET, widget('a', 1))
        const second = await store.update(WIDGET, { ...first, spec: { size: 2 } })
        const { uid, resourceVersion } = second.metadata
        await expectCode(store.delete(WIDGET, { name: 'a' }, { uid: 'another' }), 'Conflict')
        await expectCode(
          store.delete(WIDGET, { name: 'a' }, { resourceVersion: first.metadata.resourceVersion }),
          'Conflict',
        )
        await store.delete(WIDGET, { name: 'a' }, { uid, resourceVersion })
        expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
      })

      it('waits for finalizers, and happens when the last one is removed', async () => {
        const from = await now()
        const first = await store.create(WIDGET, widget('a', 1, { finalizers: ['t.io/x', 't.io/y'] }))
        const marked = await store.delete(WIDGET, { name: 'a' })
        expect(marked.metadata.deletionTimestamp).toMatch(/Z$/)
        expect(await store.get(WIDGET, { name: 'a' })).toEqual(marked)
        const again = await store.delete(WIDGET, { name: 'a' })
        expect(again).toEqual(marked)
        const half = await store.update(WIDGET, {
          ...marked,
          metadata: { ...marked.metadata, finalizers: ['t.io/y'] },
        })
        expect(half.metadata.deletionTimestamp).toBe(marked.metadata.deletionTimestamp)
        const { finalizers: _finalizers, ...metadata } = half.metadata
        const last = await store.update(WIDGET, { ...half, metadata })
        expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
        const observation = observe(WIDGET, from)
        const events = await observation.count(4)
        expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED'])
        expect(told(events)[0]).toBe(`ADDED a@${first.metadata.resourceVersion}`)
        expect(last.metadata.uid).toBe(first.metadata.uid)
        await store.create(WIDGET, widget('a', 2))
      })

      it('cannot be taken back, nor be held up by new finalizers', async () => {
        await store.create(WIDGET, widget('a', 1, { finalizers: ['t.io/x'] }))
        const marked = await store.delete(WIDGET, { name: 'a' })
        await expectCode(
          store.update(WIDGET, {
            ...marked,
            metadata: { ...marked.metadata, finalizers: ['t.io/x', 't.io/new'] },
          }),
          'Invalid',
        )
        const { deletionTimestamp, ...metadata } = marked.metadata
        const tried = await store.update(WIDGET, { ...marked, metadata, spec: { size: 2 } })
        expect(tried.metadata.deletionTimestamp).toBe(deletionTimestamp)
      })
    })

    describe('scope', () => {
      it('keeps namespaces apart', async () => {
        await store.create(WIDGET, widget('a', 1, { namespace: 'one' }))
        await store.create(WIDGET, widget('a', 2, { namespace: 'two' }))
        await store.create(WIDGET, widget('b', 3, { namespace: 'two' }))
        await store.create(WIDGET, widget('c', 4, { namespace: 'two-more' }))
        expect((await store.get(WIDGET, { namespace: 'two', name: 'a' }))!.spec.size).toBe(2)
        const two = await store.list(WIDGET, { namespace: 'two' })
        expect(two.items.map(({ spec }) => spec.size)).toEqual([2, 3])
        expect((await store.list(WIDGET)).items.map(({ spec }) => spec.size)).toEqual([1, 2, 3, 4])
        expect((await store.list(WIDGET, { namespace: 'nowhere' })).items).toEqual([])
        await store.delete(WIDGET, { namespace: 'one', name: 'a' })
        expect(await store.get(WIDGET, { namespace: 'two', name: 'a' })).toBeDefined()
      })

      it('has none for cluster-scoped kinds', async () => {
        const created = await store.create(CLUSTER_WIDGET, widget('a', 1))
        expect(created.metadata.namespace).toBeUndefined()
        expect(await store.get(CLUSTER_WIDGET, { name: 'a' })).toEqual(created)
        expect((await store.list(CLUSTER_WIDGET)).items).toEqual([created])
        const updated = await store.update(CLUSTER_WIDGET, { ...created, spec: { size: 2 } })
        expect(updated.metadata.namespace).toBeUndefined()
        await store.delete(CLUSTER_WIDGET, { name: 'a' })
      })
    })

    describe('list', () => {
      it('is in the order of namespace, then name', async () => {
        for (const [namespace, name] of [
          ['b', 'x'],
          ['a', 'z'],
          ['a-b', 'a'],
          ['a', 'b'],
          ['b', 'a.c'],
          ['b', 'a-c'],
        ] as const) {
          await store.create(WIDGET, widget(name, 1, { namespace }))
        }
        const { items } = await store.list(WIDGET)
        expect(items.map(({ metadata }) => `${metadata.namespace} ${metadata.name}`)).toEqual([
          'a b',
          'a z',
          'a-b a',
          'b a-c',
          'b a.c',
          'b x',
        ])
      })

      it('comes in pages', async () => {
        for (let index = 0; index < 7; index++) await store.create(WIDGET, widget(`w${index}`, index))
        const names: string[] = []
        const sizes: number[] = []
        const remaining: (number | undefined)[] = []
        for (let token: string | undefined; ;) {
          const page = await store.list(WIDGET, { limit: 3, ...(token !== undefined && { continue: token }) })
          names.push(...page.items.map(({ metadata }) => metadata.name))
          sizes.push(page.items.length)
          remaining.push(page.remaining)
          token = page.continue
          if (token === undefined) break
        }
        expect(names).toEqual(['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6'])
        expect(sizes).toEqual([3, 3, 1])
        expect(remaining).toEqual([4, 1, undefined])
        expect((await store.list(WIDGET, { limit: 7 })).continue).toBeUndefined()
      })

      it('has all its pages from one moment, whatever is written between them', async () => {
        const names = Array.from({ length: 10 }, (_, index) => `w${index}`)
        for (const name of names) await store.create(WIDGET, widget(name, 0, { namespace: 'n' }))
        await store.create(WIDGET, widget('other', 0, { namespace: 'o' }))
        const whole = await store.list(WIDGET, { namespace: 'n' })
        const first = await store.list(WIDGET, { namespace: 'n', limit: 3 })
        expect(first.resourceVersion).toBe(whole.resourceVersion)

        await store.create(WIDGET, widget('w3a', 0, { namespace: 'n' }))
        await store.create(WIDGET, widget('zz', 0, { namespace: 'n' }))
        await store.delete(WIDGET, { namespace: 'n', name: 'w1' })
        await store.delete(WIDGET, { namespace: 'n', name: 'w4' })
        await store.delete(WIDGET, { namespace: 'n', name: 'w9' })
        await mutate(store, WIDGET, { namespace: 'n', name: 'w5' }, (object) => ({
          ...object,
          spec: { size: 5 },
        }))
        await mutate(store, WIDGET, { namespace: 'n', name: 'w5' }, (object) => ({
          ...object,
          spec: { size: 6 },
        }))
        await store.delete(WIDGET, { namespace: 'n', name: 'w6' })
        await store.create(WIDGET, widget('w6', 66, { namespace: 'n' }))

        const items = [...first.items]
        let page = first
        while (page.continue !== undefined) {
          const before = page.remaining!
          page = await store.list(WIDGET, { namespace: 'n', limit: 2, continue: page.continue })
          expect(page.resourceVersion).toBe(first.resourceVersion)
          expect(before - page.items.length).toBe(page.remaining ?? 0)
          items.push(...page.items)
        }
        expect(items).toEqual(whole.items)
      })

      it('refuses a continue token that is none', async () => {
        await expectCode(store.list(WIDGET, { limit: 1, continue: 'nonsense' }), 'Invalid')
      })

      it('copes with thousands of objects', async () => {
        const count = 3_000
        const order = Array.from({ length: count }, (_, index) => (index * 1_237) % count)
        await Promise.all(
          order.map((index) => store.create(WIDGET, widget(`w${String(index).padStart(5, '0')}`, index))),
        )
        for (let index = 0; index < count; index += 3) {
          await store.delete(WIDGET, { name: `w${String(index).padStart(5, '0')}` })
        }
        const { items } = await store.list(WIDGET)
        expect(items.map(({ spec }) => spec.size)).toEqual(
          Array.from({ length: count }, (_, index) => index).filter((index) => index % 3 !== 0),
        )
      })
    })

    describe('watch', () => {
      it('tells every change after a version, in order', async () => {
        const zero = await now()
        const a = await store.create(WIDGET, widget('a', 1))
        const observation = observe(WIDGET, zero)
        const b = await store.create(WIDGET, widget('b', 1))
        const a2 = await store.update(WIDGET, { ...a, spec: { size: 2 } })
        await store.delete(WIDGET, { name: 'b' })
        const events = await observation.count(4)
        expect(told(events).slice(0, 3)).toEqual([
          `ADDED a@${a.metadata.resourceVersion}`,
          `ADDED b@${b.metadata.resourceVersion}`,
          `MODIFIED a@${a2.metadata.resourceVersion}`,
        ])
        const last = events[3]!
        expect(last.type).toBe('DELETED')
        const versions = events.map((event) =>
          event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion,
        )
        for (let index = 1; index < 4; index++) {
          expect(store.isNewer(versions[index]!, versions[index - 1]!)).toBe(true)
        }

        const resumed = observe(WIDGET, b.metadata.resourceVersion)
        expect(told(await resumed.count(2))).toEqual(told(events).slice(2))
      })

      it('tells of its kind and namespace only', async () => {
        const zero = await now()
        const all = observe(WIDGET, zero)
        const one = observe(WIDGET, zero, { namespace: 'one' })
        await store.create(WIDGET, widget('a', 1, { namespace: 'one' }))
        await store.create(WIDGET, widget('b', 1, { namespace: 'two' }))
        await store.create(PLAIN, { metadata: { name: 'p', namespace: 'one' } })
        await store.create(WIDGET, widget('c', 1, { namespace: 'one' }))
        const names = (events: readonly WatchEvent[]): string[] =>
          told(events).map((line) => line.split(/[ @]/)[1]!)
        expect(names(await all.count(3))).toEqual(['a', 'b', 'c'])
        expect(names(await one.count(2))).toEqual(['a', 'c'])
      })

      it('begun at a list, with many writers at work, rebuilds the state without a gap', async () => {
        const writers = Array.from({ length: 8 }, async (_, writer) => {
          for (let round = 0; round < 25; round++) {
            const name = `w${writer}-${round % 5}`
            await ensure(store, WIDGET, widget(name, 0))
            await mutate(store, WIDGET, { name }, (object) => ({
              ...object,
              spec: { size: object.spec.size + 1 },
            }))
            await mutateStatus(store, WIDGET, { name: `w${(writer + 1) % 8}-0` }, (object) => ({
              count: (object.status?.count ?? 0) + 1,
            }))
            if (round % 7 === 3) await remove(store, WIDGET, { name })
          }
        })
        // Somewhere in the middle.
        for (let turn = 0; turn < 20; turn++) await store.get(WIDGET, { name: 'w0-0' })
        const list = await store.list(WIDGET)
        const state = new Map<string, KubeObject>(list.items.map((object) => [object.metadata.name, object]))
        const observation = observe(WIDGET, list.resourceVersion)
        await Promise.all(writers)
        const last = await store.create(WIDGET, widget('last'))
        while (!told(observation.events).includes(`ADDED last@${last.metadata.resourceVersion}`)) {
          await observation.count(observation.events.length + 1)
        }
        for (const event of observation.events) {
          if (event.type === 'BOOKMARK') continue
          const { name, resourceVersion } = event.object.metadata
          const before = state.get(name)
          if (event.type === 'ADDED') expect(before, `second ADDED of ${name}`).toBeUndefined()
          else expect(before, `${event.type} of unknown ${name}`).toBeDefined()
          if (before) expect(store.isNewer(resourceVersion, before.metadata.resourceVersion)).toBe(true)
          if (event.type === 'DELETED') state.delete(name)
          else state.set(name, event.object)
        }
        const end = await store.list(WIDGET)
        expect([...state.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))).toEqual(
          end.items,
        )
      })

      it('ends without an error when its signal aborts, also while waiting, and at once if it has', async () => {
        const observation = observe(WIDGET, await now())
        await store.create(WIDGET, widget('a'))
        await observation.count(1)
        expect(await observation.end()).toBeUndefined()
        const aborted = store.watch(WIDGET, { fromVersion: await now(), signal: AbortSignal.abort() })
        for await (const event of aborted) expect.unreachable(`an event: ${event.type}`)
      })

      it('refuses what is no version', async () => {
        const error = await observe(WIDGET, 'yesterday').failure()
        expect(error).toMatchObject({ name: 'StoreError', code: 'Invalid' })
      })

      it('from a version that history has dropped is expired; so is a list continued from there', async (context) => {
        const { historyLimit } = under
        if (historyLimit === undefined) return context.skip()
        const zero = await now()
        await store.create(WIDGET, widget('a'))
        await store.create(WIDGET, widget('b'))
        const page = await store.list(WIDGET, { limit: 1 })
        for (let size = 0; size < historyLimit; size++) {
          await mutate(store, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size: size + 10 } }))
        }
        const kept = observe(WIDGET, page.resourceVersion)
        expect(await kept.count(historyLimit)).toHaveLength(historyLimit)
        expect(await observe(WIDGET, zero).failure()).toMatchObject({ name: 'StoreError', code: 'Expired' })
        await mutate(store, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size: 1_000_000 } }))
        await expectCode(store.list(WIDGET, { limit: 1, continue: page.continue! }), 'Expired')
        // Other kinds have a history of their own.
        const other = observe(PLAIN, zero)
        await store.create(PLAIN, { metadata: { name: 'p' } })
        await other.count(1)
      })

      it('that is too slow expires while iterating', async (context) => {
        const { historyLimit } = under
        if (historyLimit === undefined) return context.skip()
        await store.create(WIDGET, widget('a'))
        const abort = new AbortController()
        const watch = store.watch(WIDGET, { fromVersion: await now(), signal: abort.signal })
        const iterator = watch[Symbol.asyncIterator]()
        await mutate(store, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size: 5 } }))
        expect((await iterator.next()).value).toMatchObject({ type: 'MODIFIED' })
        for (let size = 0; size < 2 * historyLimit + 1; size++) {
          await mutate(store, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size: size + 10 } }))
        }
        await expectCode(iterator.next(), 'Expired')
      })

      it('of an idle kind is told by bookmarks how far the store is', async (context) => {
        if (under.advance === undefined) return context.skip()
        const observation = observe(PLAIN, await now(PLAIN))
        await store.create(WIDGET, widget('a'))
        await store.create(WIDGET, widget('b'))
        await under.advance(10 * 60_000)
        const version = await now()
        expect(told(await observation.count(1))).toEqual([`BOOKMARK @${version}`])
      })
    })

    it('says of itself that it takes what is written, until it is closed', async () => {
      const version = await now()
      await store.check()
      expect(await now()).toBe(version)
      await store.close()
      await expectCode(store.check(), 'Unavailable')
    })

    describe('close', () => {
      it('is idempotent, ends watches and refuses what comes after', async () => {
        const observation = observe(WIDGET, await now())
        await store.create(WIDGET, widget('a'))
        await observation.count(1)
        await store.close()
        await store.close()
        expect(await observation.failure()).toMatchObject({ name: 'StoreError', code: 'Unavailable' })
        await expectCode(store.get(WIDGET, { name: 'a' }), 'Unavailable')
        await expectCode(store.list(WIDGET), 'Unavailable')
        await expectCode(store.create(WIDGET, widget('b')), 'Unavailable')
        await expectCode(store.delete(WIDGET, { name: 'a' }), 'Unavailable')
        expect(await observe(WIDGET, '1').failure()).toMatchObject({ code: 'Unavailable' })
      })
    })
  })
}
