/** The first shard of a pool: always there, and where capacity is issued and withdrawn. Pure. */
import { createHash } from 'node:crypto'
import type { NewObject, ObjectKey } from '../objects/meta.ts'
import { ownedBy } from '../objects/meta.ts'
import type { Pool } from '../objects/pool.ts'
import { POOL_LABEL, type LedgerEntry, type PoolShard, type PoolShardStatus } from '../objects/pool-shard.ts'
import { addAmounts, atLeastZero, type Amounts } from '../quantity/amounts.ts'
import { newLedger, wantedOf } from './ledger.ts'

let lastUid = ''
let lastTag = ''

/** @returns eight hexadecimal digits that tell pools of one node apart, also those that had the same name */
export function poolTag({ metadata: { uid } }: Pool): string {
  // It is asked for several times for every hold.
  if (uid !== lastUid) {
    lastTag = createHash('sha256').update(uid).digest('hex').slice(0, 8)
    lastUid = uid
  }
  return lastTag
}

/** @returns the key of the first shard; follows from the pool, so that two who make it make the same */
export function firstShardKey(pool: Pool): ObjectKey & { readonly namespace: string } {
  return { namespace: pool.metadata.namespace ?? 'default', name: `${pool.metadata.name}-${poolTag(pool)}` }
}

/** @returns the first shard as it is created: with all that is wanted, or with the ledger that the pool had itself */
export function firstShard(pool: Pool): NewObject<PoolShard> {
  return shardOf(pool, firstShardKey(pool), formerLedger(pool) ?? withIssued(newLedger(wantedOf(pool.spec))))
}

/** @returns a further shard, with nothing in it yet. `name` must never have been that of another */
export function furtherShard(pool: Pool, name: string): NewObject<PoolShard> {
  return shardOf(pool, { ...firstShardKey(pool), name }, newLedger())
}

function shardOf(
  pool: Pool,
  key: ObjectKey & { readonly namespace: string },
  status: PoolShardStatus,
): NewObject<PoolShard> {
  return {
    metadata: {
      ...key,
      labels: { [POOL_LABEL]: pool.metadata.name },
      ownerReferences: [ownedBy(pool)],
    },
    spec: { poolName: pool.metadata.name },
    status,
  }
}

/** Until there were shards, the status of the pool was the ledger. It is left as it is until the shard has it. */
function formerLedger(pool: Pool): PoolShardStatus | undefined {
  const { entries, free } = (pool.status ?? {}) as { entries?: readonly LedgerEntry[]; free?: Amounts }
  if (entries === undefined) return undefined
  // More was sold than there was after the capacity had shrunk: less than nothing was free.
  const left = atLeastZero(free ?? {})
  const capacity = entries.reduce<Amounts>((sum, { amounts }) => addAmounts(sum, amounts), left)
  return withIssued({ revision: 0, capacity, free: left, entries: [...entries] })
}

function withIssued(ledger: PoolShardStatus): PoolShardStatus {
  return { ...ledger, issued: ledger.capacity }
}
