/**
 * Finalizers: what a controller puts on an object so that it does not vanish before the controller has cleaned up.
 *
 * The list is shared: every controller has its own entry in it, and others write it at the same time. So it is
 * changed by compare-and-swap on the object that was read, which is one call as long as nobody comes between.
 * For controllers; whoever creates an object may put its finalizer into `metadata.finalizers` at once.
 */
import type { KindDefinition } from '../../objects/kind.ts'
import type { KubeObject } from '../../objects/meta.ts'
import type { ObjectStore, WriteOptions } from '../object-store.ts'
import { amend } from './amend.ts'

/** @returns whether `finalizer` holds the object */
export function hasFinalizer({ metadata }: KubeObject, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true
}

/** @returns the object with `finalizer`; the very same when it has it already */
export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  return hasFinalizer(object, finalizer)
    ? object
    : withFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer])
}

/** @returns the object without `finalizer`; the very same when it has none of that name */
export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  return hasFinalizer(object, finalizer)
    ? withFinalizers(
        object,
        object.metadata.finalizers!.filter((one) => one !== finalizer),
      )
    : object
}

/**
 * Makes `finalizer` hold the object, before anything is done for it that must be undone.
 * @param object as it was read; it may be out of date
 * @returns the object as it is stored, with the finalizer; undefined when it is gone, was replaced by another of
 *   its name or is on its way out, so that nothing may be begun for it any more
 * @throws StoreError other than `Conflict` and `NotFound`
 */
export async function ensureFinalizer<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  object: T,
  finalizer: string,
  options?: WriteOptions,
): Promise<T | undefined> {
  const stored = await amend(
    store,
    kind,
    object,
    (each) => (each.metadata.deletionTimestamp === undefined ? withFinalizer(each, finalizer) : undefined),
    options,
  )
  return stored && hasFinalizer(stored, finalizer) ? stored : undefined
}

/**
 * Lets the object go: all that was done for it is undone. An object that is being deleted vanishes with its last
 * finalizer. Does nothing when the object is gone or was replaced by another of its name.
 * @param object as it was read; it may be out of date
 * @throws StoreError other than `Conflict` and `NotFound`
 */
export async function removeFinalizer<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  object: T,
  finalizer: string,
  options?: WriteOptions,
): Promise<void> {
  await amend(store, kind, object, (each) => withoutFinalizer(each, finalizer), options)
}

function withFinalizers<T extends KubeObject>(object: T, finalizers: readonly string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } }
}
