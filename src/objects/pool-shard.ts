/**
 * PoolShard: a part of the capacity of a Pool, with the ledger of who holds and who has which part of it.
 *
 * Every RESERVE, PURCHASE, expiry and release is one compare-and-swap on one shard; flavors, transactions,
 * allocations and the status of the pool are derived. That is why nothing is sold twice. Most pools have one
 * shard; a shard takes a bounded number of entries, so that a pool may have any number. Written by Available
 * Resources alone.
 */
import Type, { type Static } from 'typebox'
import { AmountsSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

const LedgerEntrySchema = Type.Object({
  id: Type.String({ description: 'The transaction that made the entry.' }),
  state: Type.Union([Type.Literal('held'), Type.Literal('allocated')]),
  contractID: Type.String(),
  buyer: Type.String(),
  flavorID: Type.String({ description: 'The flavor that was asked for.' }),
  amounts: AmountsSchema,
  expiresAt: Type.String({
    description: 'RFC 3339. Of the hold while held, of the contract once allocated.',
  }),
  buyerSignature: Type.Optional(
    Type.String({ description: 'So that a purchase can be completed after a crash.' }),
  ),
  active: Type.Optional(Type.Boolean({ description: 'Whether the virtual node is in use.' })),
  forwarding: Type.Optional(Type.Boolean({ description: 'Sold on behalf of another node.' })),
})
export type LedgerEntry = Static<typeof LedgerEntrySchema>

const TransferSchema = Type.Object({
  id: Type.String(),
  to: Type.String({ description: 'The shard that is to receive it.' }),
  amounts: AmountsSchema,
})
/** Free capacity that left one shard and may not have arrived at another. */
export type Transfer = Static<typeof TransferSchema>

const ReceiptSchema = Type.Object({
  id: Type.String(),
  from: Type.String({ description: 'The shard that sent it.' }),
})
/** Says that a transfer arrived, until its sender has forgotten it. */
export type Receipt = Static<typeof ReceiptSchema>

const PoolShardStatusSchema = Type.Object(
  {
    revision: Type.Integer({ description: 'Counts the writes of this shard.' }),
    capacity: AmountsSchema,
    free: AmountsSchema,
    entries: Type.Array(LedgerEntrySchema),
    issued: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description:
          'Of the first shard: the capacity of all shards together, and what moves between them. Capacity comes ' +
          'into being, and goes, here only.',
      }),
    ),
    outgoing: Type.Optional(
      Type.Array(TransferSchema, { description: 'Sent, and perhaps not yet received.' }),
    ),
    received: Type.Optional(
      Type.Array(ReceiptSchema, { description: 'Arrived, and perhaps not yet forgotten by the sender.' }),
    ),
  },
  { description: 'free + held + allocated = capacity, at every instant.' },
)
export type PoolShardStatus = Static<typeof PoolShardStatusSchema>

export interface PoolShard extends KubeObject {
  readonly spec: { readonly poolName: string }
  readonly status: PoolShardStatus
}

/** The label of a shard that names its pool. */
export const POOL_LABEL = 'tributary.io/pool'

export const PoolShardKind: KindDefinition<PoolShard> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'PoolShard',
  plural: 'poolshards',
  singular: 'poolshard',
  namespaced: true,
  description: 'A part of the capacity of a pool, and the ledger of its holds and allocations.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('PoolShard'),
    metadata: MetadataSchema,
    spec: Type.Object({ poolName: Type.String() }),
    status: PoolShardStatusSchema,
  }),
  // A shard must never be seen without its ledger, not even when it was just created.
  statusSubresource: false,
  writable: { by: 'node', why: 'a part of the ledger' },
  retention: { mode: 'owned', by: 'Pool' },
  columns: [
    { name: 'Pool', path: 'spec.poolName' },
    {
      name: 'Entries',
      path: 'status.revision',
      type: 'integer',
      render: (object) => String((object as Partial<PoolShard>).status?.entries.length ?? 0),
    },
    { name: 'CPU', path: 'status.capacity.cpu' },
    { name: 'Free-CPU', path: 'status.free.cpu' },
    { name: 'Memory', path: 'status.capacity.memory', wide: true },
    { name: 'Free-Memory', path: 'status.free.memory', wide: true },
    { name: 'Revision', path: 'status.revision', type: 'integer', wide: true },
  ],
}
