/**
 * PeeringCandidate: a flavor of somebody else, with where it came from and until when it is good.
 *
 * Pure. Upstream's kind; `advertisement` and what follows it are ours. A catalog, which has very many, stores
 * the compact form: the message as text, and of the flavor in it only what tells entries apart. What is left of
 * an offer that is gone is its `offer` alone, so that an older one is known for what it is.
 */
import Type, { type Static } from 'typebox'
import { EmbeddedFlavorSchema, type EmbeddedFlavor } from './flavor.ts'
import { ADVERTISEMENT, RawMessageSchema } from './fluidos-common.ts'
import type { KindDefinition, PrinterColumn } from './kind.ts'
import type { KubeObject, ObjectMetadata } from './meta.ts'
import { priceColumn, priceText } from './price-column.ts'
import { objectSchema, oneOf, open } from './schema.ts'

/** How an entry came to be: we asked, its owner told us, or a catalog pushed it to us. */
export const CANDIDATE_ORIGINS = ['discovered', 'advertised', 'subscribed', 'mirrored'] as const
export type CandidateOrigin = (typeof CANDIDATE_ORIGINS)[number]

export const PeeringCandidateSpecSchema = open({
  interestedSolverIDs: Type.Array(Type.String()),
  flavor: Type.Optional(EmbeddedFlavorSchema),
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
  origin: Type.Optional(oneOf(CANDIDATE_ORIGINS)),
  mirroredFrom: Type.Optional(
    Type.Array(Type.String(), { description: 'Catalogs that it went through before it came to us.' }),
  ),
  offer: Type.Optional(
    open(
      {
        flavorID: Type.String(),
        owner: Type.String(),
        domain: Type.String(),
        timestamp: Type.String(),
        plain: Type.Optional(
          Type.Boolean({ description: 'The advertisement says everything the way this program does.' }),
        ),
      },
      { description: 'Which offer of whom this is, and how old: an older one does not replace it.' },
    ),
  ),
  withdrawnAt: Type.Optional(Type.String({ description: 'RFC 3339; the offer is gone since.' })),
})
export type StoredPeeringCandidateSpec = Static<typeof PeeringCandidateSpecSchema>
/** As it is used: the flavor is there, whatever form is stored. */
export type PeeringCandidateSpec = StoredPeeringCandidateSpec & { readonly flavor: EmbeddedFlavor }

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

/** As it is stored; `flavor` may have to be read from `advertisement`. */
export interface StoredPeeringCandidate extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: StoredPeeringCandidateSpec
  readonly status?: PeeringCandidateStatus
}

/** Reads a member of the flavor in a compact entry, under the wire's names. */
function ofMessage(...path: readonly string[]): NonNullable<PrinterColumn['render']> {
  return (object) => {
    const { flavor, advertisement } = (object as StoredPeeringCandidate).spec
    if (flavor !== undefined || typeof advertisement !== 'string') return undefined
    let value: unknown = JSON.parse(advertisement)
    for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name]
    return typeof value === 'string' ? value : undefined
  }
}

const priceOfFlavor = priceColumn('spec', 'flavor', 'spec', 'price')
function priceOfMessage(object: KubeObject): string | undefined {
  const [amount, currency, period] = ['amount', 'currency', 'period'].map((name) =>
    ofMessage('price', name)(object, 0),
  )
  return priceText({ amount, currency, period })
}

const description = 'A peering candidate: an offer of another node that might be bought.'

export const PeeringCandidateKind: KindDefinition<StoredPeeringCandidate> = {
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
  writable: { by: 'node', why: 'what another node offers' },
  retention: {
    mode: 'component',
    by: 'Peering Candidates',
    until: 'its offer runs out; each provider has a quota',
  },
  selectableFields: ['spec.flavor.spec.flavorType.typeIdentifier', 'spec.available', 'spec.source.nodeID'],
  columns: [
    { name: 'Flavor', path: 'spec.flavor.metadata.name', render: ofMessage('flavorID') },
    { name: 'Provider', path: 'spec.flavor.spec.providerID', render: ofMessage('providerID') },
    { name: 'Domain', path: 'spec.flavor.spec.owner.domain', render: ofMessage('owner', 'domain') },
    {
      name: 'Type',
      path: 'spec.flavor.spec.flavorType.typeIdentifier',
      wide: true,
      render: ofMessage('type', 'name'),
    },
    {
      name: 'CPU',
      path: 'spec.flavor.spec.flavorType.typeData.characteristics.cpu',
      render: ofMessage('type', 'data', 'charateristics', 'cpu'),
    },
    {
      name: 'Memory',
      path: 'spec.flavor.spec.flavorType.typeData.characteristics.memory',
      render: ofMessage('type', 'data', 'charateristics', 'memory'),
    },
    {
      name: 'Price',
      path: 'spec.flavor.spec.price.amount',
      render: (object) => priceOfFlavor(object, 0) ?? priceOfMessage(object),
    },
    { name: 'Available', path: 'spec.available' },
    { name: 'Source', path: 'spec.source.nodeID', wide: true },
    { name: 'Valid until', path: 'spec.validUntil' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
