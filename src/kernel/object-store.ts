/**
 * The ObjectStore port: where durable objects live.
 *
 * The semantics are those of the Kubernetes API, so that an API server can be one of the
 * implementations. `test/conformance/object-store.ts` is run against every one of them.
 * Objects that come out of a store are frozen: they are shared, never copied.
 */
import type { KindDefinition } from '../objects/kind.ts'
import type { KubeObject, NewObject, ObjectKey } from '../objects/meta.ts'

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
  /** How many items are left behind `continue`. */
  readonly remaining?: number
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string
  readonly limit?: number
  readonly continue?: string
}

export interface WatchOptions {
  readonly namespace?: string
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

export interface DeleteOptions extends WriteOptions {
  /** Refuse with `Conflict` unless the object still has this uid. */
  readonly uid?: string
  /** Refuse with `Conflict` unless the object still has this version. */
  readonly resourceVersion?: string
}

export interface ObjectStore {
  /** @returns the object, or undefined when there is none. */
  get<T extends KubeObject>(kind: KindDefinition<T>, key: ObjectKey): Promise<T | undefined>

  list<T extends KubeObject>(kind: KindDefinition<T>, options?: ListOptions): Promise<ObjectList<T>>

  /**
   * Every change after `fromVersion`, in order, without a gap.
   * @throws StoreError `Expired` (HTTP 410) at once or while iterating, if history was dropped: list again.
   */
  watch<T extends KubeObject>(kind: KindDefinition<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>

  /**
   * Resolves when the object is durable.
   * @throws StoreError `AlreadyExists`
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
   * @throws StoreError `NotFound`, `Conflict`
   */
  update<T extends KubeObject>(kind: KindDefinition<T>, object: T, options?: UpdateOptions): Promise<T>

  /**
   * Removes the object or, while it has finalizers, marks it with a `deletionTimestamp`.
   * Objects that name it as an owner are removed by the garbage collector (a controller, not the store).
   * @returns the object as it was, or as marked
   * @throws StoreError `NotFound`, `Conflict`
   */
  delete<T extends KubeObject>(kind: KindDefinition<T>, key: ObjectKey, options?: DeleteOptions): Promise<T>

  /**
   * Tries whether a write would be durable now, for those who ask how the node is.
   * @throws StoreError `Unavailable`, and why
   */
  check(): Promise<void>

  /** Flushes and frees; idempotent. Calls after it are refused with `Unavailable`. */
  close(): Promise<void>
}

export type StoreErrorCode = 'NotFound' | 'AlreadyExists' | 'Conflict' | 'Expired' | 'Unavailable' | 'Invalid'

/** The one error family of stores. `code` is stable; `message` is for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
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
 * @throws StoreError other than `Conflict`; whatever `change` throws
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

/** Creates the object unless one of its name is there. @returns the stored one either way. */
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

/** Deletes the object if it is there. */
export async function remove<T extends KubeObject>(
  store: ObjectStore,
  kind: KindDefinition<T>,
  key: ObjectKey,
  options?: WriteOptions,
): Promise<void> {
  try {
    await store.delete(kind, key, options)
  } catch (error) {
    if (!isStoreError(error, 'NotFound')) throw error
  }
}
