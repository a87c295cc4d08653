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
  apply(event: InformerEvent<Pool>): void {
    const pool = keyOf(event.object)
    const { gone, come } = changedEntries(event)
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

/** @returns the entries that only one of the two versions of the pool has; a changed one is in both lists */
export function changedEntries({ type, object, before }: InformerEvent<Pool>): {
  readonly gone: readonly LedgerEntry[]
  readonly come: readonly LedgerEntry[]
} {
  const old = type === 'added' ? [] : ledgerOf(before ?? object).entries
  const now = type === 'deleted' ? [] : ledgerOf(object).entries
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
