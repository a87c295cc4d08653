/**
 * Changes an object that was just read: one call as long as nobody wrote in between, and read again when somebody did.
 *
 * For reconcilers, which have read their object anyway. `mutate` of the store port reads it first, for those who
 * have only its key.
 */
import type { KindDefinition } from '../../objects/kind.ts'
import { keyOf, type KubeObject } from '../../objects/meta.ts'
import { isStoreError, type ObjectStore, type UpdateOptions, type WriteOptions } from '../object-store.ts'

/**
 * @param known as it was read; it may be out of date
 * @param change returns the object as it shall be; the very same, or undefined, to leave it as it is. May run several times
 * @returns the object as it is stored; undefined when it is gone, or was replaced by another of its name
 * @throws StoreError other than `Conflict` and `NotFound`; whatever `change` throws
 */
export async function amend<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  known: T,
  change: (object: T) => T | undefined,
  options?: UpdateOptions,
): Promise<T | undefined> {
  for (let object: T | undefined = known; object?.metadata.uid === known.metadata.uid;) {
    const wanted = change(object)
    if (wanted === undefined || wanted === object) return object
    try {
      return await store.update(kind, wanted, options)
    } catch (error) {
      if (isStoreError(error, 'NotFound')) return undefined
      if (!isStoreError(error, 'Conflict')) throw error
    }
    object = await store.get(kind, keyOf(known))
  }
  return undefined
}

/** Sets the status of an object that was just read; see `amend`. */
export function amendStatus<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  known: T,
  change: (object: T) => T['status'] | undefined,
  options?: WriteOptions,
): Promise<T | undefined> {
  return amend(
    store,
    kind,
    known,
    (object) => {
      const status = change(object)
      return status === undefined || status === object.status ? undefined : { ...object, status }
    },
    { ...options, subresource: 'status' },
  )
}
