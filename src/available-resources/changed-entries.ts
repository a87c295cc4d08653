/** What changed from one version of a ledger to the next, told by what the entries say. Pure. */
import type { LedgerEntry } from '../objects/pool-shard.ts'

/**
 * @returns the entries that only one of two versions of a ledger has; a changed one is in both lists. The cost
 *   is that of looking at each entry once
 */
export function changedEntries(
  before: readonly LedgerEntry[],
  after: readonly LedgerEntry[],
): { readonly gone: readonly LedgerEntry[]; readonly come: readonly LedgerEntry[] } {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && isSame(before[start]!, after[start]!)) start++
  let end = 0
  while (end < shorter - start && isSame(before[before.length - 1 - end]!, after[after.length - 1 - end]!))
    end++
  const removed = before.slice(start, before.length - end)
  const added = after.slice(start, after.length - end)
  if (removed.length === 0 || added.length === 0) return { gone: removed, come: added }
  const known = new Map(removed.map((entry) => [entry.id, entry]))
  const kept = new Map(added.map((entry) => [entry.id, entry]))
  const isIn = (entries: ReadonlyMap<string, LedgerEntry>, entry: LedgerEntry): boolean => {
    const other = entries.get(entry.id)
    return other !== undefined && isSame(entry, other)
  }
  return {
    gone: removed.filter((entry) => !isIn(kept, entry)),
    come: added.filter((entry) => !isIn(known, entry)),
  }
}

/** The amounts, the buyer and the flavor of an entry are those of its transaction, and stay. */
function isSame(a: LedgerEntry, b: LedgerEntry): boolean {
  if (a === b) return true
  return (
    a.id === b.id &&
    a.state === b.state &&
    (a.active ?? false) === (b.active ?? false) &&
    a.expiresAt === b.expiresAt &&
    a.contractID === b.contractID &&
    a.buyerSignature === b.buyerSignature &&
    (a.forwarding ?? false) === (b.forwarding ?? false)
  )
}
