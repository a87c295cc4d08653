/**
 * Pool: one thing that can be divided and sold. The spec says what is wanted; who has which part of it is in
 * its PoolShards (pool-shard.ts), and the status sums them up. Nothing is decided on the status.
 */
import Type, { type Static } from 'typebox'
import { AmountsSchema, PriceSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

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
  price: PriceSchema,
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
  revision: Type.Integer({
    description: 'Counts changes of what is on offer; part of the name of the flavor.',
  }),
  free: AmountsSchema,
  holds: Type.Integer({ description: 'How many parts are held for buyers.' }),
  allocations: Type.Integer({ description: 'How many parts are sold.' }),
  offer: Type.Optional(
    Type.String({ description: 'A digest of what is on offer: another one makes another revision.' }),
  ),
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
  description: 'A divisible resource for sale; its shards are the ledger of holds and allocations.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Pool'),
    metadata: MetadataSchema,
    spec: PoolSpecSchema,
    status: Type.Optional(PoolStatusSchema),
  }),
  statusSubresource: true,
  writable: {
    by: 'user',
    reserved: [
      {
        what: 'the ledger of a Pool of which parts are held or sold, which goes with it,',
        instead: 'set spec.retired to sell no more of it; it can be deleted when the last contract has ended',
        touches: ({ before, after }) =>
          after === undefined && (before?.status?.holds ?? 0) + (before?.status?.allocations ?? 0) > 0,
      },
    ],
  },
  confidentialFields: [['spec', 'access']],
  retention: { mode: 'kept', why: 'what is for sale; the ledger drops what has ended' },
  columns: [
    { name: 'Type', path: 'spec.flavorType' },
    { name: 'CPU', path: 'spec.capacity.cpu' },
    { name: 'Memory', path: 'spec.capacity.memory' },
    { name: 'Free-CPU', path: 'status.free.cpu' },
    { name: 'Free-Memory', path: 'status.free.memory' },
    { name: 'Holds', path: 'status.holds', type: 'integer', wide: true },
    { name: 'Allocations', path: 'status.allocations', type: 'integer', wide: true },
    { name: 'Revision', path: 'status.revision', type: 'integer', wide: true },
  ],
}
