/**
 * Informers: local, indexed, always current copies of the objects of a kind, or of a selection of them, that tell
 * of each change.
 *
 * An informer lists, then watches; it lists again when the watch cannot be resumed, and never gives
 * up while it is started. Its objects are frozen and shared. What it holds may lag behind the store:
 * who writes must be ready for `Conflict`.
 */
import { backOff } from './back-off.ts'
import { type KindDefinition, resourceOf } from '../objects/kind.ts'
import { type KubeObject, keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import { type ObjectSelection, selectionKey } from '../objects/object-selection.ts'
import type { Component } from './component.ts'
import type { Log } from './log.ts'
import { isStoreError, type ObjectStore } from './object-store.ts'
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

  async #run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    let version: string | undefined
    let failures = 0
    while (!signal.aborted) {
      let watchingSince: number | undefined
      // A watch that lasted was a working one, even if nothing happened: API servers end them regularly.
      const afterWatch = (): void => {
        if (watchingSince === undefined) return
        if (this.#system.clock.monotonic() - watchingSince >= LASTING_WATCH_MS) failures = 0
      }
      try {
        if (version === undefined) {
          const list = await this.#store.list(this.kind, this.#selection)
          if (signal.aborted) return
          version = list.resourceVersion
          this.#replace(list.items)
          this.#synced = true
          onSynced()
        }
        watchingSince = this.#system.clock.monotonic()
        const watch = this.#store.watch(this.kind, { ...this.#selection, fromVersion: version, signal })
        for await (const event of watch) {
          if (signal.aborted) return
          if (failures > 0) this.#log.info('the store answers again')
          failures = 0
          if (event.type === 'BOOKMARK') {
            version = event.resourceVersion
            continue
          }
          version = event.object.metadata.resourceVersion
          this.#apply(event.type === 'DELETED' ? { deleted: event.object } : { stored: event.object })
        }
        // A watch that ends without an error may be resumed, but not in a tight loop.
        afterWatch()
        if (!signal.aborted) await this.#backOff(failures++, signal)
      } catch (error) {
        if (signal.aborted) return
        afterWatch()
        if (isStoreError(error, 'Expired')) {
          version = undefined
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

  /** Makes the informer hold exactly `items`. */
  #replace(items: readonly T[]): void {
    const gone = new Map(this.list().map((object) => [keyString(keyOf(object)), object]))
    const events: InformerEvent<T>[] = []
    for (const object of items) {
      const key = keyString(keyOf(object))
      gone.delete(key)
      events.push(...this.#put(key, object))
    }
    const deletions = [...gone].flatMap(([key, object]) => this.#drop(key, object))
    this.#dispatch([...deletions, ...events])
  }

  #apply(change: { readonly stored: T } | { readonly deleted: T }): void {
    if ('stored' in change) this.#dispatch(this.#put(keyString(keyOf(change.stored)), change.stored))
    else this.#dispatch(this.#drop(keyString(keyOf(change.deleted)), change.deleted))
  }

  #put(key: string, object: T): InformerEvent<T>[] {
    const before = this.#objects.get(key)
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) return []
    this.#objects.set(key, object)
    this.#changed(before, object)
    if (before === undefined) return [{ type: 'added', object }]
    if (before.metadata.uid === object.metadata.uid) return [{ type: 'updated', object, before }]
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
