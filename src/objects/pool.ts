/**
 * Pool: one thing that can be divided and sold, with the ledger of who has which part of it.
 *
 * Every RESERVE, PURCHASE, expiry and release is one compare-and-swap on one Pool; flavors,
 * transactions and allocations are derived from it. That is why nothing is sold twice.
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

const PoolSpecSchema = Type.Object({
  flavorType: Type.Union([
    Type.Literal('k8slice'),
    Type.Literal('vm'),
    Type.Literal('service'),
    Type.Literal('sensor'),
  ]),
  capacity: AmountsSchema,
  partition: Type.Object(
    {
      minimum: Type.Optional(AmountsSchema),
      step: Type.Optional(AmountsSchema),
      maximum: Type.Optional(AmountsSchema),
    },
    { description: 'The smallest part, the granularity and the largest part that is sold, per resource.' },
  ),
  /** `typeData` of the flavor besides its amounts: architecture, properties, description, … */
  data: Type.Record(Type.String(), Type.Unknown()),
  price: Type.Object({ amount: Type.String(), currency: Type.String(), period: Type.String() }),
  location: Type.Optional(Type.Record(Type.String(), Type.String())),
  visibility: Type.Optional(
    Type.Union([Type.Literal('internal'), Type.Literal('listed'), Type.Literal('public')]),
  ),
  retired: Type.Optional(
    Type.Boolean({ description: 'No longer on offer; kept while contracts run on it.' }),
  ),
  /** What a buyer of a non-k8slice flavor gets in the contract. */
  access: Type.Optional(Type.Record(Type.String(), Type.String())),
})
export type PoolSpec = Static<typeof PoolSpecSchema>

const PoolStatusSchema = Type.Object({
  revision: Type.Integer({ description: 'Counts changes of what is free; part of the name of the flavor.' }),
  entries: Type.Array(LedgerEntrySchema),
  free: AmountsSchema,
})
export type PoolStatus = Static<typeof PoolStatusSchema>

export interface Pool extends KubeObject {
  readonly spec: PoolSpec
  readonly status?: PoolStatus
}

export const PoolKind: KindDefinition<Pool> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Pool',
  plural: 'pools',
  singular: 'pool',
  namespaced: true,
  description: 'A divisible resource for sale and the ledger of its holds and allocations.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Pool'),
    metadata: MetadataSchema,
    spec: PoolSpecSchema,
    status: Type.Optional(PoolStatusSchema),
  }),
  statusSubresource: true,
  columns: [
    { name: 'Type', path: 'spec.flavorType' },
    { name: 'CPU', path: 'spec.capacity.cpu' },
    { name: 'Memory', path: 'spec.capacity.memory' },
    { name: 'Free-CPU', path: 'status.free.cpu' },
    { name: 'Free-Memory', path: 'status.free.memory' },
    { name: 'Revision', path: 'status.revision', type: 'integer', wide: true },
  ],
}
