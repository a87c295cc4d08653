/**
 * The ObjectStore port: where durable objects live.
 *
 * The semantics are those of the Kubernetes API, so that an API server can be one of the
 * implementations. `test/conformance/object-store.ts` is run against every one of them.
 *
 * What may be relied on: objects that come out of a store are frozen; writes are compare-and-swap; a list is of one
 * moment; a watch from its version misses nothing and keeps the order.
 * What may not, for a store may be far away, and others may write to it:
 * - Objects may be fresh copies each time. Nobody may compare them, or parts of them, by identity.
 * - Versions are opaque: they are equal or not, and `isNewer` says which came first.
 * - Calls take time, and watches lag behind the writes that they tell of.
 * - A write that failed with `Unavailable` may have taken effect: only its answer was lost. Whoever tries again
 *   must be ready to find that it did.
 */
import type { KindDefinition } from '../objects/kind.ts'
import type { KubeObject, MetadataInput, NewObject, ObjectKey } from '../objects/meta.ts'
import type { ObjectSelection } from '../objects/object-selection.ts'
import type { MergePatch } from './merge-patch.ts'

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing happened up to this version: a place to resume from. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

export interface ObjectList<T extends KubeObject> {
  /** Watch from here to miss nothing. */
  readonly resourceVersion: string
  /** In the order of namespace, then name. */
  readonly items: readonly T[]
  /** Present when `limit` cut the list: pass it to get the rest. */
  readonly continue?: string
  /** How many items are left behind `continue`; absent where that is not known, as with a selection. */
  readonly remaining?: number
}

export interface ListOptions extends ObjectSelection {
  readonly limit?: number
  /** With the same selection as the list that it came from. */
  readonly continue?: string
}

export interface WatchOptions extends ObjectSelection {
  /** Events after this version. `StoreError('Expired')` when history no longer reaches back so far. */
  readonly fromVersion: string
  /** Ends the iteration. */
  readonly signal: AbortSignal
}

export interface WriteOptions {
  /**
   * Nobody waits for this write: the store may let it wait a few milliseconds for others that it can make durable
   * together with it. It is durable when it resolves, as every write; others, and readers, see it no earlier.
   */
  readonly deferrable?: boolean
}

export interface UpdateOptions extends WriteOptions {
  readonly subresource?: 'status'
}

/** What must still be so of the object that is stored; `Conflict` where it is not. */
export interface Preconditions {
  /** It is this very object, and no other that was made under its name since. */
  readonly uid?: string
  /** Nobody has written it since. */
  readonly resourceVersion?: string
}

export interface DeleteOptions extends WriteOptions, Preconditions {}

export interface PatchOptions extends UpdateOptions, Preconditions {}

/** JSON merge patch (RFC 7396) of an object: what only the store may set is left as it is, whatever the patch says. */
export type ObjectPatch<T extends KubeObject> = MergePatch<Omit<T, 'metadata' | 'apiVersion' | 'kind'>> & {
  readonly metadata?: MergePatch<Omit<MetadataInput, 'name' | 'namespace'>>
}

export interface ObjectStore {
  /** @returns the object, or undefined when there is none. */
  get<T extends KubeObject>(kind: KindDefinition<T>, key: ObjectKey): Promise<T | undefined>

  /** @throws StoreError `Invalid`: a field that the kind cannot be selected by, a `continue` of another store */
  list<T extends KubeObject>(kind: KindDefinition<T>, options?: ListOptions): Promise<ObjectList<T>>

  /**
   * Every change after `fromVersion`, in order, without a gap. Of a selection: an object that begins to be
   * selected is told as ADDED, one that no longer is as DELETED (with its last state that was selected).
   * @throws StoreError `Expired` (HTTP 410) at once or while iterating, if history was dropped: list again.
   */
  watch<T extends KubeObject>(kind: KindDefinition<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>

  /**
   * Resolves when the object is durable.
   * @throws StoreError `AlreadyExists`, `TooLarge`
   */
  create<T extends KubeObject>(
    kind: KindDefinition<T>,
    object: NewObject<T>,
    options?: WriteOptions,
  ): Promise<T>

  /**
   * Replaces metadata and spec (`status` is kept), or, with `subresource: 'status'`, the status alone.
   * An update that changes nothing returns the stored object: no new version, no event.
   * Removing the last finalizer of an object that is being deleted removes the object.
   * `metadata.resourceVersion` must be the stored one.
   * @throws StoreError `NotFound`, `Conflict`, `TooLarge`
   */
  update<T extends KubeObject>(kind: KindDefinition<T>, object: T, options?: UpdateOptions): Promise<T>

  /**
   * Merges `patch` into what is stored: metadata and the rest (but `status`, where the kind has the subresource)
   * or, with `subresource: 'status'`, the status alone. One call that needs no read before; for fields that
   * nobody else writes. As with `update`, one that changes nothing makes no version, and removing the last finalizer
   * of an object that is being deleted removes it.
   * @throws StoreError `NotFound`, `Conflict` (a precondition does not hold), `TooLarge`
   */
  patch<T extends KubeObject>(
    kind: KindDefinition<T>,
    key: ObjectKey,
    patch: ObjectPatch<T>,
    options?: PatchOptions,
  ): Promise<T>

  /**
   * Removes the object or, while it has finalizers, marks it with a `deletionTimestamp`.
   * Objects that name it as an owner are removed by the garbage collector (a controller, not the store).
   * @returns the object as it was, or as marked
   * @throws StoreError `NotFound`, `Conflict`
   */
  delete<T extends KubeObject>(kind: KindDefinition<T>, key: ObjectKey, options?: DeleteOptions): Promise<T>

  /**
   * @returns whether `version` came after `than`; both are versions of this store, of whatever kind
   * @throws StoreError `Invalid` when one of them is not
   */
  isNewer(version: string, than: string): boolean

  /**
   * Tries whether a write would be durable now, for those who ask how the node is.
   * @throws StoreError `Unavailable`, and why
   */
  check(): Promise<void>

  /** Flushes and frees; idempotent. Calls after it are refused with `Unavailable`. */
  close(): Promise<void>
}

export type StoreErrorCode =
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  /** Of a write: it may have taken effect. */
  | 'Unavailable'
  | 'Invalid'
  /** The object would be larger than the store takes. */
  | 'TooLarge'
  /** Refused unread, to be tried again after `retryAfterMs`; stores do so themselves before they say this. */
  | 'TooManyRequests'

/** The one error family of stores. `code` is stable; `message` is for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** After how many milliseconds the store may take the call; with `TooManyRequests`. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: StoreErrorCode,
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number },
  ) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** @returns whether `error` is a `StoreError` with one of the codes. */
export function isStoreError(error: unknown, ...codes: readonly StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code))
}

/**
 * Reads, changes and writes an object until no other writer comes between.
 *
 * @param change returns the changed object, or undefined to leave it as it is; may run several times
 * @returns the stored object, or undefined when there is none
 * @throws StoreError other than `Conflict`; after `Unavailable` the change may have been made, so that whoever calls
 *   again must give a `change` that does no harm twice. Whatever `change` throws
 */
export async function mutate<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  key: ObjectKey,
  change: (object: T) => T | undefined,
  options?: UpdateOptions,
): Promise<T | undefined> {
  for (;;) {
    const before = await store.get(kind, key)
    if (before === undefined) return undefined
    const after = change(before)
    if (after === undefined || after === before) return before
    try {
      return await store.update(kind, after, options)
    } catch (error) {
      if (isStoreError(error, 'NotFound')) return undefined
      if (!isStoreError(error, 'Conflict')) throw error
    }
  }
}

/** Sets the status of an object; see `mutate`. */
export function mutateStatus<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  key: ObjectKey,
  change: (object: T) => T['status'] | undefined,
  options?: WriteOptions,
): Promise<T | undefined> {
  return mutate(
    store,
    kind,
    key,
    (object) => {
      const status = change(object)
      return status === undefined || status === object.status ? undefined : { ...object, status }
    },
    { ...options, subresource: 'status' },
  )
}

/**
 * Creates the object unless one of its name is there.
 * @returns the stored one either way; also when it was stored by an earlier call whose answer was lost
 */
export async function ensure<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  object: NewObject<T>,
  options?: WriteOptions,
): Promise<T> {
  const key: ObjectKey = object.metadata.namespace
    ? { namespace: object.metadata.namespace, name: object.metadata.name }
    : { name: object.metadata.name }
  for (;;) {
    const found = await store.get(kind, key)
    if (found) return found
    try {
      return await store.create(kind, object, options)
    } catch (error) {
      if (!isStoreError(error, 'AlreadyExists')) throw error
    }
  }
}

/**
 * Deletes the object if it is there.
 * @throws StoreError `Conflict` when a precondition does not hold
 */
export async function remove<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  key: ObjectKey,
  options?: DeleteOptions,
): Promise<void> {
  try {
    await store.delete(kind, key, options)
  } catch (error) {
    if (!isStoreError(error, 'NotFound')) throw error
  }
}
