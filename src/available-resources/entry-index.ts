/**
 * Which pool has which ledger entry, kept in line with the pools event by event. It may lag behind the store.
 *
 * A pool has as many entries as live contracts, and changes with every one of them: what stays the same from
 * one version to the next (the store shares it) is not looked at again. Used in this folder only.
 */
import type { InformerEvent } from '../kernel/informer.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import type { LedgerEntry, Pool } from '../objects/pool.ts'
import { allocationName } from './allocation-name.ts'
import { ledgerOf } from './ledger.ts'

export interface EntryPlace {
  readonly pool: ObjectKey
  readonly contractID: string
}

export class EntryIndex {
  readonly #places = new Map<string, EntryPlace>()

  /** @returns where the entry of a transaction, a contract or an allocation (by name) is, as far as is known */
  placeOf(id: string): EntryPlace | undefined {
    return this.#places.get(id)
  }

  /** Takes a change of a pool in. */
  apply({ type, object, before }: InformerEvent<Pool>): void {
    const pool = keyOf(object)
    const { gone, come } = changedEntries(
      type === 'added' ? undefined : (before ?? object),
      type === 'deleted' ? undefined : object,
    )
    for (const entry of gone) for (const id of idsOf(entry)) this.#places.delete(id)
    for (const entry of come) {
      const place = { pool, contractID: entry.contractID }
      for (const id of idsOf(entry)) this.#places.set(id, place)
    }
  }

  clear(): void {
    this.#places.clear()
  }
}

/** @returns the entries that only one of two versions of a pool has; a changed one is in both lists */
export function changedEntries(
  before: Pool | undefined,
  after: Pool | undefined,
): { readonly gone: readonly LedgerEntry[]; readonly come: readonly LedgerEntry[] } {
  const old = before ? ledgerOf(before).entries : []
  const now = after ? ledgerOf(after).entries : []
  const shorter = Math.min(old.length, now.length)
  let start = 0
  while (start < shorter && old[start] === now[start]) start++
  let end = 0
  while (end < shorter - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end++
  const removed = old.slice(start, old.length - end)
  const added = now.slice(start, now.length - end)
  const known = new Set(removed)
  const kept = new Set(added)
  return {
    gone: removed.filter((entry) => !kept.has(entry)),
    come: added.filter((entry) => !known.has(entry)),
  }
}

function idsOf({ id, contractID }: LedgerEntry): readonly string[] {
  return [id, contractID, allocationName(contractID)]
}
