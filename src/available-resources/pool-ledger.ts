/**
 * The ledgers of all pools: decides who gets which part, by one compare-and-swap on one shard each time.
 *
 * A pool begins with one shard. When that is full, what is free moves to another one; when no shard has as much
 * as is asked for but all together have, it is gathered in one. Used in this folder only.
 */
import type { ObjectStore } from '../kernel/object-store.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { randomHex, type System } from '../kernel/system.ts'
import { keyOf, keyString, type ObjectKey } from '../objects/meta.ts'
import type { Pool } from '../objects/pool.ts'
import type { LedgerEntry, PoolShard } from '../objects/pool-shard.ts'
import {
  atLeastZero,
  commonAmounts,
  shortages,
  somethingOf,
  subtractAmounts,
  type Amounts,
} from '../quantity/amounts.ts'
import { firstShard, firstShardKey, furtherShard } from './first-shard.ts'
import {
  ENTRIES_PER_SHARD,
  expire,
  hold,
  issue,
  partitionRefusal,
  shortageRefusal,
  wantedOf,
  withdraw,
  type HoldOutcome,
  type Refusal,
} from './ledger.ts'
import { ShardIndex, type PoolTotals } from './shard-index.ts'
import { ShardTransfers } from './shard-transfers.ts'
import { ShardWriter, type LedgerChange } from './shard-writer.ts'

export type HoldRequest = Omit<LedgerEntry, 'state'>

export interface PoolLedgerOptions {
  readonly store: ObjectStore
  readonly system: System
  /** @returns the pool of this name as far as it is known */
  readonly poolOf: (name: string) => Pool | undefined
  /** How many entries a shard takes; 400 unless given. */
  readonly entriesPerShard?: number
}

const NO_LONGER: Refusal = { code: 'insufficient-capacity', detail: 'no longer on offer', numbers: {} }

export class PoolLedger {
  readonly index = new ShardIndex()
  readonly #options: PoolLedgerOptions
  readonly #most: number
  readonly #writer: ShardWriter
  readonly #transfers: ShardTransfers
  /** By the uid of a pool: whoever moves its capacity. */
  readonly #moving = new OneAtATime()

  /** By the uid of a pool: the shard that the last buyer was sent to. */
  readonly #lastShards = new Map<string, ObjectKey>()
  /** By the uid of a pool: what was worked out last. */
  readonly #excesses = new Map<
    string,
    { readonly issued: Amounts; readonly wanted: Amounts; readonly excess: Amounts | undefined }
  >()

  constructor(options: PoolLedgerOptions) {
    const { store, system, entriesPerShard = ENTRIES_PER_SHARD } = options
    this.#options = options
    this.#most = entriesPerShard
    const { index } = this
    this.#writer = new ShardWriter({ store, system, index })
    this.#transfers = new ShardTransfers({ store, system, index, writer: this.#writer })
  }

  /** @returns what the shards have together; what is free of more than is wanted is not free any more */
  totalsOf(pool: Pool): PoolTotals {
    const totals = this.index.totalsOf(pool.metadata.uid)
    const excess = this.#excess(pool)
    return excess === undefined
      ? totals
      : { ...totals, free: atLeastZero(subtractAmounts(totals.free, excess)) }
  }

  /** Makes the first shard unless it is there. */
  async ensureFirst(pool: Pool): Promise<void> {
    if (this.index.get(firstShardKey(pool))) return
    await this.#writer.create(firstShard(pool))
  }

  /**
   * RESERVE: holds a part of the pool, by one swap of one shard. Repeating it has no second effect. Who asks for
   * no more than is free gets it, wherever that is.
   */
  async hold(pool: Pool, request: HoldRequest): Promise<Refusal | undefined> {
    const known = this.index.placeOf(request.id)
    if (known && 'ledger' in (await this.#holdIn(known.shard, request))) return undefined
    if (pool.spec.retired === true) return NO_LONGER
    const notPartitionable = partitionRefusal(pool.spec, request.amounts)
    if (notPartitionable) return notPartitionable
    await this.ensureFirst(pool)
    const { uid } = pool.metadata
    const overdue = this.index.overdueOf(uid, this.#now())
    if (overdue.length > 0) await this.expire(pool)
    for (let isConfirmed = false; ;) {
      const shard = this.#shardFor(pool, request.amounts)
      if (shard) {
        if ('ledger' in (await this.#holdIn(keyOf(shard), request))) return undefined
        // Somebody was first; the index knows by now.
        continue
      }
      const short = shortages(request.amounts, this.totalsOf(pool).free)
      if (short.length === 0) {
        await this.#moving.run(uid, () => this.#gather(pool, request.amounts))
        continue
      }
      if (isConfirmed) return shortageRefusal(short)
      isConfirmed = true
      // Another process may have given something back.
      await this.#writer.change(firstShardKey(pool), () => undefined)
    }
  }

  /** Changes the ledger that has the entry. @returns undefined when there is none, else the shard afterwards */
  async changeEntry(id: string, change: LedgerChange): Promise<PoolShard | undefined> {
    const place = this.index.placeOf(id)
    return place && this.#change(place.shard, change)
  }

  /** Drops the holds of a pool that are over. */
  async expire(pool: Pool): Promise<void> {
    const overdue = this.index.overdueOf(pool.metadata.uid, this.#now())
    await Promise.all(
      overdue.map((shard) => this.#change(keyOf(shard), (ledger) => expire(ledger, this.#now()))),
    )
  }

  /** @returns whether more or less capacity is issued than is wanted, and something can be done about it */
  isOff(pool: Pool): boolean {
    const wanted = wantedOf(pool.spec)
    if (Object.keys(somethingOf(subtractAmounts(wanted, this.#issued(pool)))).length > 0) return true
    const excess = this.#excess(pool)
    const { free } = this.index.totalsOf(pool.metadata.uid)
    return excess !== undefined && Object.keys(commonAmounts(excess, free)).length > 0
  }

  /** Brings the capacity of the shards in line with what is wanted of the pool. What is sold stays sold. */
  async bringInLine(pool: Pool): Promise<void> {
    const wanted = wantedOf(pool.spec)
    const first = firstShardKey(pool)
    await this.#writer.change(first, (ledger) => issue(ledger, wanted))
    await this.#moving.run(pool.metadata.uid, async () => {
      await this.#transfers.resume(pool.metadata.uid)
      const excess = this.#excess(pool)
      if (excess === undefined) return
      // Capacity goes where it came from.
      const others = this.index.shardsOf(pool.metadata.uid).filter((shard) => !isAt(shard, first))
      await this.#moveUpTo(excess, others, first)
    })
    await this.#writer.change(first, (ledger) => issue(ledger, wanted))
  }

  /** @returns whether a transfer is under way, as after a kill */
  isMoving(pool: Pool): boolean {
    return this.index.movingOf(pool.metadata.uid).length > 0
  }

  /** @returns whether something free is not where the next buyer gets it, or a shard has nothing any more */
  isScattered(pool: Pool): boolean {
    const { uid } = pool.metadata
    const target = this.#target(uid)
    return (
      this.index.find(
        uid,
        (shard) => (target !== undefined && shard !== target && hasFree(shard)) || this.#isDone(pool, shard),
      ) !== undefined
    )
  }

  /** Completes what is under way, brings what is free together, and removes shards that have nothing. */
  async tidy(pool: Pool): Promise<void> {
    const { uid } = pool.metadata
    await this.#moving.run(uid, async () => {
      await this.#transfers.resume(uid)
      const target = this.#target(uid)
      if (target) {
        const sources = this.index
          .shardsOf(uid)
          .filter((shard) => !isAt(shard, keyOf(target)) && hasFree(shard))
        await Promise.all(
          sources.map((shard) => this.#transfers.move(keyOf(shard), keyOf(target), shard.status.free)),
        )
      }
      for (const shard of this.index.shardsOf(uid))
        if (this.#isDone(pool, shard)) await this.#writer.remove(shard)
    })
  }

  /** Completes what is under way. */
  async resume(pool: Pool): Promise<void> {
    await this.#moving.run(pool.metadata.uid, () => this.#transfers.resume(pool.metadata.uid))
  }

  async #holdIn(key: ObjectKey, request: HoldRequest): Promise<HoldOutcome> {
    let outcome: HoldOutcome = { short: [] }
    const shard = await this.#change(key, (ledger) => {
      outcome = hold(ledger, request, this.#now(), this.#most)
      return 'ledger' in outcome ? outcome.ledger : undefined
    })
    return shard ? outcome : { short: [] }
  }

  /** Of the first shard, whatever is not wanted any more goes with the same swap. */
  #change(key: ObjectKey, change: LedgerChange): Promise<PoolShard | undefined> {
    const poolName = this.index.get(key)?.spec.poolName
    const pool = poolName === undefined ? undefined : this.#options.poolOf(poolName)
    if (pool === undefined || !isAt({ metadata: firstShardKey(pool) }, key))
      return this.#writer.change(key, change)
    const wanted = wantedOf(pool.spec)
    return this.#writer.change(key, (ledger) => {
      const less = withdraw(ledger, wanted)
      const changed = change(less ?? ledger)
      if (changed === undefined) return less
      return withdraw(changed, wanted) ?? changed
    })
  }

  #shardFor(pool: Pool, amounts: Amounts): PoolShard | undefined {
    // What is about to be withdrawn is not for sale, wherever it is.
    if (this.#excess(pool) && shortages(amounts, this.totalsOf(pool).free).length > 0) return undefined
    const { uid } = pool.metadata
    const fits = (shard: PoolShard | undefined): boolean =>
      shard !== undefined && this.#hasRoom(shard) && shortages(amounts, shard.status.free).length === 0
    // Of very many shards nearly all are full; where the last one found something there is mostly more.
    const last = this.#lastShards.get(uid)
    const known = last && this.index.get(last)
    if (fits(known)) return known
    const found = this.index.find(uid, fits)
    if (found) this.#lastShards.set(uid, keyOf(found))
    return found
  }

  /** Brings as much as is asked for into one shard that takes another entry. */
  async #gather(pool: Pool, amounts: Amounts): Promise<void> {
    const { uid } = pool.metadata
    // Of many who wait, the first one did it for all.
    if (this.#shardFor(pool, amounts)) return
    await this.#transfers.resume(uid)
    if (shortages(amounts, this.totalsOf(pool).free).length > 0) return
    const target = this.#target(uid) ?? (await this.#open(pool))
    const others = this.index.shardsOf(uid).filter((shard) => !isAt(shard, keyOf(target)))
    // From a full one all goes: nobody gets it there.
    const full = others.filter((shard) => !this.#hasRoom(shard) && hasFree(shard))
    await Promise.all(
      full.map((shard) => this.#transfers.move(keyOf(shard), keyOf(target), shard.status.free)),
    )
    const free = this.index.get(keyOf(target))?.status.free ?? {}
    const missing = somethingOf(subtractAmounts(amounts, free))
    await this.#moveUpTo(missing, others, keyOf(target))
  }

  /** Moves free capacity of `sources`, no more than is missing. */
  async #moveUpTo(missing: Amounts, sources: readonly PoolShard[], to: ObjectKey): Promise<void> {
    const moves: Promise<void>[] = []
    let left = missing
    for (const source of sources) {
      const amounts = commonAmounts(left, somethingOf(this.index.get(keyOf(source))?.status.free ?? {}))
      if (Object.keys(amounts).length === 0) continue
      left = somethingOf(subtractAmounts(left, amounts))
      moves.push(this.#transfers.move(keyOf(source), to, amounts))
    }
    await Promise.all(moves)
  }

  /**
   * @returns where what is free should be: a shard with much room, the fullest of those, so that others become
   *   empty and go; undefined when all are full
   */
  #target(uid: string): PoolShard | undefined {
    let best: PoolShard | undefined
    const rank = ({ status: { entries } }: PoolShard): number =>
      entries.length <= this.#most * 0.75 ? this.#most + entries.length : this.#most - entries.length
    this.index.find(uid, (shard) => {
      if (!this.#hasRoom(shard)) return false
      const better = best === undefined ? 1 : rank(shard) - rank(best)
      if (better > 0 || (better === 0 && shard.metadata.name < best!.metadata.name)) best = shard
      return false
    })
    return best
  }

  async #open(pool: Pool): Promise<PoolShard> {
    const name = `${firstShardKey(pool).name}-${randomHex(this.#options.system.random, 5)}`
    return this.#writer.create(furtherShard(pool, name))
  }

  #hasRoom({ status }: PoolShard): boolean {
    return status.entries.length < this.#most
  }

  #isDone(pool: Pool, shard: PoolShard): boolean {
    const { entries, capacity, outgoing, received } = shard.status
    if (entries.length > 0 || outgoing !== undefined || received !== undefined) return false
    return Object.keys(somethingOf(capacity)).length === 0 && !isAt(shard, firstShardKey(pool))
  }

  /** @returns of what more is issued than is wanted, and how much; worked out anew when one of them changes */
  #excess(pool: Pool): Amounts | undefined {
    const [issued, wanted] = [this.#issued(pool), wantedOf(pool.spec)]
    const known = this.#excesses.get(pool.metadata.uid)
    if (known?.issued === issued && known.wanted === wanted) return known.excess
    const excess = somethingOf(subtractAmounts(issued, wanted))
    const result = Object.keys(excess).length === 0 ? undefined : excess
    this.#excesses.set(pool.metadata.uid, { issued, wanted, excess: result })
    return result
  }

  #issued(pool: Pool): Amounts {
    return this.index.get(firstShardKey(pool))?.status.issued ?? {}
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}

function hasFree({ status }: PoolShard): boolean {
  return Object.keys(somethingOf(status.free)).length > 0
}

function isAt(
  shard: { readonly metadata: { readonly name: string; readonly namespace?: string } },
  key: ObjectKey,
): boolean {
  return keyString(keyOf(shard)) === keyString(key)
}
