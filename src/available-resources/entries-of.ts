/** Which ledger entries a change of a shard touched, for the watches of controllers. Pure. */
import type { InformerEvent } from '../kernel/informer.ts'
import type { LedgerEntry, PoolShard } from '../objects/pool-shard.ts'
import { changedEntries } from './changed-entries.ts'

/** @returns the entries that came, went or changed, each once, as it is now where it is */
export function entriesOf({ type, object, before }: InformerEvent<PoolShard>): readonly LedgerEntry[] {
  const old = type === 'added' ? [] : (before ?? object).status.entries
  const { gone, come } = changedEntries(old, type === 'deleted' ? [] : object.status.entries)
  if (gone.length === 0) return come
  const ids = new Set(come.map(({ id }) => id))
  return [...come, ...gone.filter(({ id }) => !ids.has(id))]
}
