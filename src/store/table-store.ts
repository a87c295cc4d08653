/**
 * An ObjectStore over an `ObjectTable`: the memory store as it is, the sqlite store with a journal.
 *
 * With a journal, all writes of one event-loop turn are recorded together; their promises settle
 * only then, and readers see them only then. A write that was refused settles with them too:
 * it was judged against neighbours that may yet fail.
 */
import { setImmediate } from 'node:timers'
import { type ObjectStore, StoreError } from '../kernel/object-store.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { ObjectTable, StagedChange } from './object-table.ts'

/** Makes changes durable. Synchronous: when `record` returns, they are. */
export interface Journal {
  /** All or nothing. @throws StoreError when they could not be recorded; the journal stays usable */
  record(changes: readonly StagedChange[]): void
  close(): void
}

export function createTableStore(table: ObjectTable, journal?: Journal): ObjectStore {
  let closed = false
  let settlements: ((failure: unknown) => void)[] = []

  const flush = (): void => {
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
  const write = async <T extends KubeObject>(stage: () => KubeObject): Promise<T> => {
    checkOpen()
    if (journal === undefined) {
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
      if (settlements.length === 0) setImmediate(flush)
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
    create: (kind, object) => write(() => table.stageCreate(kind, object)),
    update: (kind, object, options) => write(() => table.stageUpdate(kind, object, options?.subresource)),
    delete: (kind, key, options) => write(() => table.stageDelete(kind, key, options)),
    async close() {
      if (closed) return
      closed = true
      flush()
      table.close()
      journal?.close()
    },
  }
}
