/**
 * The ledger of a PoolShard: who holds and who has which part of it. Pure functions from ledger to ledger.
 *
 * Invariant: free + held + allocated = capacity, for every resource, at every instant. A caller stores the
 * result with one compare-and-swap on the shard; nothing else decides about capacity. What moves between shards
 * is in `shard-transfer.ts`.
 *
 * What may happen to an entry is in its life cycle. Who asks for more is answered, not logged: that a buyer cancels
 * what it has bought is a conflict that it is told of.
 */
import { HOLD_LIFECYCLE } from '../objects/lifecycles/hold.ts'
import { GONE } from '../objects/lifecycles/lifecycle.ts'
import type { PoolSpec } from '../objects/pool.ts'
import type { LedgerEntry, PoolShardStatus } from '../objects/pool-shard.ts'
import { addAmounts, isMultipleOf, shortages, subtractAmounts, type Amounts } from '../quantity/amounts.ts'
import { add, compare, formatQuantity, isZero, parseQuantity, subtract } from '../quantity/index.ts'

/** So many entries make a shard of about a quarter of a megabyte: far below what any store refuses, and cheap to swap. */
export const ENTRIES_PER_SHARD = 400

/** Why a request cannot be served from a pool. `numbers` explain it. */
export interface Refusal {
  readonly code: 'insufficient-capacity' | 'not-partitionable' | 'wrong-configuration'
  readonly detail: string
  readonly numbers: Readonly<Record<string, string>>
}

/** @returns the ledger of a shard that nothing is in yet, with this capacity */
export function newLedger(capacity: Amounts = {}): PoolShardStatus {
  return { revision: 0, capacity: { ...capacity }, free: { ...capacity }, entries: [] }
}

/** @returns the capacity that is wanted of a pool: none of one that is no longer on offer */
export function wantedOf(spec: PoolSpec): Amounts {
  return spec.retired === true ? {} : spec.capacity
}

/** @returns whether a flavor is made from what is free: at least the smallest part, and something of each resource */
export function isSellable(spec: PoolSpec, free: Amounts): boolean {
  if (spec.retired === true) return false
  const smallest = spec.partition.minimum ?? {}
  return Object.keys(spec.capacity).every((resource) => {
    const left = parseQuantity(free[resource] ?? '0')
    if (compare(left, parseQuantity(smallest[resource] ?? '0')) < 0) return false
    // A resource of which there was never any (no storage, no GPU) does not stop the sale of the others.
    return isZero(parseQuantity(spec.capacity[resource]!)) || compare(left, parseQuantity('0')) > 0
  })
}

/** @returns why `amounts` may not be cut from the pool by its partition policy, if so */
export function partitionRefusal(spec: PoolSpec, amounts: Amounts): Refusal | undefined {
  const { minimum = {}, step = {}, maximum = {} } = spec.partition
  for (const [resource, amount] of Object.entries(amounts)) {
    if (compare(parseQuantity(amount), parseQuantity('0')) < 0) {
      return refusal('wrong-configuration', `${resource}: ${amount} is negative`, { wanted: amount })
    }
    const least = minimum[resource]
    if (least !== undefined && compare(parseQuantity(amount), parseQuantity(least)) < 0) {
      return refusal('not-partitionable', `${resource}: ${amount} is less than the minimum ${least}`, {
        wanted: amount,
        minimum: least,
      })
    }
    const most = maximum[resource]
    if (most !== undefined && compare(parseQuantity(amount), parseQuantity(most)) > 0) {
      return refusal('not-partitionable', `${resource}: ${amount} is more than the maximum ${most}`, {
        wanted: amount,
        maximum: most,
      })
    }
    const multiple = step[resource]
    if (multiple !== undefined && !isMultipleOf(amount, multiple)) {
      return refusal('not-partitionable', `${resource}: ${amount} is not a multiple of ${multiple}`, {
        wanted: amount,
        step: multiple,
      })
    }
  }
  return undefined
}

/** What became of the wish to hold something in one shard. `full`: another shard has to take the entry. */
export type HoldOutcome =
  { readonly ledger: PoolShardStatus } | { readonly short: readonly Shortage[] } | { readonly full: true }

export type Shortage = ReturnType<typeof shortages>[number]

/** @returns why more than what is free was refused, with the numbers */
export function shortageRefusal(short: readonly Shortage[]): Refusal {
  return refusal(
    'insufficient-capacity',
    short
      .map(({ resource, wanted, available }) => `${resource}: ${wanted} wanted, ${available} free`)
      .join('; '),
    Object.fromEntries(
      short.flatMap((each) => [
        [`${each.resource}.wanted`, each.wanted],
        [`${each.resource}.free`, each.available],
      ]),
    ),
  )
}

/**
 * RESERVE: puts a hold into the ledger. Holding again under the same id changes nothing.
 * @param now milliseconds since 1970; holds that are over by then are dropped first
 * @param most how many entries the shard takes
 */
export function hold(
  shard: PoolShardStatus,
  entry: Omit<LedgerEntry, 'state'>,
  now: number,
  most = ENTRIES_PER_SHARD,
): HoldOutcome {
  let someAreOver = false
  for (const other of shard.entries) {
    if (isOver(other, now)) someAreOver = true
    else if (other.id === entry.id) return { ledger: shard }
  }
  const before = (someAreOver && expire(shard, now)) || shard
  if (before.entries.length >= most) return { full: true }
  const short = shortages(entry.amounts, before.free)
  if (short.length > 0) return { short }
  return {
    ledger: {
      ...before,
      entries: before.entries.concat({ ...entry, state: 'held' }),
      free: subtractAmounts(before.free, entry.amounts),
    },
  }
}

/**
 * PURCHASE: turns a hold into an allocation. Doing it again changes nothing.
 * @returns undefined when there is no such entry (the hold expired)
 */
export function allocate(
  shard: PoolShardStatus,
  id: string,
  purchase: { readonly expiresAt: string; readonly buyerSignature?: string },
  now: number,
): PoolShardStatus | undefined {
  const before = expire(shard, now) ?? shard
  const entry = before.entries.findLast((other) => other.id === id)
  if (entry === undefined) return undefined
  const state = HOLD_LIFECYCLE.moves[entry.state].purchased
  if (state === undefined || state === GONE) return undefined
  if (state === entry.state) return before
  return replaceEntry(before, { ...entry, ...purchase, state })
}

/** Marks the allocation of a contract active or inactive. @returns undefined when nothing changes */
export function setActive(
  shard: PoolShardStatus,
  contractID: string,
  active: boolean,
): PoolShardStatus | undefined {
  const entry = shard.entries.find((other) => other.contractID === contractID)
  if (entry === undefined || (entry.active ?? false) === active) return undefined
  return replaceEntry(shard, { ...entry, active })
}

/** Gives back what an entry has, by transaction or contract id. @returns undefined when there is no such entry */
export function release(shard: PoolShardStatus, id: string): PoolShardStatus | undefined {
  return without(shard, (entry) => endsBy(entry, 'released') && (entry.id === id || entry.contractID === id))
}

/** Gives a hold back; what was bought is left alone. @returns undefined when there is no such hold */
export function cancel(shard: PoolShardStatus, id: string): PoolShardStatus | undefined {
  return without(shard, (entry) => entry.id === id && endsBy(entry, 'cancelled'))
}

/** Drops holds that are over. Allocations end with their contract, not here. @returns undefined when there are none */
export function expire(shard: PoolShardStatus, now: number): PoolShardStatus | undefined {
  return without(shard, (entry) => isOver(entry, now))
}

/**
 * Brings what was issued of a pool's capacity in line with what is wanted: more of it becomes free here, or
 * what is free here goes. What is sold stays sold. Of the first shard only, where all capacity comes from.
 * @returns undefined when nothing changes
 */
export function issue(shard: PoolShardStatus, wanted: Amounts): PoolShardStatus | undefined {
  const issued: Record<string, string> = { ...shard.issued }
  let { capacity, free } = shard
  let changed = false
  for (const resource of new Set([...Object.keys(wanted), ...Object.keys(issued)])) {
    const target = parseQuantity(wanted[resource] ?? '0')
    const now = parseQuantity(issued[resource] ?? '0')
    let more = subtract(target, now)
    const left = parseQuantity(free[resource] ?? '0')
    // Less than nothing free there never is.
    if (more.nanos < 0n && add(left, more).nanos < 0n) more = { ...more, nanos: -left.nanos }
    if (isZero(more) && (resource in issued || !(resource in wanted))) continue
    changed = true
    const amount = { [resource]: formatQuantity(more) }
    capacity = addAmounts(capacity, amount)
    free = addAmounts(free, amount)
    issued[resource] = formatQuantity(add(now, more))
  }
  return changed ? { ...shard, capacity, free, issued } : undefined
}

/** Takes away what is free here of more than is wanted; adds nothing. @returns undefined when nothing changes */
export function withdraw(shard: PoolShardStatus, wanted: Amounts): PoolShardStatus | undefined {
  const { issued } = shard
  if (issued === undefined) return undefined
  const excess = Object.entries(issued).filter(
    ([resource, amount]) => compare(parseQuantity(amount), parseQuantity(wanted[resource] ?? '0')) > 0,
  )
  if (excess.length === 0) return undefined
  return issue(shard, {
    ...issued,
    ...Object.fromEntries(excess.map(([resource]) => [resource, wanted[resource] ?? '0'])),
  })
}

/** @returns when the next hold is over, in milliseconds since 1970; undefined when nothing is held */
export function nextExpiry({ entries }: PoolShardStatus): number | undefined {
  let next: number | undefined
  for (const entry of entries) {
    if (!endsBy(entry, 'expired')) continue
    const time = timeOf(entry.expiresAt)
    if (next === undefined || time < next) next = time
  }
  return next
}

/** @returns whether free + held + allocated = capacity and nothing is less than none */
export function isBalanced({ entries, free, capacity }: PoolShardStatus): boolean {
  const total = entries.reduce((sum, entry) => addAmounts(sum, entry.amounts), free as Amounts)
  const resources = new Set([...Object.keys(total), ...Object.keys(capacity)])
  return [...resources].every(
    (resource) =>
      compare(parseQuantity(total[resource] ?? '0'), parseQuantity(capacity[resource] ?? '0')) === 0 &&
      compare(parseQuantity(free[resource] ?? '0'), parseQuantity('0')) >= 0,
  )
}

function isOver(entry: LedgerEntry, now: number): boolean {
  return endsBy(entry, 'expired') && timeOf(entry.expiresAt) <= now
}

/** @returns whether the life of an entry ends when this happens to it; an entry that it must not happen to stays */
function endsBy({ state }: LedgerEntry, event: keyof typeof HOLD_LIFECYCLE.events): boolean {
  return HOLD_LIFECYCLE.moves[state][event] === GONE
}

let lastText = ''
let lastTime = NaN

/** Neighbours in a ledger were mostly made in the same second: what was read last is read again. */
function timeOf(text: string): number {
  if (text !== lastText) {
    lastTime = Date.parse(text)
    lastText = text
  }
  return lastTime
}

function replaceEntry(before: PoolShardStatus, entry: LedgerEntry): PoolShardStatus {
  return { ...before, entries: before.entries.map((other) => (other.id === entry.id ? entry : other)) }
}

function without(
  before: PoolShardStatus,
  goes: (entry: LedgerEntry) => boolean,
): PoolShardStatus | undefined {
  const gone = before.entries.filter(goes)
  if (gone.length === 0) return undefined
  return {
    ...before,
    entries: before.entries.filter((entry) => !goes(entry)),
    free: gone.reduce((free, entry) => addAmounts(free, entry.amounts), before.free as Amounts),
  }
}

function refusal(code: Refusal['code'], detail: string, numbers: Record<string, string>): Refusal {
  return { code, detail, numbers }
}
