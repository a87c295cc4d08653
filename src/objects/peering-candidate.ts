/**
 * PeeringCandidate: a flavor of somebody else, with where it came from and until when it is good.
 *
 * Pure. Upstream's kind; `advertisement` and what follows it are ours.
 */
import Type, { type Static } from 'typebox'
import { EmbeddedFlavorSchema } from './flavor.ts'
import { ADVERTISEMENT, RawMessageSchema } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import type { KubeObject, ObjectMetadata } from './meta.ts'
import { objectSchema, open } from './schema.ts'

export const PeeringCandidateSpecSchema = open({
  interestedSolverIDs: Type.Array(Type.String()),
  flavor: EmbeddedFlavorSchema,
  available: Type.Boolean(),
  advertisement: Type.Optional(RawMessageSchema),
  source: Type.Optional(
    open(
      { nodeID: Type.String(), address: Type.String() },
      { description: 'Who told us, and where it answered.' },
    ),
  ),
  via: Type.Optional(
    Type.Array(Type.String(), { description: 'Nodes that relay to the owner, nearest first.' }),
  ),
  seenAt: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  validUntil: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  rating: Type.Optional(Type.Number({ description: 'Rating of the provider as the source states it.' })),
})
export type PeeringCandidateSpec = Static<typeof PeeringCandidateSpecSchema>

export const PeeringCandidateStatusSchema = open({
  creationTime: Type.String(),
  lastUpdateTime: Type.String(),
})
export type PeeringCandidateStatus = Static<typeof PeeringCandidateStatusSchema>

export interface PeeringCandidate extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: PeeringCandidateSpec
  readonly status?: PeeringCandidateStatus
}

const description = 'A peering candidate: an offer of another node that might be bought.'

export const PeeringCandidateKind: KindDefinition<PeeringCandidate> = {
  ...ADVERTISEMENT,
  kind: 'PeeringCandidate',
  plural: 'peeringcandidates',
  singular: 'peeringcandidate',
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'advertisement.fluidos.eu/v1alpha1', kind: 'PeeringCandidate' },
    PeeringCandidateSpecSchema,
    PeeringCandidateStatusSchema,
    description,
  ),
  statusSubresource: true,
  columns: [
    { name: 'Flavor', path: 'spec.flavor.metadata.name' },
    { name: 'Provider', path: 'spec.flavor.spec.providerID' },
    { name: 'Domain', path: 'spec.flavor.spec.owner.domain' },
    { name: 'Type', path: 'spec.flavor.spec.flavorType.typeIdentifier', wide: true },
    { name: 'CPU', path: 'spec.flavor.spec.flavorType.typeData.characteristics.cpu' },
    { name: 'Memory', path: 'spec.flavor.spec.flavorType.typeData.characteristics.memory' },
    { name: 'Price', path: 'spec.flavor.spec.price.amount', wide: true },
    { name: 'Available', path: 'spec.available' },
    { name: 'Source', path: 'spec.source.nodeID', wide: true },
    { name: 'Valid until', path: 'spec.validUntil', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
