/** What tests ask of pools and their shards: who holds what, and whether it all adds up. */
import { isBalanced, wantedOf } from '../../src/available-resources/index.ts'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { controllerOf } from '../../src/objects/meta.ts'
import { PoolShardKind, type LedgerEntry, type PoolShard } from '../../src/objects/pool-shard.ts'
import { PoolKind, type Pool } from '../../src/objects/pool.ts'
import {
  addAmounts,
  sameAmounts,
  somethingOf,
  subtractAmounts,
  type Amounts,
} from '../../src/quantity/amounts.ts'

/** A pool with its shards, as they are stored. */
export interface StoredPool {
  readonly pool: Pool
  readonly shards: readonly PoolShard[]
}

export async function storedPools(store: ObjectStore): Promise<readonly StoredPool[]> {
  const [pools, shards] = [await store.list(PoolKind), await store.list(PoolShardKind)]
  return pools.items.map((pool) => ({
    pool,
    shards: shards.items.filter((shard) => controllerOf(shard)?.uid === pool.metadata.uid),
  }))
}

/** @returns the entries of all ledgers of a node */
export async function ledgerEntries(store: ObjectStore): Promise<readonly LedgerEntry[]> {
  return (await store.list(PoolShardKind)).items.flatMap(({ status }) => status.entries)
}

/** @returns what left one shard and did not arrive at another */
export function inTransit(shards: readonly PoolShard[]): Amounts {
  const arrived = new Set(shards.flatMap(({ status }) => status.received?.map(({ id }) => id) ?? []))
  return shards
    .flatMap(({ status }) => status.outgoing ?? [])
    .filter(({ id }) => !arrived.has(id))
    .reduce<Amounts>((sum, { amounts }) => addAmounts(sum, amounts), {})
}

/**
 * @returns what is wrong with a pool, at whatever moment: free + held + allocated of each shard is its capacity,
 *   the shards and what moves have together what was issued, and that is no more than is wanted or sold
 */
export function poolFaults({ pool, shards }: StoredPool): readonly string[] {
  const { name } = pool.metadata
  const faults = shards
    .filter(({ status }) => !isBalanced(status))
    .map((shard) => `shard ${shard.metadata.name} does not add up: ${JSON.stringify(shard.status)}`)
  const capacity = shards.reduce<Amounts>(
    (sum, { status }) => addAmounts(sum, status.capacity),
    inTransit(shards),
  )
  const issued = shards.find(({ status }) => status.issued !== undefined)?.status.issued ?? {}
  if (!sameAmounts(capacity, issued))
    faults.push(`pool ${name} has ${JSON.stringify(capacity)} of ${JSON.stringify(issued)} that were issued`)
  const entries = shards.flatMap(({ status }) => status.entries)
  const sold = entries.reduce<Amounts>((sum, { amounts }) => addAmounts(sum, amounts), {})
  const tooMuch = somethingOf(subtractAmounts(capacity, wantedOf(pool.spec)))
  for (const resource of Object.keys(tooMuch)) {
    const unsold = somethingOf({ [resource]: subtractAmounts(capacity, sold)[resource]! })
    if (Object.keys(unsold).length > 0) faults.push(`pool ${name} has too much ${resource}`)
  }
  if (new Set(entries.map(({ id }) => id)).size !== entries.length)
    faults.push(`pool ${name} has an entry twice`)
  return faults
}
