/**
 * RatingStatement: what one party of a contract says of the other, signed, as a catalog keeps it.
 *
 * Pure. One for each contract and author; a later one takes the place of an earlier.
 */
import Type, { type Static } from 'typebox'
import { RawMessageSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'

const RatingStatementSpecSchema = Type.Object({
  author: Type.String({ description: 'Node id of the party that says it.' }),
  about: Type.String({ description: 'Node id of the other party.' }),
  contractID: Type.String(),
  score: Type.Number({ minimum: 0, maximum: 5 }),
  at: Type.String({ description: 'RFC 3339.' }),
  statement: RawMessageSchema,
})
export type RatingStatementSpec = Static<typeof RatingStatementSpecSchema>

export interface RatingStatement extends KubeObject {
  readonly spec: RatingStatementSpec
}

export const RatingStatementKind: KindDefinition<RatingStatement> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'RatingStatement',
  plural: 'ratingstatements',
  singular: 'ratingstatement',
  namespaced: true,
  description: 'What a party of a contract published of the other.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('RatingStatement'),
    metadata: MetadataSchema,
    spec: RatingStatementSpecSchema,
  }),
  statusSubresource: false,
  writable: { by: 'node', why: 'signed by who rates' },
  retention: {
    mode: 'kept',
    why: 'the published rating rests on it; one for each contract and author',
  },
  selectableFields: ['spec.about', 'spec.author', 'spec.contractID'],
  columns: [
    { name: 'About', path: 'spec.about' },
    { name: 'Score', path: 'spec.score' },
    { name: 'Author', path: 'spec.author' },
    { name: 'Contract', path: 'spec.contractID', wide: true },
  ],
}
