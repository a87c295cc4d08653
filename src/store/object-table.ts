/**
 * Objects in memory with the semantics of the Kubernetes API: revisions, compare-and-swap,
 * finalizers, generations, no-op updates, ordered lists, watches.
 *
 * A write is first *staged*: decided against everything staged before it, visible to nobody.
 * `commit` publishes all that is staged to readers and watches, `rollback` forgets it. What lies
 * between (making it durable) is the business of the store. Used by the stores only.
 */
import { applyMergePatch } from '../kernel/merge-patch.ts'
import {
  type DeleteOptions,
  type ListOptions,
  type ObjectList,
  type PatchOptions,
  StoreError,
  type WatchEvent,
  type WatchOptions,
} from '../kernel/object-store.ts'
import { SortedMap } from '../kernel/sorted-map.ts'
import { rfc3339, type System, type Timer, uuid } from '../kernel/system.ts'
import { unselectableField } from '../objects/field-selector.ts'
import { apiVersionOf, type KindDefinition, resourceOf } from '../objects/kind.ts'
import type { KubeObject, NewObject, ObjectKey } from '../objects/meta.ts'
import { type ObjectSelection, selectsObject } from '../objects/object-selection.ts'
import { type Change, EventHistory } from './event-history.ts'
import { frozenCopy } from './frozen-copy.ts'
import { sameJson } from '../kernel/json.ts'
import {
  checkFinalizers,
  checkNames,
  checkSize,
  checkUnchanged,
  describe,
  desiredOf,
  hasFinalizers,
  placeOf,
  sameMetadata,
  tableKeyOf,
  withMetadata,
  withoutStoreFields,
} from './object-rules.ts'
import { decodeContinue, encodeContinue, parseVersion } from './revision.ts'
import { selectEvent } from './select-event.ts'

/** How many changes of each kind are remembered for watches, unless the caller says otherwise. */
export const DEFAULT_HISTORY_LIMIT = 10_000
/** How often an idle watch learns how far it is. */
export const BOOKMARK_INTERVAL_MS = 60_000
/** The largest object, in bytes of its JSON, unless the caller says otherwise: what etcd takes, 1.5 MiB. */
export const DEFAULT_OBJECT_BYTES = 1_572_864

/** A staged change, with the collection it belongs to. */
export interface StagedChange extends Change {
  readonly resource: string
  /** Whether nobody may read the object in what is written. */
  readonly confidential: boolean
}

interface KindTable {
  readonly objects: SortedMap<KubeObject>
  readonly history: EventHistory
}

interface Watcher {
  bookmarkDue: boolean
  wake: () => void
}

export interface ObjectTableOptions {
  readonly system: System
  readonly historyLimit?: number
  /** The largest object, in bytes of its JSON. */
  readonly objectBytes?: number
  /** Whether objects of confidential kinds are taken; true unless given. */
  readonly keepsConfidential?: boolean
  /** Where the revision counter continues; 0 for a new table. */
  readonly revision?: number
}

export class ObjectTable {
  readonly #system: System
  readonly #historyLimit: number
  readonly #startRevision: number
  readonly #objectBytes: number
  readonly #keepsConfidential: boolean
  readonly #kinds = new Map<string, KindTable>()
  readonly #watchers = new Set<Watcher>()
  #revision: number
  #staged: StagedChange[] = []
  /** What is staged, by resource and table key; undefined stands for a removed object. */
  readonly #overlay = new Map<string, Map<string, KubeObject | undefined>>()
  #bookmarkTimer: Timer | undefined
  #closed = false

  constructor(options: ObjectTableOptions) {
    const { system, historyLimit = DEFAULT_HISTORY_LIMIT, revision = 0 } = options
    this.#system = system
    this.#historyLimit = historyLimit
    this.#objectBytes = options.objectBytes ?? DEFAULT_OBJECT_BYTES
    this.#keepsConfidential = options.keepsConfidential ?? true
    this.#revision = this.#startRevision = revision
  }

  /** The revision of the last published change. */
  get revision(): number {
    return this.#revision
  }

  get objectBytes(): number {
    return this.#objectBytes
  }

  /** What has been staged since the last commit or rollback, in order. */
  get staged(): readonly StagedChange[] {
    return this.#staged
  }

  /** Puts an object that was stored earlier where it was; not a change. */
  load(resource: string, object: KubeObject): void {
    this.#table(resource).objects.set(tableKeyOf(object.metadata), frozenCopy(object))
  }

  get(kind: KindDefinition, key: ObjectKey): KubeObject | undefined {
    return this.#kinds.get(resourceOf(kind))?.objects.get(tableKeyOf(placeOf(kind, key)))
  }

  /** @throws StoreError `Invalid` */
  isNewer(version: string, than: string): boolean {
    return parseVersion(version) > parseVersion(than)
  }

  /** @throws StoreError `Invalid` (bad continue token, bad selector), `Expired` (continued too late) */
  list(kind: KindDefinition, options: ListOptions = {}): ObjectList<KubeObject> {
    const isSelected = selectorOf(kind, options)
    const { objects, history } = this.#table(resourceOf(kind))
    const { namespace, limit = 0 } = options
    // NUL sorts before, and is no part of, anything that a name may contain.
    const [low, until] =
      namespace === undefined || !kind.namespaced ? ['', undefined] : [`${namespace}\0`, `${namespace}\u0001`]
    const from = options.continue === undefined ? undefined : decodeContinue(options.continue)
    const revision = from?.revision ?? this.#revision
    const after = from !== undefined && from.lastKey > low ? from.lastKey : low

    // What changed since the list began is undone for the reader: all its pages are of one moment.
    const past = new Map<string, KubeObject | undefined>()
    if (from !== undefined) {
      this.#checkNotAhead(revision)
      const first = history.firstAfter(revision)
      for (let sequence = history.end - 1; sequence >= first; sequence--) {
        const change = history.at(sequence)
        past.set(change.tableKey, change.before)
      }
    }
    const revived: { key: string; object: KubeObject }[] = []
    let total = objects.count(after, until)
    for (const [key, object] of past) {
      if (key <= after || (until !== undefined && key >= until)) continue
      if (objects.get(key) !== undefined) total--
      if (object === undefined) continue
      total++
      revived.push({ key, object })
    }
    revived.sort((a, b) => (a.key < b.key ? -1 : 1))

    const items: KubeObject[] = []
    let lastKey = after
    let next = 0
    /** Of a selection nobody has counted: one more that is selected tells that there are more. */
    let more = false
    const full = (): boolean => limit > 0 && items.length >= limit && (isSelected === undefined || more)
    const take = (key: string, object: KubeObject): void => {
      if (isSelected?.(object) === false) return
      if (limit > 0 && items.length >= limit) {
        more = true
        return
      }
      items.push(object)
      lastKey = key
    }
    objects.visit(after, until, ({ key, value }) => {
      for (; next < revived.length && revived[next]!.key <= key && !full(); next++) {
        take(revived[next]!.key, revived[next]!.object)
      }
      if (full()) return false
      if (!past.has(key)) take(key, value)
      return !full()
    })
    for (; next < revived.length && !full(); next++) take(revived[next]!.key, revived[next]!.object)

    const resourceVersion = String(revision)
    const remaining = isSelected === undefined ? total - items.length : undefined
    if (remaining === 0 || (remaining === undefined && !more)) return { resourceVersion, items }
    const token = encodeContinue({ revision, lastKey })
    return { resourceVersion, items, continue: token, ...(remaining !== undefined && { remaining }) }
  }

  /** @throws StoreError while iterating: `Expired`, `Invalid` (bad version or selector), `Unavailable` (closed) */
  async *watch(kind: KindDefinition, options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
    const { signal } = options
    const namespace = kind.namespaced ? options.namespace : undefined
    const isSelected = selectorOf(kind, options)
    let version = parseVersion(options.fromVersion)
    this.#checkOpen()
    this.#checkNotAhead(version)
    const { history } = this.#table(resourceOf(kind))
    let sequence = history.firstAfter(version)
    const watcher: Watcher = { bookmarkDue: false, wake: () => undefined }
    const onAbort = (): void => watcher.wake()
    signal.addEventListener('abort', onAbort)
    this.#watchers.add(watcher)
    this.#armBookmarks()
    try {
      while (!signal.aborted) {
        if (sequence < history.end) {
          const change = history.at(sequence)
          sequence++
          if (namespace !== undefined && change.event.object.metadata.namespace !== namespace) continue
          const event = isSelected === undefined ? change.event : selectEvent(change, isSelected)
          if (event === undefined) continue
          version = change.revision
          yield event
          continue
        }
        this.#checkOpen()
        if (watcher.bookmarkDue) {
          watcher.bookmarkDue = false
          if (version < this.#revision) {
            version = this.#revision
            yield { type: 'BOOKMARK', resourceVersion: String(version) }
          }
          continue
        }
        await new Promise<void>((resolve) => {
          watcher.wake = resolve
        })
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) {
        this.#bookmarkTimer?.cancel()
        this.#bookmarkTimer = undefined
      }
    }
  }

  /** @throws StoreError `AlreadyExists`, `Invalid`, `TooLarge` */
  stageCreate(kind: KindDefinition, input: NewObject<KubeObject>): KubeObject {
    checkNames(kind, input)
    const place = placeOf(kind, input.metadata)
    const resource = resourceOf(kind)
    if (this.#current(resource, tableKeyOf(place)) !== undefined) {
      throw new StoreError('AlreadyExists', `${describe(kind, place)} already exists`)
    }
    const { apiVersion: _1, kind: _2, metadata: given, status, ...rest } = input
    const revision = this.#nextRevision()
    const after = frozenCopy<KubeObject>(
      {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: {
          ...withoutStoreFields(given),
          ...place,
          uid: uuid(this.#system.random),
          resourceVersion: String(revision),
          generation: 1,
          creationTimestamp: rfc3339(this.#system.clock.now()),
        },
        ...rest,
        ...(!kind.statusSubresource && status !== undefined && { status }),
      },
      kind.kind,
    )
    checkSize(kind, undefined, after, this.#objectBytes)
    return this.#stage(kind, revision, undefined, after, after)
  }

  /** @throws StoreError `NotFound`, `Conflict`, `Invalid`, `TooLarge` */
  stageUpdate(kind: KindDefinition, input: KubeObject, subresource?: 'status'): KubeObject {
    checkNames(kind, input)
    const place = placeOf(kind, input.metadata)
    const before = this.#existing(kind, place)
    checkUnchanged(kind, before, input.metadata)
    const revision = this.#nextRevision()
    const { resourceVersion: _version, ...stored } = before.metadata
    const changed =
      subresource === 'status'
        ? { ...before, status: input.status }
        : { ...input, ...(kind.statusSubresource && { status: before.status }) }
    const { deletionTimestamp } = before.metadata
    const after = frozenCopy<KubeObject>(
      {
        ...changed,
        apiVersion: before.apiVersion,
        kind: before.kind,
        metadata:
          subresource === 'status'
            ? { ...stored, resourceVersion: String(revision) }
            : {
                ...withoutStoreFields(input.metadata),
                ...place,
                uid: before.metadata.uid,
                resourceVersion: String(revision),
                generation: before.metadata.generation,
                creationTimestamp: before.metadata.creationTimestamp,
                ...(deletionTimestamp !== undefined && { deletionTimestamp }),
              },
      },
      kind.kind,
    )
    const sameDesired = sameJson(desiredOf(before), desiredOf(after))
    if (
      sameDesired &&
      sameJson(before.status, after.status) &&
      sameMetadata(before.metadata, after.metadata)
    ) {
      return before
    }
    checkFinalizers(kind, before, after)
    checkSize(kind, before, after, this.#objectBytes)
    const result = sameDesired ? after : withMetadata(after, { generation: before.metadata.generation + 1 })
    if (deletionTimestamp !== undefined && !hasFinalizers(result)) {
      return this.#stage(kind, revision, before, undefined, result)
    }
    return this.#stage(kind, revision, before, result, result)
  }

  /** @throws StoreError `NotFound`, `Conflict`, `Invalid`, `TooLarge` */
  stagePatch(kind: KindDefinition, key: ObjectKey, patch: unknown, options: PatchOptions = {}): KubeObject {
    const before = this.#existing(kind, placeOf(kind, key))
    const { uid, resourceVersion } = before.metadata
    checkUnchanged(kind, before, {
      uid: options.uid ?? uid,
      resourceVersion: options.resourceVersion ?? resourceVersion,
    })
    const patched = applyMergePatch(before, patch) as KubeObject
    // A patch may name other types and names, or do away with metadata altogether: none of it is its business.
    const { apiVersion, kind: kindName } = before
    const metadata = { ...patched?.metadata, ...placeOf(kind, key), uid, resourceVersion }
    return this.stageUpdate(kind, { ...patched, apiVersion, kind: kindName, metadata }, options.subresource)
  }

  /** @throws StoreError `NotFound`, `Conflict` */
  stageDelete(kind: KindDefinition, key: ObjectKey, options: DeleteOptions = {}): KubeObject {
    const before = this.#existing(kind, placeOf(kind, key))
    const { uid, resourceVersion } = options
    checkUnchanged(kind, before, {
      uid: uid ?? before.metadata.uid,
      resourceVersion: resourceVersion ?? before.metadata.resourceVersion,
    })
    if (hasFinalizers(before)) {
      if (before.metadata.deletionTimestamp !== undefined) return before
      const revision = this.#nextRevision()
      const marked = withMetadata(before, {
        resourceVersion: String(revision),
        deletionTimestamp: rfc3339(this.#system.clock.now()),
      })
      return this.#stage(kind, revision, before, marked, marked)
    }
    const revision = this.#nextRevision()
    this.#stage(
      kind,
      revision,
      before,
      undefined,
      withMetadata(before, { resourceVersion: String(revision) }),
    )
    return before
  }

  /** Publishes what is staged: readers and watches see it from now on. */
  commit(): void {
    if (this.#staged.length === 0) return
    for (const change of this.#staged) {
      const { objects, history } = this.#table(change.resource)
      if (change.after === undefined) objects.delete(change.tableKey)
      else objects.set(change.tableKey, change.after)
      history.push(change)
      this.#revision = change.revision
    }
    this.#forgetStaged()
    for (const watcher of this.#watchers) watcher.wake()
  }

  /** Forgets what is staged, as if it had never been asked for. */
  rollback(): void {
    this.#forgetStaged()
  }

  /** Ends all watches with `Unavailable`; idempotent. */
  close(): void {
    this.#closed = true
    this.#bookmarkTimer?.cancel()
    for (const watcher of this.#watchers) watcher.wake()
  }

  #forgetStaged(): void {
    this.#staged = []
    this.#overlay.clear()
  }

  #nextRevision(): number {
    return (this.#staged.at(-1)?.revision ?? this.#revision) + 1
  }

  #stage(
    kind: KindDefinition,
    revision: number,
    before: KubeObject | undefined,
    after: KubeObject | undefined,
    shown: KubeObject,
  ): KubeObject {
    const resource = resourceOf(kind)
    const confidential = kind.confidential === true
    if (confidential && after !== undefined && !this.#keepsConfidential) {
      throw new StoreError(
        'Invalid',
        `${describe(kind, shown.metadata)}: this store has no key to keep it secret with`,
      )
    }
    const tableKey = tableKeyOf(shown.metadata)
    const type = after === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED'
    const event = Object.freeze({ type, object: shown } as const)
    this.#staged.push({ resource, confidential, revision, tableKey, before, after, event })
    let overlay = this.#overlay.get(resource)
    if (overlay === undefined)
      this.#overlay.set(resource, (overlay = new Map<string, KubeObject | undefined>()))
    overlay.set(tableKey, after)
    return shown
  }

  /** @returns the object as writes must see it: staged changes included. */
  #current(resource: string, tableKey: string): KubeObject | undefined {
    const overlay = this.#overlay.get(resource)
    if (overlay?.has(tableKey)) return overlay.get(tableKey)
    return this.#kinds.get(resource)?.objects.get(tableKey)
  }

  #existing(kind: KindDefinition, place: ObjectKey): KubeObject {
    const found = this.#current(resourceOf(kind), tableKeyOf(place))
    if (found === undefined) throw new StoreError('NotFound', `${describe(kind, place)} not found`)
    return found
  }

  #table(resource: string): KindTable {
    let table = this.#kinds.get(resource)
    if (table === undefined) {
      table = {
        objects: new SortedMap(),
        // A kind without a table has had no change since the start.
        history: new EventHistory(this.#historyLimit, this.#startRevision),
      }
      this.#kinds.set(resource, table)
    }
    return table
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('Unavailable', 'the store is closed')
  }

  /** A version that was never given out comes from another life of the store: list again. */
  #checkNotAhead(revision: number): void {
    if (revision > this.#revision) {
      throw new StoreError('Expired', `too large resource version: ${revision}, current: ${this.#revision}`)
    }
  }

  #armBookmarks(): void {
    this.#bookmarkTimer ??= this.#system.clock.after(BOOKMARK_INTERVAL_MS, () => {
      this.#bookmarkTimer = undefined
      if (this.#closed) return
      for (const watcher of this.#watchers) {
        watcher.bookmarkDue = true
        watcher.wake()
      }
      if (this.#watchers.size > 0) this.#armBookmarks()
    })
  }
}

/** @returns undefined where everything is selected. @throws StoreError `Invalid` */
function selectorOf(
  kind: KindDefinition,
  selection: ObjectSelection,
): ((object: KubeObject) => boolean) | undefined {
  const { labels, fields } = selection
  const field = fields && unselectableField(kind, fields)
  if (field !== undefined) throw new StoreError('Invalid', `field label not supported: ${field}`)
  if (labels === undefined && fields === undefined) return undefined
  return (object) => selectsObject(selection, object)
}
