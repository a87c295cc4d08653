/**
 * Writes shards: changes of one shard that are asked for while it is being written share the next write.
 *
 * Each is decided on what those before it left, so the order is that of the calls and nothing is sold twice;
 * one compare-and-swap makes all of them durable before any of them is acknowledged. Without this, of many
 * buyers at once one would be served per write and all others would try again.
 *
 * What is known of the shard is tried first; that nothing is to be changed, hence also a refusal, is said only of
 * what is stored. A write whose answer was lost may have taken effect: it is decided again on what is stored
 * then, so a change must find its own effect and leave it. Used in this folder only.
 */
import { backOff } from '../kernel/back-off.ts'
import { ensure, isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { sleep, type System } from '../kernel/system.ts'
import { keyOf, keyString, type NewObject, type ObjectKey } from '../objects/meta.ts'
import { PoolShardKind, type PoolShard, type PoolShardStatus } from '../objects/pool-shard.ts'
import type { ShardIndex } from './shard-index.ts'

/** @returns the new ledger, or undefined to leave it as it is; may run several times, the last one counts */
export type LedgerChange = (shard: PoolShardStatus) => PoolShardStatus | undefined

/** Looks at something else between the moment the shard was read and the swap; runs before each attempt. */
export type Preparation = () => Promise<void>

interface PendingChange {
  readonly change: LedgerChange
  readonly prepare: Preparation | undefined
  readonly resolve: (shard: PoolShard | undefined) => void
  readonly reject: (error: unknown) => void
}

const ATTEMPTS = 5
const FIRST_BACK_OFF_MS = 20
const LONGEST_BACK_OFF_MS = 500

export interface ShardWriterOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly index: ShardIndex
}

export class ShardWriter {
  readonly #options: ShardWriterOptions
  /** What waits, by shard, for as long as the shard is being written. */
  readonly #waiting = new Map<string, PendingChange[]>()

  constructor(options: ShardWriterOptions) {
    this.#options = options
  }

  /**
   * @returns the stored shard, with this change and perhaps others in it; undefined when there is none
   * @throws what `change` throws; StoreError when the shard could not be written
   */
  change(key: ObjectKey, change: LedgerChange, prepare?: Preparation): Promise<PoolShard | undefined> {
    return new Promise((resolve, reject) => {
      const pending: PendingChange = { change, prepare, resolve, reject }
      const name = keyString(key)
      const waiting = this.#waiting.get(name)
      if (waiting) {
        waiting.push(pending)
        return
      }
      this.#waiting.set(name, [pending])
      void this.#write(key, name)
    })
  }

  /** Creates a shard, or takes the one that is there: its name tells that it is the same. */
  async create(object: NewObject<PoolShard>): Promise<PoolShard> {
    const { store, index } = this.#options
    const shard = await this.#retrying(() => ensure(store, PoolShardKind, object))
    index.apply(shard)
    return shard
  }

  /** Removes a shard that has nothing. @throws StoreError `Conflict` when it has changed */
  async remove(shard: PoolShard): Promise<void> {
    const { store, index } = this.#options
    const { uid, resourceVersion } = shard.metadata
    await this.#retrying(async () => {
      try {
        await store.delete(PoolShardKind, keyOf(shard), { uid, resourceVersion })
      } catch (error) {
        if (!isStoreError(error, 'NotFound')) throw error
      }
    })
    index.remove(keyOf(shard), uid)
  }

  async #retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let failed = 0; ;) {
      try {
        return await work()
      } catch (error) {
        await this.#pause(error, ++failed)
      }
    }
  }

  /** @throws the failure, unless it may pass: then it waits */
  async #pause(failure: unknown, failed: number): Promise<void> {
    if (!isStoreError(failure, 'Unavailable', 'TooManyRequests') || failed >= ATTEMPTS) throw failure
    await sleep(this.#options.system.clock, backOff(failed - 1, FIRST_BACK_OFF_MS, LONGEST_BACK_OFF_MS))
  }

  async #write(key: ObjectKey, name: string): Promise<void> {
    for (;;) {
      const changes = this.#waiting.get(name)!
      if (changes.length === 0) break
      this.#waiting.set(name, [])
      await this.#writeOnce(key, changes)
    }
    this.#waiting.delete(name)
  }

  async #writeOnce(key: ObjectKey, changes: readonly PendingChange[]): Promise<void> {
    const failures = new Map<PendingChange, unknown>()
    try {
      const shard = await this.#swap(key, changes, failures)
      for (const pending of changes) {
        if (failures.has(pending)) pending.reject(failures.get(pending))
        else pending.resolve(shard)
      }
    } catch (error) {
      for (const pending of changes) pending.reject(error)
    }
  }

  async #swap(
    key: ObjectKey,
    changes: readonly PendingChange[],
    failures: Map<PendingChange, unknown>,
  ): Promise<PoolShard | undefined> {
    const { store, index } = this.#options
    let known = index.get(key)
    for (let failed = 0; ;) {
      try {
        const before = known ?? (await this.#read(key))
        if (before === undefined) return undefined
        for (const { prepare } of changes) await prepare?.()
        const status = decide(before.status, changes, failures)
        if (status === before.status) {
          if (known === undefined) return before
          known = undefined
          continue
        }
        const revision = before.status.revision + 1
        const after = await store.update(PoolShardKind, { ...before, status: { ...status, revision } })
        index.apply(after)
        return after
      } catch (error) {
        known = undefined
        if (isStoreError(error, 'NotFound')) {
          index.remove(key, undefined)
          return undefined
        }
        if (isStoreError(error, 'Conflict')) continue
        await this.#pause(error, ++failed)
      }
    }
  }

  async #read(key: ObjectKey): Promise<PoolShard | undefined> {
    const { store, index } = this.#options
    const shard = await store.get(PoolShardKind, key)
    if (shard === undefined) index.remove(key, undefined)
    else index.apply(shard)
    return shard
  }
}

/** @returns what all the changes make of the ledger; the same when they leave it */
function decide(
  before: PoolShardStatus,
  changes: readonly PendingChange[],
  failures: Map<PendingChange, unknown>,
): PoolShardStatus {
  failures.clear()
  let ledger = before
  for (const pending of changes) {
    try {
      ledger = pending.change(ledger) ?? ledger
    } catch (error) {
      failures.set(pending, error)
    }
  }
  return ledger
}
