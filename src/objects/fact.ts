/** Fact: one thing that happened in a dealing with another node. Ratings are computed from facts alone. */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'
import { oneOf } from './schema.ts'

/** What can be said of a dealing, and how good it was for the one who says it (0 worst, 1 best). */
export const FACT_VALUES = {
  // It sold what it offered; what it delivers is still to be seen.
  Purchased: 0.6,
  Refused: 0.4,
  Unreachable: 0,
  InvalidAnswer: 0,
  PeeringFailed: 0,
  Delivered: 1,
  Breached: 0,
  ClosedByBuyer: 0.8,
  ClosedBySeller: 0.2,
  Expired: 0.9,
} as const
export type FactType = keyof typeof FACT_VALUES
/** How a contract may end: one of these, and only one, is true of each that did. */
export const CONTRACT_ENDS: readonly FactType[] = ['Expired', 'ClosedByBuyer', 'ClosedBySeller']
const FACT_TYPES = Object.keys(FACT_VALUES) as FactType[]

const FactSpecSchema = Type.Object({
  about: Type.String({ description: 'Node id of the other side.' }),
  type: oneOf(FACT_TYPES),
  at: Type.String({ description: 'RFC 3339.' }),
  contractID: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
})

export interface Fact extends KubeObject {
  readonly spec: Static<typeof FactSpecSchema>
}

export const FactKind: KindDefinition<Fact> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Fact',
  plural: 'facts',
  singular: 'fact',
  namespaced: true,
  description: 'Something that happened in a dealing with another node.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Fact'),
    metadata: MetadataSchema,
    spec: FactSpecSchema,
  }),
  statusSubresource: false,
  writable: { by: 'node', why: 'what was noted of a deal' },
  retention: {
    mode: 'age',
    setting: 'factsMs',
    from: 'when it happened',
    since: ({ spec }) => Date.parse(spec.at),
    summedInto: 'Rating',
  },
  selectableFields: ['spec.type', 'spec.about', 'spec.contractID'],
  columns: [
    { name: 'Type', path: 'spec.type' },
    { name: 'About', path: 'spec.about' },
    { name: 'Contract', path: 'spec.contractID', wide: true },
  ],
}
