/**
 * All shards of all pools as far as they are known, with every ledger entry by its ids and the sums of each pool.
 *
 * Fed by the informer of shards and, at once, by what this process itself writes, so that with one writer an
 * entry that is not here does not exist. Where another process writes too it may lag behind: what is decided is
 * decided by a compare-and-swap. Objects may be fresh copies: what changed is told by content, and costs no
 * more than one shard. Used in this folder only.
 */
import { controllerOf, keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import type { LedgerEntry, PoolShard } from '../objects/pool-shard.ts'
import { addAmounts, subtractAmounts, type Amounts } from '../quantity/amounts.ts'
import { allocationName } from './allocation-name.ts'
import { changedEntries } from './changed-entries.ts'
import { nextExpiry } from './ledger.ts'
import { hasReceived } from './shard-transfer.ts'

/** Where an entry is, and what it says. */
export interface EntryPlace {
  readonly shard: ObjectKey
  readonly poolName: string
  readonly entry: LedgerEntry
}

/** What the shards of a pool have together; what moves between them included. */
export interface PoolTotals {
  readonly capacity: Amounts
  readonly free: Amounts
  readonly holds: number
  readonly allocations: number
}

interface KnownShard {
  readonly shard: PoolShard
  readonly pool: string
  readonly nextExpiry: number | undefined
  readonly holds: number
}

interface KnownPool {
  readonly shards: Map<string, KnownShard>
  /** Those with something sent or received that is not forgotten yet. */
  readonly moving: Set<string>
  capacity: Amounts
  free: Amounts
  holds: number
  entries: number
}

export class ShardIndex {
  readonly #shards = new Map<string, KnownShard>()
  /** By the uid of the pool. */
  readonly #pools = new Map<string, KnownPool>()
  readonly #places = new Map<string, EntryPlace>()
  /** The same id in a further shard: a message that two processes took at once. */
  readonly #doubles = new Map<string, EntryPlace[]>()
  /** Uids of shards that we removed and the informer still has. */
  readonly #removed = new Set<string>()

  /** @returns the newest version of a shard that is known */
  get(key: ObjectKey): PoolShard | undefined {
    return this.#shards.get(keyString(key))?.shard
  }

  /** @returns where the entry of a transaction, a contract or an allocation (by name) is */
  placeOf(id: string): EntryPlace | undefined {
    return this.#places.get(id)
  }

  /** @returns the shards of the pool of this uid */
  shardsOf(pool: string): readonly PoolShard[] {
    return Array.from(this.#pools.get(pool)?.shards.values() ?? [], ({ shard }) => shard)
  }

  /** @returns the first shard of the pool that `fits`; in no particular order */
  find(pool: string, fits: (shard: PoolShard) => boolean): PoolShard | undefined {
    for (const { shard } of this.#pools.get(pool)?.shards.values() ?? []) if (fits(shard)) return shard
    return undefined
  }

  /** @returns the shards of the pool that have sent or received something that is not forgotten yet */
  movingOf(pool: string): readonly PoolShard[] {
    const known = this.#pools.get(pool)
    return known === undefined ? [] : Array.from(known.moving, (name) => known.shards.get(name)!.shard)
  }

  /** @returns the shards of the pool with holds that are over */
  overdueOf(pool: string, now: number): readonly PoolShard[] {
    const overdue: PoolShard[] = []
    for (const { shard, nextExpiry: next } of this.#pools.get(pool)?.shards.values() ?? []) {
      if (next !== undefined && next <= now) overdue.push(shard)
    }
    return overdue
  }

  /** @returns when the next hold of the pool is over, in milliseconds since 1970 */
  nextExpiryOf(pool: string): number | undefined {
    let earliest: number | undefined
    for (const { nextExpiry: next } of this.#pools.get(pool)?.shards.values() ?? []) {
      if (next !== undefined && (earliest === undefined || next < earliest)) earliest = next
    }
    return earliest
  }

  totalsOf(pool: string): PoolTotals {
    const known = this.#pools.get(pool)
    if (known === undefined) return { capacity: {}, free: {}, holds: 0, allocations: 0 }
    let { capacity, free } = known
    for (const { status } of this.movingOf(pool)) {
      for (const { id, to, amounts } of status.outgoing ?? []) {
        if (hasReceived(this.#siblingOf(known, to), id)) continue
        capacity = addAmounts(capacity, amounts)
        free = addAmounts(free, amounts)
      }
    }
    return { capacity, free, holds: known.holds, allocations: known.entries - known.holds }
  }

  /** Takes a version of a shard in, unless a newer one is known. */
  apply(shard: PoolShard): void {
    const { uid } = shard.metadata
    if (this.#removed.has(uid)) return
    const name = keyString(keyOf(shard))
    const before = this.#shards.get(name)
    if (before?.shard.metadata.uid === uid) {
      if (before.shard.status.revision > shard.status.revision) return
    } else if (before !== undefined) this.#drop(name, before)
    this.#put(name, before?.shard.metadata.uid === uid ? before : undefined, shard)
  }

  /** Forgets a shard that is no more. */
  remove(key: ObjectKey, uid: string | undefined): void {
    const name = keyString(key)
    const known = this.#shards.get(name)
    if (known === undefined || (uid !== undefined && known.shard.metadata.uid !== uid)) return
    this.#removed.add(known.shard.metadata.uid)
    this.#drop(name, known)
  }

  /** The informer has seen that a shard is no more. */
  applyDeleted(shard: PoolShard): void {
    this.remove(keyOf(shard), shard.metadata.uid)
    this.#removed.delete(shard.metadata.uid)
  }

  clear(): void {
    for (const each of [this.#shards, this.#pools, this.#places, this.#doubles, this.#removed]) each.clear()
  }

  #put(name: string, before: KnownShard | undefined, shard: PoolShard): void {
    const { status, spec } = shard
    const { gone, come } = changedEntries(before?.shard.status.entries ?? [], status.entries)
    const key = keyOf(shard)
    for (const entry of gone) this.#forget(name, entry)
    for (const entry of come) this.#learn(name, { shard: key, poolName: spec.poolName, entry })
    const holds = (entries: readonly LedgerEntry[]): number =>
      entries.reduce((sum, { state }) => sum + (state === 'held' ? 1 : 0), 0)
    const known: KnownShard = {
      shard,
      pool: controllerOf(shard)?.uid ?? '',
      nextExpiry: nextExpiry(status),
      holds: (before?.holds ?? 0) - holds(gone) + holds(come),
    }
    this.#shards.set(name, known)
    if (before) this.#count(name, before, -1)
    this.#count(name, known, 1)
  }

  #drop(name: string, known: KnownShard): void {
    for (const entry of known.shard.status.entries) this.#forget(name, entry)
    this.#shards.delete(name)
    this.#count(name, known, -1)
    const pool = this.#pools.get(known.pool)
    if (pool?.shards.size === 0) this.#pools.delete(known.pool)
  }

  #count(name: string, known: KnownShard, sign: 1 | -1): void {
    let pool = this.#pools.get(known.pool)
    if (pool === undefined) {
      pool = { shards: new Map(), moving: new Set(), capacity: {}, free: {}, holds: 0, entries: 0 }
      this.#pools.set(known.pool, pool)
    }
    const { capacity, free, entries, outgoing, received } = known.shard.status
    const combine = sign === 1 ? addAmounts : subtractAmounts
    pool.capacity = combine(pool.capacity, capacity)
    pool.free = combine(pool.free, free)
    pool.holds += sign * known.holds
    pool.entries += sign * entries.length
    // What it is replaced by comes at once, and keeps its place.
    if (sign === -1 && this.#shards.get(name) === undefined) pool.shards.delete(name)
    if (sign === -1) pool.moving.delete(name)
    else {
      pool.shards.set(name, known)
      if (outgoing !== undefined || received !== undefined) pool.moving.add(name)
    }
  }

  #siblingOf(pool: KnownPool, shardName: string): PoolShard['status'] | undefined {
    for (const { shard } of pool.shards.values()) if (shard.metadata.name === shardName) return shard.status
    return undefined
  }

  #learn(name: string, place: EntryPlace): void {
    for (const id of idsOf(place.entry)) {
      const known = this.#places.get(id)
      if (known !== undefined && keyString(known.shard) !== name) {
        this.#doubles.set(id, [...(this.#doubles.get(id) ?? []), known])
      }
      this.#places.set(id, place)
    }
  }

  #forget(name: string, entry: LedgerEntry): void {
    for (const id of idsOf(entry)) {
      const others = this.#doubles.get(id)?.filter(({ shard }) => keyString(shard) !== name) ?? []
      const known = this.#places.get(id)
      if (known !== undefined && keyString(known.shard) === name) {
        const other = others.pop()
        if (other) this.#places.set(id, other)
        else this.#places.delete(id)
      }
      if (others.length > 0) this.#doubles.set(id, others)
      else this.#doubles.delete(id)
    }
  }
}

function idsOf({ id, contractID }: LedgerEntry): readonly string[] {
  return [id, contractID, allocationName(contractID)]
}
