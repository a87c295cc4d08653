/**
 * Waits as long as a store asks for when it has too many requests, and calls again: the one place where that is done.
 * Such a call was refused unread, so that trying again does no harm. For stores that may say so; whoever opens one
 * puts this around it.
 */
import { isStoreError, type ObjectStore } from './object-store.ts'
import { type Clock, sleep } from './system.ts'

/** As many as Kubernetes' own client makes. */
const ATTEMPTS = 10
/** Where the store gives no hint. */
const DEFAULT_RETRY_MS = 1_000

/** @returns the store; it throws `TooManyRequests` only after ten attempts */
export function retryThrottled(store: ObjectStore, clock: Clock): ObjectStore {
  const retrying = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isStoreError(error, 'TooManyRequests') || attempt === ATTEMPTS) throw error
        await sleep(clock, error.retryAfterMs ?? DEFAULT_RETRY_MS)
      }
    }
  }
  return {
    get: (kind, key) => retrying(() => store.get(kind, key)),
    list: (kind, options) => retrying(() => store.list(kind, options)),
    async *watch(kind, options) {
      for (let attempt = 1; ; attempt++) {
        let begun = false
        try {
          for await (const event of store.watch(kind, options)) {
            begun = true
            yield event
          }
          return
        } catch (error) {
          // Once it has begun, only its reader knows from where to go on.
          if (begun || !isStoreError(error, 'TooManyRequests') || attempt === ATTEMPTS) throw error
          await sleep(clock, error.retryAfterMs ?? DEFAULT_RETRY_MS, options.signal).catch(() => undefined)
          if (options.signal.aborted) return
        }
      }
    },
    create: (kind, object, options) => retrying(() => store.create(kind, object, options)),
    update: (kind, object, options) => retrying(() => store.update(kind, object, options)),
    patch: (kind, key, patch, options) => retrying(() => store.patch(kind, key, patch, options)),
    delete: (kind, key, options) => retrying(() => store.delete(kind, key, options)),
    isNewer: (version, than) => store.isNewer(version, than),
    check: () => retrying(() => store.check()),
    close: () => store.close(),
  }
}
