/**
 * DealingSummary: what is left of contracts that are not kept any more. One for each node that was dealt with, named
 * after it.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'
import { open } from './schema.ts'

const TotalsSchema = open({
  contracts: Type.Integer({ minimum: 0 }),
  closed: Type.Integer({ minimum: 0, description: 'How many of them ended before their time.' }),
  seconds: Type.Integer({ minimum: 0, description: 'How long they were in force, together.' }),
  first: Type.String({ description: 'RFC 3339: when the first was made.' }),
  last: Type.String({ description: 'RFC 3339: when the last ended.' }),
  cost: Type.Record(Type.String(), Type.String(), {
    description: 'Decimal amount by currency: the price over the time in force.',
  }),
})
export type DealingTotals = Static<typeof TotalsSchema>

const SummedContractSchema = open({ name: Type.String(), uid: Type.String() })

const DealingSummarySpecSchema = open({ nodeID: Type.String() })
const DealingSummaryStatusSchema = open({
  bought: Type.Optional(TotalsSchema),
  sold: Type.Optional(TotalsSchema),
  // What makes counting and removing one thing: who is in here is counted, and is only removed.
  removing: Type.Array(SummedContractSchema, {
    description: 'The contracts that were counted last. All that were counted before are gone.',
  }),
})

export interface DealingSummary extends KubeObject {
  readonly spec: Static<typeof DealingSummarySpecSchema>
  readonly status?: Static<typeof DealingSummaryStatusSchema>
}

export const DealingSummaryKind: KindDefinition<DealingSummary> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'DealingSummary',
  plural: 'dealingsummaries',
  singular: 'dealingsummary',
  namespaced: true,
  description:
    'How many contracts there were with a node, and for how much, of those that are not kept any more.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('DealingSummary'),
    metadata: MetadataSchema,
    spec: DealingSummarySpecSchema,
    status: Type.Optional(DealingSummaryStatusSchema),
  }),
  // Written by one writer, in one go.
  statusSubresource: false,
  writable: { by: 'node', why: 'the sum of contracts that have ended' },
  retention: { mode: 'kept', why: 'one for each node that was dealt with; contracts are summed into it' },
  columns: [
    { name: 'Node', path: 'spec.nodeID' },
    { name: 'Bought', path: 'status.bought.contracts', type: 'integer' },
    { name: 'Sold', path: 'status.sold.contracts', type: 'integer' },
  ],
}
