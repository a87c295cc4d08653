/**
 * Plan: what `tributary plan` showed, so that exactly that can be applied: the manifests, and for each part of an intent
 * of whom it would be bought, for how much, how large and until when.
 */
import Type, { type Static } from 'typebox'
import { PriceSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'
import { anyObject, oneOf, open } from './schema.ts'

/** Annotation of an Intent, or of a Deployment that becomes one: the plan that it is bought by. */
export const PLAN_ANNOTATION = 'tributary.io/plan'

/** What may be bought for a part: of this owner, for no more, no smaller, no shorter. */
export const PlanTermsSchema = open({
  owner: Type.String({ description: 'Node id of the owner of what is bought.' }),
  price: PriceSchema,
  amounts: Type.Record(Type.String(), Type.String()),
  until: Type.String({ description: 'RFC 3339.' }),
})
export type PlanTerms = Static<typeof PlanTermsSchema>

export const PlannedPartSchema = open({
  name: Type.String({ description: 'Of the request.' }),
  decision: oneOf(['Local', 'ExistingVirtualNode', 'Purchase', 'None']),
  terms: Type.Optional(PlanTermsSchema),
})
export type PlannedPart = Static<typeof PlannedPartSchema>

const PlanSpecSchema = open({
  manifests: Type.Array(anyObject(), { description: 'What is applied with it, in this order.' }),
  plans: Type.Array(
    open({
      kind: Type.String(),
      namespace: Type.String(),
      name: Type.String(),
      parts: Type.Array(PlannedPartSchema),
    }),
  ),
})

export interface Plan extends KubeObject {
  readonly spec: Static<typeof PlanSpecSchema>
}

export const PlanKind: KindDefinition<Plan> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Plan',
  plural: 'plans',
  singular: 'plan',
  namespaced: false,
  description: 'What a dry run showed, kept for a while, so that exactly that can be applied.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Plan'),
    metadata: MetadataSchema,
    spec: PlanSpecSchema,
  }),
  statusSubresource: false,
  writable: {
    by: 'node',
    why: 'what was shown to somebody',
    instead: 'make one with tributary plan -f',
    deletable: true,
  },
  // A manifest may be that of a Secret.
  confidential: true,
  retention: {
    mode: 'age',
    setting: 'plansMs',
    from: 'when it was made',
    since: ({ metadata }) => Date.parse(metadata.creationTimestamp),
  },
  columns: [
    {
      name: 'Of',
      path: 'spec.plans',
      render: (object) => (object as Plan).spec.plans.map(({ name }) => name).join(', '),
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
}
