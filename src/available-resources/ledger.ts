/**
 * The ledger of a Pool: who holds and who has which part of it. Pure functions from pool to pool.
 *
 * Invariant: free + held + allocated = capacity, for every resource, at every instant. A caller
 * stores the result with one compare-and-swap on the Pool; nothing else decides about capacity.
 */
import { addAmounts, isMultipleOf, shortages, subtractAmounts, type Amounts } from '../quantity/amounts.ts'
import { compare, isZero, parseQuantity } from '../quantity/index.ts'
import type { LedgerEntry, Pool, PoolSpec, PoolStatus } from '../objects/pool.ts'

/** Why a request cannot be served from a pool. `numbers` explain it. */
export interface Refusal {
  readonly code: 'insufficient-capacity' | 'not-partitionable' | 'wrong-configuration'
  readonly detail: string
  readonly numbers: Readonly<Record<string, string>>
}

/** @returns the ledger of a pool, an empty one when it is new */
export function ledgerOf(pool: Pool): PoolStatus {
  return pool.status ?? { revision: 0, entries: [], free: pool.spec.capacity }
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

/**
 * RESERVE: puts a hold into the ledger. Holding again under the same id changes nothing.
 * @param now milliseconds since 1970; holds that are over by then are dropped first
 */
export function hold(
  pool: Pool,
  entry: Omit<LedgerEntry, 'state'>,
  now: number,
): { readonly status: PoolStatus } | { readonly refusal: Refusal } {
  const before = expire(pool, now) ?? ledgerOf(pool)
  if (before.entries.some((other) => other.id === entry.id)) return { status: before }
  if (pool.spec.retired === true)
    return { refusal: refusal('insufficient-capacity', 'no longer on offer', {}) }
  const notPartitionable = partitionRefusal(pool.spec, entry.amounts)
  if (notPartitionable) return { refusal: notPartitionable }
  const short = shortages(entry.amounts, before.free)
  if (short.length > 0) {
    return {
      refusal: refusal(
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
      ),
    }
  }
  return {
    status: {
      revision: before.revision + 1,
      entries: [...before.entries, { ...entry, state: 'held' }],
      free: subtractAmounts(before.free, entry.amounts),
    },
  }
}

/**
 * PURCHASE: turns a hold into an allocation. Doing it again changes nothing.
 * @returns undefined when there is no such entry (the hold expired)
 */
export function allocate(
  pool: Pool,
  id: string,
  purchase: { readonly expiresAt: string; readonly buyerSignature?: string },
  now: number,
): PoolStatus | undefined {
  const before = expire(pool, now) ?? ledgerOf(pool)
  const entry = before.entries.findLast((other) => other.id === id)
  if (entry === undefined) return undefined
  if (entry.state === 'allocated') return before
  return replaceEntry(before, { ...entry, ...purchase, state: 'allocated' })
}

/** Marks the allocation of a contract active or inactive. @returns undefined when nothing changes */
export function setActive(pool: Pool, contractID: string, active: boolean): PoolStatus | undefined {
  const before = ledgerOf(pool)
  const entry = before.entries.find((other) => other.contractID === contractID)
  if (entry === undefined || (entry.active ?? false) === active) return undefined
  return replaceEntry(before, { ...entry, active })
}

/** Gives back what an entry has, by transaction or contract id. @returns undefined when there is no such entry */
export function release(pool: Pool, id: string): PoolStatus | undefined {
  return without(pool, (entry) => entry.id === id || entry.contractID === id)
}

/** Gives a hold back; what was bought is left alone. @returns undefined when there is no such hold */
export function cancel(pool: Pool, id: string): PoolStatus | undefined {
  return without(pool, (entry) => entry.id === id && entry.state === 'held')
}

/** Drops holds that are over. Allocations end with their contract, not here. @returns undefined when there are none */
export function expire(pool: Pool, now: number): PoolStatus | undefined {
  return without(pool, (entry) => entry.state === 'held' && Date.parse(entry.expiresAt) <= now)
}

/** Makes a new revision of the same ledger, for what is said of the pool besides. */
export function renew(pool: Pool): PoolStatus {
  const before = ledgerOf(pool)
  return { ...before, revision: before.revision + 1 }
}

/** @returns when the next hold is over, in milliseconds since 1970; undefined when nothing is held */
export function nextExpiry(pool: Pool): number | undefined {
  const times = ledgerOf(pool)
    .entries.filter((entry) => entry.state === 'held')
    .map((entry) => Date.parse(entry.expiresAt))
  return times.length === 0 ? undefined : Math.min(...times)
}

/** @returns whether free + held + allocated = capacity, what every test of the market asserts */
export function isBalanced(pool: Pool): boolean {
  const { entries, free } = ledgerOf(pool)
  const total = entries.reduce((sum, entry) => addAmounts(sum, entry.amounts), free as Amounts)
  const resources = new Set([...Object.keys(total), ...Object.keys(pool.spec.capacity)])
  return [...resources].every(
    (resource) =>
      compare(parseQuantity(total[resource] ?? '0'), parseQuantity(pool.spec.capacity[resource] ?? '0')) ===
        0 && compare(parseQuantity(free[resource] ?? '0'), parseQuantity('0')) >= 0,
  )
}

function replaceEntry(before: PoolStatus, entry: LedgerEntry): PoolStatus {
  return { ...before, entries: before.entries.map((other) => (other.id === entry.id ? entry : other)) }
}

/** What is free changes with the entries, and with it the revision, hence the flavor. */
function without(pool: Pool, goes: (entry: LedgerEntry) => boolean): PoolStatus | undefined {
  const before = ledgerOf(pool)
  const gone = before.entries.filter(goes)
  if (gone.length === 0) return undefined
  return {
    revision: before.revision + 1,
    entries: before.entries.filter((entry) => !goes(entry)),
    free: gone.reduce((free, entry) => addAmounts(free, entry.amounts), before.free as Amounts),
  }
}

function refusal(code: Refusal['code'], detail: string, numbers: Record<string, string>): Refusal {
  return { code, detail, numbers }
}
