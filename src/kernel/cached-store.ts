/**
 * The store as components have it: what an informer of the whole kind holds is read there, without a call. A store that
 * is far away is asked for what nobody watches, and where the informer is known to be behind.
 *
 * Whoever reads sees what this process wrote before, because each write is told to the informer as it is answered. What
 * others wrote may come later; who decides on it writes by compare-and-swap, and is refused. After a refused write, or
 * one whose answer was lost, the next read of that object asks the store. Lists always ask it.
 */
import { type KindDefinition, resourceOf } from '../objects/kind.ts'
import { DEFAULT_NAMESPACE, keyOf, keyString, type KubeObject, type ObjectKey } from '../objects/meta.ts'
import type { Informer, Informers } from './informer.ts'
import { isStoreError, type ObjectStore } from './object-store.ts'

/**
 * @param store what is read and written where the informers do not know
 * @param informers of the same store
 */
export function cachedReads(store: ObjectStore, informers: Pick<Informers, 'known'>): ObjectStore {
  /** Objects that the store may hold otherwise than the informer says. */
  const doubtful = new Set<string>()
  // Who names no namespace means the default one, as stores have it.
  const placeOf = (kind: KindDefinition, { namespace, name }: ObjectKey): ObjectKey =>
    kind.namespaced ? { namespace: namespace || DEFAULT_NAMESPACE, name } : { name }
  const idOf = (kind: KindDefinition, key: ObjectKey): string =>
    `${resourceOf(kind)} ${keyString(placeOf(kind, key))}`
  const informerOf = <T extends KubeObject>(kind: KindDefinition<T>): Informer<T> | undefined => {
    const informer = informers.known(kind)
    return informer?.synced === true ? informer : undefined
  }
  const writing = async <T extends KubeObject>(
    kind: KindDefinition<T>,
    key: ObjectKey,
    write: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await write()
    } catch (error) {
      // Refused unread, or for what it is, it says nothing of what is stored.
      if (!isStoreError(error, 'Invalid', 'TooLarge', 'TooManyRequests')) doubtful.add(idOf(kind, key))
      throw error
    }
  }
  const learning = async <T extends KubeObject>(
    kind: KindDefinition<T>,
    key: ObjectKey,
    write: () => Promise<T>,
  ): Promise<T> => {
    const stored = await writing(kind, key, write)
    informerOf(kind)?.learn(stored)
    return stored
  }
  return {
    async get(kind, key) {
      const informer = informerOf(kind)
      const id = idOf(kind, key)
      if (informer !== undefined && !doubtful.has(id)) return informer.get(placeOf(kind, key))
      const before = informer?.get(placeOf(kind, key))
      const found = await store.get(kind, key)
      doubtful.delete(id)
      if (found !== undefined) informer?.learn(found)
      // What came to be while the store was asked is not what it was asked about.
      else if (before !== undefined) informer?.learnRemoved(before)
      return found
    },
    list: (kind, options) => store.list(kind, options),
    watch: (kind, options) => store.watch(kind, options),
    create: (kind, object, options) =>
      learning(kind, object.metadata, () => store.create(kind, object, options)),
    update: (kind, object, options) =>
      learning(kind, keyOf(object), () => store.update(kind, object, options)),
    patch: (kind, key, patch, options) => learning(kind, key, () => store.patch(kind, key, patch, options)),
    async delete(kind, key, options) {
      const last = await writing(kind, key, () => store.delete(kind, key, options))
      const { finalizers = [] } = last.metadata
      if (finalizers.length === 0) informerOf(kind)?.learnRemoved(last)
      else informerOf(kind)?.learn(last)
      return last
    },
    isNewer: (version, than) => store.isNewer(version, than),
    check: () => store.check(),
    close: () => store.close(),
  }
}
