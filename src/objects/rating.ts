/** Rating: what past dealings with one node are worth, computed from facts. One per node, named after it. */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

const RatingSpecSchema = Type.Object({ nodeID: Type.String() })
/**
 * What is left of facts that are not kept any more: all that happened before `until`. Their weights halve with time as
 * those of facts do, so that the sum at any later time is the sum at `at`, decayed.
 */
const FactSumSchema = Type.Object({
  until: Type.String({ description: 'RFC 3339 with milliseconds: what happened before is in the sum.' }),
  at: Type.String({ description: 'RFC 3339 with milliseconds: when the facts weighed so much.' }),
  weight: Type.Number({ minimum: 0 }),
  value: Type.Number({ minimum: 0, description: 'Sum of weight times value.' }),
  facts: Type.Integer({ minimum: 0 }),
})
export type FactSum = Static<typeof FactSumSchema>

const RatingStatusSchema = Type.Object({
  score: Type.Number({ minimum: 0, maximum: 5, description: 'From 0 to 5; 2.5 when nothing is known.' }),
  facts: Type.Integer({ description: 'How many facts it rests on.' }),
  confidence: Type.Number({ minimum: 0, maximum: 1 }),
  updated: Type.String(),
  summed: Type.Optional(FactSumSchema),
})

export interface Rating extends KubeObject {
  readonly spec: Static<typeof RatingSpecSchema>
  readonly status?: Static<typeof RatingStatusSchema>
}

export const RatingKind: KindDefinition<Rating> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Rating',
  plural: 'ratings',
  singular: 'rating',
  namespaced: true,
  description: 'How well past dealings with a node went.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Rating'),
    metadata: MetadataSchema,
    spec: RatingSpecSchema,
    status: Type.Optional(RatingStatusSchema),
  }),
  // Written by one writer, in one go.
  statusSubresource: false,
  writable: { by: 'node', why: 'derived from facts' },
  retention: { mode: 'kept', why: 'one for each node that was dealt with; facts are summed into it' },
  columns: [
    { name: 'Node', path: 'spec.nodeID' },
    { name: 'Score', path: 'status.score' },
    { name: 'Facts', path: 'status.facts', type: 'integer' },
  ],
}
