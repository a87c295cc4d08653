/**
 * One life of a node on a store that outlives it: after its death nothing reaches the store any more, as when
 * the process was killed; the next life is another view of the same store.
 */
import { StoreError, type ObjectStore } from '../../src/kernel/object-store.ts'

export interface MortalStore extends ObjectStore {
  /** Refuses everything from now on. */
  die(): void
  /**
   * Dies right after so many more writes.
   * @param onDeath called at that moment
   */
  dieAfter(writes: number, onDeath: () => void): void
  /** How many writes there were in this life. */
  readonly writes: number
}

export function mortalStore(store: ObjectStore): MortalStore {
  const death = new AbortController()
  let writes = 0
  let left = Infinity
  let onDeath = (): void => undefined
  const check = (): void => {
    if (death.signal.aborted) throw new StoreError('Unavailable', 'the process was killed')
  }
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    check()
    writes++
    const last = --left <= 0
    const done = work()
    // The write is durable; that it was, the process does not live to see.
    if (last) {
      death.abort()
      onDeath()
    }
    const result = await done
    check()
    return result
  }
  const read = async <T>(work: () => Promise<T>): Promise<T> => {
    check()
    const result = await work()
    check()
    return result
  }
  return {
    get: (kind, key) => read(() => store.get(kind, key)),
    list: (kind, options) => read(() => store.list(kind, options)),
    async *watch(kind, options) {
      check()
      const signal = AbortSignal.any([options.signal, death.signal])
      for await (const event of store.watch(kind, { ...options, signal })) {
        check()
        yield event
      }
      if (!options.signal.aborted) check()
    },
    create: (kind, object, options) => write(() => store.create(kind, object, options)),
    update: (kind, object, options) => write(() => store.update(kind, object, options)),
    patch: (kind, key, patch, options) => write(() => store.patch(kind, key, patch, options)),
    delete: (kind, key, options) => write(() => store.delete(kind, key, options)),
    isNewer: (version, than) => store.isNewer(version, than),
    check: () => read(() => store.check()),
    close: () => Promise.resolve(),
    die: () => death.abort(),
    dieAfter(count, then) {
      left = count
      onDeath = then
    },
    get writes() {
      return writes
    },
  }
}
