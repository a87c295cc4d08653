/**
 * A store that takes writes only while its user may act: what a process began while it led must not be written after
 * another leads. Reads always pass, so that one that waits can keep itself informed.
 *
 * It refuses what is asked for after the fence was closed. What was on its way before may still arrive: leaders stop
 * some seconds before another may begin, and writes are compare-and-swap besides.
 */
import { type ObjectStore, StoreError } from './object-store.ts'

export class Fence {
  #open = false

  get isOpen(): boolean {
    return this.#open
  }

  open(): void {
    this.#open = true
  }

  close(): void {
    this.#open = false
  }
}

/** @returns the store; its writes and `check` throw StoreError `Unavailable` while the fence is closed */
export function fencedStore(store: ObjectStore, fence: Pick<Fence, 'isOpen'>): ObjectStore {
  const passing = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!fence.isOpen) throw new StoreError('Unavailable', 'another process acts for this node')
    return work()
  }
  return {
    get: (kind, key) => store.get(kind, key),
    list: (kind, options) => store.list(kind, options),
    watch: (kind, options) => store.watch(kind, options),
    create: (kind, object, options) => passing(() => store.create(kind, object, options)),
    update: (kind, object, options) => passing(() => store.update(kind, object, options)),
    patch: (kind, key, patch, options) => passing(() => store.patch(kind, key, patch, options)),
    delete: (kind, key, options) => passing(() => store.delete(kind, key, options)),
    isNewer: (version, than) => store.isNewer(version, than),
    check: () => passing(() => store.check()),
    close: () => store.close(),
  }
}
