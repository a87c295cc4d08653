/**
 * Lease: Kubernetes' `coordination.k8s.io/v1` kind. Who holds one does alone what only one process may do;
 * `kernel/leader-election.ts` takes and renews it.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { type KubeObject, MetadataSchema, type ObjectMetadata } from '../meta.ts'
import { closed, oneOf } from '../schema.ts'

const opt = Type.Optional

/** Times are RFC 3339 with microseconds, UTC. */
export const LeaseSpecSchema = closed({
  holderIdentity: opt(Type.String({ description: 'Who holds it; empty or absent: nobody.' })),
  leaseDurationSeconds: opt(
    Type.Integer({ minimum: 1, description: 'Others leave it alone for so long after they saw it renewed.' }),
  ),
  acquireTime: opt(Type.String({ description: 'When its holder took it.' })),
  renewTime: opt(Type.String({ description: 'When its holder last said that it lives.' })),
  leaseTransitions: opt(Type.Integer({ description: 'How often it went from one holder to another.' })),
  strategy: opt(Type.String()),
  preferredHolder: opt(Type.String()),
})
export type LeaseSpec = Static<typeof LeaseSpecSchema>

export interface Lease extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: LeaseSpec
}

const description = 'A lease: who holds it does alone what only one may do.'

export const LeaseKind: KindDefinition<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  namespaced: true,
  schema: Type.Object(
    {
      apiVersion: opt(oneOf(['coordination.k8s.io/v1'])),
      kind: opt(oneOf(['Lease'])),
      metadata: MetadataSchema,
      spec: LeaseSpecSchema,
    },
    { description, additionalProperties: false },
  ),
  statusSubresource: false,
  writable: { by: 'node', why: 'held by a process of the node' },
  retention: { mode: 'component', by: 'who holds it', until: 'it is given up' },
  columns: [
    { name: 'Holder', path: 'spec.holderIdentity' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
