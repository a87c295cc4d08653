/**
 * An ObjectStore over an `ObjectTable`: the memory store as it is, the sqlite store with a journal.
 *
 * With a journal, all writes of one event-loop turn are recorded together; their promises settle
 * only then, and readers see them only then. A write that was refused settles with them too:
 * it was judged against neighbours that may yet fail. Deferrable writes join the next turn that has
 * others, or are recorded by themselves after a moment.
 */
import { setImmediate } from 'node:timers'
import { type ObjectStore, StoreError, type WriteOptions } from '../kernel/object-store.ts'
import type { OpenedStore } from '../kernel/opened-store.ts'
import type { Clock, Timer } from '../kernel/system.ts'
import type { KubeObject } from '../objects/meta.ts'
import { GarbageCollector } from './garbage-collector.ts'
import type { ObjectTable, StagedChange } from './object-table.ts'

/** How long a deferrable write waits for others, in milliseconds. */
const DEFER_MS = 5

/** Makes changes durable. Synchronous: when `record` returns, they are. */
export interface Journal {
  /** All or nothing. @throws StoreError when they could not be recorded; the journal stays usable */
  record(changes: readonly StagedChange[]): void
  /** @throws StoreError when changes could not be recorded now */
  check(): void
  close(): void
}

/** A journal, and the clock that says how long deferrable writes wait for it. */
export interface Journaling {
  readonly journal: Journal
  readonly clock: Clock
}

/** @returns the store of a table, with its garbage collector: a table has none. */
export function openTableStore(table: ObjectTable, journaling?: Journaling): OpenedStore {
  return {
    store: createTableStore(table, journaling),
    limits: { objectBytes: table.objectBytes },
    // In this process, or in a file that is locked.
    exclusive: true,
    components: (parts) => [new GarbageCollector(parts)],
  }
}

function createTableStore(table: ObjectTable, journaling?: Journaling): ObjectStore {
  const { journal } = journaling ?? {}
  let closed = false
  let isFlushing = false
  let deferred: Timer | undefined
  let settlements: ((failure: unknown) => void)[] = []

  const flush = (): void => {
    isFlushing = false
    deferred?.cancel()
    deferred = undefined
    const waiting = settlements
    if (waiting.length === 0) return
    settlements = []
    let failure: unknown
    try {
      if (table.staged.length > 0) journal?.record(table.staged)
      table.commit()
    } catch (error) {
      table.rollback()
      failure = error
    }
    for (const settle of waiting) settle(failure)
  }

  const checkOpen = (): void => {
    if (closed) throw new StoreError('Unavailable', 'the store is closed')
  }

  /** Decides the write now, in the order of calls, and settles it when it is durable. */
  const write = async <T extends KubeObject>(
    stage: () => KubeObject,
    { deferrable = false }: WriteOptions = {},
  ): Promise<T> => {
    checkOpen()
    if (journaling === undefined) {
      const object = stage()
      table.commit()
      return object as T
    }
    return new Promise<T>((resolve, reject) => {
      let settle: () => void
      try {
        const object = stage()
        settle = () => resolve(object as T)
      } catch (error) {
        settle = () => reject(error as Error)
      }
      if (table.staged.length === 0) {
        settle()
        return
      }
      if (deferrable) deferred ??= journaling.clock.after(DEFER_MS, flush)
      else if (!isFlushing) {
        isFlushing = true
        setImmediate(flush)
      }
      settlements.push((failure) => (failure === undefined ? settle() : reject(failure as Error)))
    })
  }

  return {
    async get<T extends KubeObject>(
      kind: Parameters<ObjectStore['get']>[0],
      key: Parameters<ObjectStore['get']>[1],
    ) {
      checkOpen()
      return table.get(kind, key) as T | undefined
    },
    async list(kind, options) {
      checkOpen()
      return table.list(kind, options) as never
    },
    watch: (kind, options) => table.watch(kind, options) as never,
    create: (kind, object, options) => write(() => table.stageCreate(kind, object), options),
    update: (kind, object, options) =>
      write(() => table.stageUpdate(kind, object, options?.subresource), options),
    patch: (kind, key, patch, options) => write(() => table.stagePatch(kind, key, patch, options), options),
    delete: (kind, key, options) => write(() => table.stageDelete(kind, key, options), options),
    isNewer: (version, than) => table.isNewer(version, than),
    async check() {
      checkOpen()
      journal?.check()
    },
    async close() {
      if (closed) return
      closed = true
      flush()
      table.close()
      journal?.close()
    },
  }
}
