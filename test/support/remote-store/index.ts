/**
 * A store that is far away, as a node has it: calls take time, watches lag, objects are fresh copies, versions are
 * opaque, others write too, and an answer may be lost after the write was done. Seeded; on the clock of its System.
 *
 * It counts calls, so that a budget can be tested.
 */
import {
  type DeleteOptions,
  type ListOptions,
  type ObjectList,
  type ObjectPatch,
  type ObjectStore,
  type PatchOptions,
  StoreError,
  type UpdateOptions,
  type WatchEvent,
  type WatchOptions,
} from '../../../src/kernel/object-store.ts'
import type { OpenedStore } from '../../../src/kernel/opened-store.ts'
import { sleep, type System } from '../../../src/kernel/system.ts'
import { type KindDefinition, resourceOf } from '../../../src/objects/kind.ts'
import { keyOf, type KubeObject, type NewObject, type ObjectKey } from '../../../src/objects/meta.ts'
import { delayedEvents } from './delayed-events.ts'
import { Dice, FAR_AWAY, type RemoteFaults } from './faults.ts'
import type { RemoteServer } from './server.ts'

export { EVERYDAY_FAULTS, FAR_AWAY, type RemoteFaults } from './faults.ts'
export { type RemoteServer, startRemoteServer } from './server.ts'

export interface RemoteStoreOptions {
  readonly server: RemoteServer
  /** Its randomness decides what goes wrong. */
  readonly system: System
  readonly faults?: Partial<RemoteFaults>
}

export interface RemoteStore extends ObjectStore {
  /** How many calls there were, by `verb resource`; a list of everything of a kind is `list-all resource`. */
  readonly calls: ReadonlyMap<string, number>
  /** The same of calls that are of one object, by `verb resource name`. */
  readonly callsOn: ReadonlyMap<string, number>
  /** What goes wrong from now on. */
  setFaults(faults: Partial<RemoteFaults>): void
}

export interface OpenedRemoteStore extends OpenedStore {
  readonly store: RemoteStore
}

/** @returns a connection to a server; a server has a garbage collector, so that nothing needs to run beside it */
export function openRemoteStore(options: RemoteStoreOptions): OpenedRemoteStore {
  return {
    store: new Connection(options),
    limits: options.server.limits,
    exclusive: false,
    components: () => [],
  }
}

const RETRY_AFTER_MS = 1_000

function countOne(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

class Connection implements RemoteStore {
  readonly calls = new Map<string, number>()
  readonly callsOn = new Map<string, number>()
  readonly #server: RemoteServer
  readonly #system: System
  readonly #dice: Dice
  readonly #closed = new AbortController()
  #faults: RemoteFaults
  #touches = 0

  constructor({ server, system, faults }: RemoteStoreOptions) {
    this.#server = server
    this.#system = system
    this.#dice = new Dice(system.random)
    this.#faults = { ...FAR_AWAY, ...faults }
  }

  setFaults(faults: Partial<RemoteFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
  }

  get<T extends KubeObject>(kind: KindDefinition<T>, key: ObjectKey): Promise<T | undefined> {
    return this.#call('get', kind, key.name, async ({ store }) => {
      const found = await store.get(kind, key)
      return found && this.#outward(found)
    })
  }

  list<T extends KubeObject>(kind: KindDefinition<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const all = Object.keys(options).length === 0
    return this.#call(all ? 'list-all' : 'list', kind, undefined, async ({ store, versions }) => {
      if (options.continue !== undefined && this.#dice.happens(this.#faults.continueExpired)) {
        throw new StoreError('Expired', 'the continue token is too old')
      }
      const list = await store.list(kind, options)
      return {
        ...list,
        resourceVersion: versions.encode(list.resourceVersion),
        items: list.items.map((object) => this.#outward(object)),
      }
    })
  }

  async *watch<T extends KubeObject>(
    kind: KindDefinition<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { versions, store, historyLimit } = this.#server
    const { watchLagMs, watchExpired } = this.#faults
    if (options.signal.aborted) return
    await this.#call('watch', kind, undefined, () => {
      if (this.#dice.happens(watchExpired)) throw new StoreError('Expired', 'too old resource version')
      return Promise.resolve()
    })
    const end = new AbortController()
    const signal = AbortSignal.any([options.signal, this.#closed.signal, end.signal])
    const fromVersion = versions.decode(options.fromVersion)
    try {
      const events = delayedEvents({
        source: store.watch(kind, { ...options, fromVersion, signal }),
        clock: this.#system.clock,
        lagMs: () => this.#dice.roll() ** 3 * watchLagMs,
        limit: historyLimit,
        signal,
      })
      for await (const event of events) {
        if (this.#dice.happens(this.#faults.watchEnds)) return
        if (this.#dice.happens(this.#faults.watchExpired)) {
          throw new StoreError('Expired', 'too old resource version')
        }
        yield event.type === 'BOOKMARK'
          ? { ...event, resourceVersion: versions.encode(event.resourceVersion) }
          : { ...event, object: this.#outward(event.object) }
      }
    } finally {
      end.abort()
    }
    if (!options.signal.aborted) this.#checkOpen()
  }

  create<T extends KubeObject>(kind: KindDefinition<T>, object: NewObject<T>): Promise<T> {
    return this.#write('create', kind, keyOf(object), ({ store }) => store.create(kind, object))
  }

  update<T extends KubeObject>(kind: KindDefinition<T>, object: T, options?: UpdateOptions): Promise<T> {
    return this.#write('update', kind, keyOf(object), ({ store, versions }) => {
      const { resourceVersion } = object.metadata
      const metadata = {
        ...object.metadata,
        ...(resourceVersion && { resourceVersion: versions.decode(resourceVersion) }),
      }
      return store.update(kind, { ...object, metadata }, options)
    })
  }

  patch<T extends KubeObject>(
    kind: KindDefinition<T>,
    key: ObjectKey,
    patch: ObjectPatch<T>,
    options: PatchOptions = {},
  ): Promise<T> {
    return this.#write('patch', kind, key, ({ store }) =>
      store.patch(kind, key, patch, this.#inward(options)),
    )
  }

  delete<T extends KubeObject>(
    kind: KindDefinition<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<T> {
    return this.#write('delete', kind, key, ({ store }) => store.delete(kind, key, this.#inward(options)))
  }

  isNewer(version: string, than: string): boolean {
    const { versions, store } = this.#server
    return store.isNewer(versions.decode(version), versions.decode(than))
  }

  async check(): Promise<void> {
    this.#checkOpen()
    await this.#travel()
    this.#checkOpen()
  }

  close(): Promise<void> {
    this.#closed.abort()
    return Promise.resolve()
  }

  async #write<T extends KubeObject>(
    verb: string,
    kind: KindDefinition<T>,
    key: ObjectKey,
    work: (server: RemoteServer) => Promise<T>,
  ): Promise<T> {
    return this.#call(verb, kind, key.name, async (server) => {
      if (verb !== 'create' && this.#dice.happens(this.#faults.otherWriter)) await this.#touch(kind, key)
      const stored = await work(server)
      if (this.#dice.happens(this.#faults.answerLost)) {
        await this.#travel()
        throw new StoreError('Unavailable', 'the connection broke before the answer came')
      }
      return this.#outward(stored)
    })
  }

  /** Somebody else marks the object, as operators and their tools do. */
  async #touch(kind: KindDefinition, key: ObjectKey): Promise<void> {
    const annotations = { 'example.com/touched': String(++this.#touches) }
    await this.#server.store.patch(kind, key, { metadata: { annotations } }).catch(() => undefined)
  }

  async #call<R>(
    verb: string,
    kind: KindDefinition,
    object: string | undefined,
    work: (server: RemoteServer) => Promise<R>,
  ): Promise<R> {
    this.#checkOpen()
    const name = `${verb} ${resourceOf(kind)}`
    countOne(this.calls, name)
    if (object !== undefined) countOne(this.callsOn, `${name} ${object}`)
    const { throttled, requestLost } = this.#faults
    await this.#travel()
    this.#checkOpen()
    if (this.#dice.happens(requestLost)) throw new StoreError('Unavailable', 'the server cannot be reached')
    if (this.#dice.happens(throttled)) {
      throw new StoreError('TooManyRequests', 'too many requests', { retryAfterMs: RETRY_AFTER_MS })
    }
    const result = await work(this.#server)
    await this.#travel()
    return result
  }

  /** One way. */
  #travel(): Promise<void> {
    const [least, most] = this.#faults.latencyMs
    return sleep(this.#system.clock, this.#dice.between(least, most) / 2)
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new StoreError('Unavailable', 'the store is closed')
  }

  #inward<O extends DeleteOptions>(options: O): O {
    const { resourceVersion } = options
    if (resourceVersion === undefined) return options
    return { ...options, resourceVersion: this.#server.versions.decode(resourceVersion) }
  }

  /** @returns the object as it comes off the wire: a copy that nobody else has */
  #outward<T extends KubeObject>(object: T): T {
    const { metadata } = object
    const resourceVersion = this.#server.versions.encode(metadata.resourceVersion)
    const text = JSON.stringify({ ...object, metadata: { ...metadata, resourceVersion } })
    return JSON.parse(text, (_, value: unknown) => Object.freeze(value)) as T
  }
}
