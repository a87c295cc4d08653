/**
 * Informers: local, indexed, always current copies of the objects of a kind, or of a selection of them, that tell
 * of each change.
 *
 * An informer lists, then watches; it lists again when the watch cannot be resumed, and never gives
 * up while it is started. Its objects are frozen and shared. What it holds may lag behind what others write: who
 * writes must be ready for `Conflict`. What is written through `cachedReads` of this process it knows at once.
 */
import { backOff } from './back-off.ts'
import { type KindDefinition, resourceOf } from '../objects/kind.ts'
import { type KubeObject, keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import { type ObjectSelection, selectionKey } from '../objects/object-selection.ts'
import type { Component } from './component.ts'
import type { Log } from './log.ts'
import { isStoreError, type ObjectStore, type WatchOptions } from './object-store.ts'
import { SortedMap } from './sorted-map.ts'
import { sleep, type System } from './system.ts'

/** One change, in the order of the store. `before` is what the informer had until now. */
export type InformerEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'added'; readonly object: T; readonly before?: undefined }
  | { readonly type: 'updated'; readonly object: T; readonly before: T }
  /** `object` is the last state, as far as it is known. */
  | { readonly type: 'deleted'; readonly object: T; readonly before?: T }

export type InformerHandler<T extends KubeObject> = (event: InformerEvent<T>) => void

export interface InformerOptions<T extends KubeObject> {
  readonly store: ObjectStore
  readonly kind: KindDefinition<T>
  /** What it holds; everything of the kind unless given. */
  readonly selection?: ObjectSelection
  readonly system: System
  readonly log: Log
}

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[]
  readonly objects: Map<string, Map<string, T>>
}

const FIRST_BACK_OFF_MS = 100
const LONGEST_BACK_OFF_MS = 30_000
const LASTING_WATCH_MS = 10_000

export class Informer<T extends KubeObject = KubeObject> implements Component {
  readonly kind: KindDefinition<T>
  readonly #selection: ObjectSelection
  readonly #store: ObjectStore
  readonly #system: System
  readonly #log: Log
  readonly #objects = new SortedMap<T>()
  readonly #indexes = new Map<string, Index<T>>()
  readonly #handlers = new Set<InformerHandler<T>>()
  /** The uids of what this process removed, until the watch tells so too: nothing that comes late brings them back. */
  readonly #removed = new Set<string>()
  /** Up to where the store was listed or watched. */
  #version: string | undefined
  #listed: readonly T[] | undefined
  #running:
    | { readonly abort: AbortController; readonly synced: Promise<void>; readonly done: Promise<void> }
    | undefined
  #synced = false

  constructor({ store, kind, selection = {}, system, log }: InformerOptions<T>) {
    this.kind = kind
    this.#selection = selection
    this.#store = store
    this.#system = system
    const selected = selectionKey(selection)
    this.#log = log.child({ informer: resourceOf(kind), ...(selected === '' ? {} : { selected }) })
  }

  /** Whether the first list has come in since the last start. */
  get synced(): boolean {
    return this.#synced
  }

  /** Resolves when all objects are here (or the informer is stopped before). Never rejects. */
  start(): Promise<void> {
    if (this.#running === undefined) {
      const abort = new AbortController()
      const { promise: synced, resolve } = Promise.withResolvers<void>()
      const done = this.#run(abort.signal, resolve).finally(resolve)
      this.#running = { abort, synced, done }
    }
    return this.#running.synced
  }

  /** What was learnt stays readable; no event comes after this resolves. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.abort.abort()
    await running.done
    if (this.#running === running) {
      this.#running = undefined
      this.#synced = false
    }
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyString(this.kind.namespaced ? key : { name: key.name }))
  }

  /** @returns all objects, in the order of their keys; the same array until something changes */
  list(): readonly T[] {
    if (this.#listed === undefined) {
      const objects: T[] = []
      this.#objects.visit('', undefined, ({ value }) => {
        objects.push(value)
        return true
      })
      this.#listed = Object.freeze(objects)
    }
    return this.#listed
  }

  /**
   * Makes `byIndex(name, …)` answer; the same name again replaces the index.
   * @param valuesOf under which values an object is found; must depend on the object only
   */
  addIndex(name: string, valuesOf: (object: T) => readonly string[]): void {
    const index: Index<T> = { valuesOf, objects: new Map() }
    this.#indexes.set(name, index)
    for (const object of this.list()) this.#indexObject(name, index, undefined, object)
  }

  /** @throws Error when there is no such index */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new Error(`informer of ${resourceOf(this.kind)} has no index "${name}"`)
    return [...(index.objects.get(value)?.values() ?? [])]
  }

  /**
   * @param handler is told `added` of everything that is here before this returns, then of each change;
   *   what it throws is logged and keeps nobody else from being told
   * @returns ends it
   */
  onChange(handler: InformerHandler<T>): () => void {
    // A wrapper of its own, so that the same function may be registered twice.
    const registered: InformerHandler<T> = (event) => handler(event)
    this.#handlers.add(registered)
    for (const object of this.list()) this.#tell(registered, { type: 'added', object })
    return () => {
      this.#handlers.delete(registered)
    }
  }

  /**
   * Takes what this process learnt before the watch tells: what it wrote itself, or read directly. What is older than
   * what is here changes nothing. For informers of a whole kind.
   */
  learn(object: T): void {
    const { deletionTimestamp, finalizers = [], resourceVersion } = object.metadata
    // An answer that was slower than the watch is no news: the object may be gone since.
    if (!this.#synced) return
    if (this.#version !== undefined && !this.#isNewer(resourceVersion, this.#version)) return
    // Without its last finalizer it is gone.
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.learnRemoved(object)
    else this.#apply({ stored: object })
  }

  /** Takes, before the watch tells, that this very object is there no more. */
  learnRemoved(object: T): void {
    if (!this.#synced) return
    const { uid } = object.metadata
    const key = keyString(keyOf(object))
    // What the watch has told already it does not tell again.
    if (this.#objects.get(key)?.metadata.uid !== uid) return
    this.#removed.add(uid)
    this.#dispatch(this.#drop(key, object))
  }

  async #run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    this.#version = undefined
    let failures = 0
    while (!signal.aborted) {
      let watchingSince: number | undefined
      // A watch that lasted was a working one, even if nothing happened: API servers end them regularly.
      const afterWatch = (): void => {
        if (watchingSince === undefined) return
        if (this.#system.clock.monotonic() - watchingSince >= LASTING_WATCH_MS) failures = 0
      }
      try {
        if (this.#version === undefined) {
          const list = await this.#store.list(this.kind, this.#selection)
          if (signal.aborted) return
          this.#version = list.resourceVersion
          this.#replace(list.items, list.resourceVersion)
          this.#synced = true
          onSynced()
        }
        watchingSince = this.#system.clock.monotonic()
        const options: WatchOptions = { ...this.#selection, fromVersion: this.#version, signal }
        const watch = this.#store.watch(this.kind, options)
        for await (const event of watch) {
          if (signal.aborted) return
          if (failures > 0) this.#log.info('the store answers again')
          failures = 0
          if (event.type === 'BOOKMARK') {
            this.#version = event.resourceVersion
            continue
          }
          this.#version = event.object.metadata.resourceVersion
          this.#apply(event.type === 'DELETED' ? { deleted: event.object } : { stored: event.object })
        }
        // A watch that ends without an error may be resumed, but not in a tight loop.
        afterWatch()
        if (!signal.aborted) await this.#backOff(failures++, signal)
      } catch (error) {
        if (signal.aborted) return
        afterWatch()
        if (isStoreError(error, 'Expired')) {
          this.#version = undefined
          this.#log.debug({ err: error }, 'watch expired: listing again')
          // The first time at once; a store that expires what it just listed must not be hammered.
          if (failures++ > 0) await this.#backOff(failures, signal)
        } else {
          this.#log[failures === 0 ? 'warn' : 'debug'](
            { err: error },
            'the store does not answer: will try again',
          )
          await this.#backOff(failures++, signal)
        }
      }
    }
  }

  async #backOff(failures: number, signal: AbortSignal): Promise<void> {
    const delay = backOff(failures, FIRST_BACK_OFF_MS, LONGEST_BACK_OFF_MS)
    try {
      await sleep(this.#system.clock, delay, signal)
    } catch {
      // Stopped: the caller sees it in the signal.
    }
  }

  /** Makes the informer hold `items`, as of `version`, and what it learnt that is newer. */
  #replace(items: readonly T[], version: string): void {
    const gone = new Map(this.list().map((object) => [keyString(keyOf(object)), object]))
    const events: InformerEvent<T>[] = []
    const listed = new Set<string>()
    for (const object of items) {
      const key = keyString(keyOf(object))
      gone.delete(key)
      listed.add(object.metadata.uid)
      events.push(...this.#put(key, object))
    }
    for (const uid of this.#removed) if (!listed.has(uid)) this.#removed.delete(uid)
    const deletions = [...gone].flatMap(([key, object]) =>
      this.#isNewer(object.metadata.resourceVersion, version) ? [] : this.#drop(key, object),
    )
    this.#dispatch([...deletions, ...events])
  }

  #apply(change: { readonly stored: T } | { readonly deleted: T }): void {
    if ('stored' in change) {
      this.#dispatch(this.#put(keyString(keyOf(change.stored)), change.stored))
      return
    }
    const { deleted } = change
    this.#removed.delete(deleted.metadata.uid)
    const key = keyString(keyOf(deleted))
    const { uid, resourceVersion } = this.#objects.get(key)?.metadata ?? deleted.metadata
    // Another of its name, which this process learnt of before the watch told of the end of this one.
    if (uid !== deleted.metadata.uid && this.#isNewer(resourceVersion, deleted.metadata.resourceVersion))
      return
    this.#dispatch(this.#drop(key, deleted))
  }

  /** @returns what is to be told; nothing of what is older than what is here */
  #put(key: string, object: T): InformerEvent<T>[] {
    const before = this.#objects.get(key)
    const { uid, resourceVersion } = object.metadata
    if (before?.metadata.resourceVersion === resourceVersion || this.#removed.has(uid)) return []
    if (before !== undefined && this.#isNewer(before.metadata.resourceVersion, resourceVersion)) return []
    this.#objects.set(key, object)
    this.#changed(before, object)
    if (before === undefined) return [{ type: 'added', object }]
    if (before.metadata.uid === uid) return [{ type: 'updated', object, before }]
    // Another object of the same name: the end of the first one must not go unnoticed.
    return [
      { type: 'deleted', object: before, before },
      { type: 'added', object },
    ]
  }

  #drop(key: string, object: T): InformerEvent<T>[] {
    const before = this.#objects.get(key)
    if (before === undefined) return []
    this.#objects.delete(key)
    this.#changed(before, undefined)
    return [{ type: 'deleted', object, before }]
  }

  #isNewer(version: string, than: string): boolean {
    return this.#store.isNewer(version, than)
  }

  #changed(before: T | undefined, after: T | undefined): void {
    this.#listed = undefined
    for (const [name, index] of this.#indexes) this.#indexObject(name, index, before, after)
  }

  #indexObject(name: string, index: Index<T>, before: T | undefined, after: T | undefined): void {
    const key = keyString(keyOf((after ?? before)!))
    for (const value of before === undefined ? [] : this.#valuesOf(name, index, before)) {
      const objects = index.objects.get(value)
      objects?.delete(key)
      if (objects?.size === 0) index.objects.delete(value)
    }
    for (const value of after === undefined ? [] : this.#valuesOf(name, index, after)) {
      let objects = index.objects.get(value)
      if (objects === undefined) index.objects.set(value, (objects = new Map<string, T>()))
      objects.set(key, after!)
    }
  }

  #valuesOf(name: string, index: Index<T>, object: T): readonly string[] {
    try {
      return index.valuesOf(object)
    } catch (error) {
      this.#log.error({ err: error, index: name, key: keyString(keyOf(object)) }, 'index function failed')
      return []
    }
  }

  #dispatch(events: readonly InformerEvent<T>[]): void {
    // Who registers meanwhile has been told of the state after these events.
    const handlers = [...this.#handlers]
    for (const event of events) {
      for (const handler of handlers) if (this.#handlers.has(handler)) this.#tell(handler, event)
    }
  }

  #tell(handler: InformerHandler<T>, event: InformerEvent<T>): void {
    try {
      handler(event)
    } catch (error) {
      const key = keyString(keyOf(event.object))
      this.#log.error({ err: error, event: event.type, key }, 'informer handler failed')
    }
  }
}

/** One shared informer for each kind, and each selection of a kind, that somebody asks for. */
export class Informers implements Component {
  readonly #options: Omit<InformerOptions<KubeObject>, 'kind' | 'selection'>
  readonly #informers = new Map<string, Informer>()
  #started = false

  constructor(options: Omit<InformerOptions<KubeObject>, 'kind' | 'selection'>) {
    this.#options = options
  }

  /**
   * @param selection what it holds; everything of the kind unless given. Those who say the same share one informer
   * @returns the informer of `kind`; once all are started it starts by itself, and `start` tells when it is synced
   */
  of<T extends KubeObject>(kind: KindDefinition<T>, selection: ObjectSelection = {}): Informer<T> {
    const id = `${resourceOf(kind)} ${selectionKey(selection)}`
    let informer = this.#informers.get(id)
    if (informer === undefined) {
      informer = new Informer({ ...this.#options, kind: kind as KindDefinition, selection })
      this.#informers.set(id, informer)
      if (this.#started) void informer.start()
    }
    // The kind's definition carries the type of what its collection holds.
    return informer as unknown as Informer<T>
  }

  /** @returns the informer of the whole kind, if somebody asked for one */
  known<T extends KubeObject>(kind: KindDefinition<T>): Informer<T> | undefined {
    return this.#informers.get(`${resourceOf(kind)} `) as unknown as Informer<T> | undefined
  }

  /** Resolves when all that were asked for are synced. */
  async start(): Promise<void> {
    this.#started = true
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.start()))
  }

  async stop(): Promise<void> {
    this.#started = false
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.stop()))
  }
}
