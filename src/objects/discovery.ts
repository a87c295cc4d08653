/**
 * Discovery: one LIST_FLAVORS to all known nodes, asked for by a solver.
 *
 * Pure. Upstream's kind.
 */
import Type, { type Static } from 'typebox'
import { ADVERTISEMENT, PhaseStatusSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { anyObject, objectSchema, open } from './schema.ts'
import { SelectorSchema } from './selector.ts'
import { madeFor } from './writable.ts'

export const DiscoverySpecSchema = open({
  solverID: Type.String(),
  subscribe: Type.Boolean({ description: 'Keep the candidates fresh while the solver exists.' }),
  selector: Type.Optional(SelectorSchema),
})
export type DiscoverySpec = Static<typeof DiscoverySpecSchema>

export const DiscoveryStatusSchema = open({
  phase: PhaseStatusSchema,
  peeringCandidateList: Type.Optional(open({ items: Type.Optional(Type.Array(anyObject())) })),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type DiscoveryStatus = Static<typeof DiscoveryStatusSchema>

export interface Discovery extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: DiscoverySpec
  readonly status?: DiscoveryStatus
}

const description = 'A discovery: one question to all known nodes for matching flavors.'

export const DiscoveryKind: KindDefinition<Discovery> = {
  ...ADVERTISEMENT,
  kind: 'Discovery',
  plural: 'discoveries',
  singular: 'discovery',
  shortNames: ['dis'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'advertisement.fluidos.eu/v1alpha1', kind: 'Discovery' },
    DiscoverySpecSchema,
    DiscoveryStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'user', reserved: [madeFor('Discovery', 'Solver')] },
  retention: { mode: 'owned', by: 'Solver' },
  selectableFields: ['spec.solverID', 'status.phase.phase'],
  columns: [
    { name: 'Solver', path: 'spec.solverID' },
    { name: 'Type', path: 'spec.selector.flavorType', wide: true },
    { name: 'Subscribe', path: 'spec.subscribe', wide: true },
    { name: 'Status', path: 'status.phase.phase' },
    { name: 'Message', path: 'status.phase.message' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
