/**
 * Flavor: one offer. Ours while we own it, somebody else's inside a PeeringCandidate or Contract.
 *
 * Pure. The wire form, with other names, is in `rear/wire`.
 */
import Type, { type Static } from 'typebox'
import {
  FLAVOR_TYPES,
  LocationSchema,
  NODECORE,
  NodeIdentitySchema,
  PriceSchema,
  type FlavorTypeIdentifier,
} from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject, type MetadataInput, type ObjectMetadata } from './meta.ts'
import { anyObject, objectSchema, oneOf, open } from './schema.ts'

export interface Gpu {
  readonly model?: string
  readonly cores?: string
  readonly memory?: string
  readonly [unknown: string]: unknown
}

/** The size of a k8slice; quantities as text. */
export interface K8SliceCharacteristics {
  readonly architecture: string
  readonly cpu: string
  readonly memory: string
  readonly pods: string
  readonly gpu?: Gpu
  readonly storage?: string
  readonly [unknown: string]: unknown
}

/** One side of a network rule: a CIDR, or labels of pods and namespaces. */
export type NetworkSelector =
  | { readonly typeIdentifier: 'CIDRSelector'; readonly selector: string }
  | {
      readonly typeIdentifier: 'PodNamespaceSelector'
      readonly selector: {
        readonly pod: Readonly<Record<string, string>>
        readonly namespace: Readonly<Record<string, string>>
      }
    }

export interface NetworkEnd {
  readonly isHotCluster: boolean
  readonly resourceSelector: NetworkSelector
}

/** A communication that the provider denies or demands. */
export interface NetworkIntent {
  readonly name: string
  readonly source: NetworkEnd
  readonly destination: NetworkEnd
  readonly destinationPort: string
  readonly protocolType: string
}

export interface NetworkAuthorizations {
  readonly deniedCommunications?: readonly NetworkIntent[]
  readonly mandatoryCommunications?: readonly NetworkIntent[]
}

export interface K8SliceProperties {
  /** Milliseconds. */
  readonly latency?: number
  readonly securityStandards?: readonly string[]
  /** gCO2 per kWh; `operational` by hour of the day, or one value for all. */
  readonly 'carbon-footprint'?: { readonly embodied: number; readonly operational: readonly number[] }
  readonly networkAuthorizations?: NetworkAuthorizations
  readonly additionalProperties?: Readonly<Record<string, unknown>>
  readonly [unknown: string]: unknown
}

/** In which amounts a k8slice may be bought; quantities as text. The maxima are ours. */
export interface Partitionability {
  readonly cpuMin: string
  readonly memoryMin: string
  readonly podsMin: string
  readonly cpuStep: string
  readonly memoryStep: string
  readonly podsStep: string
  readonly gpuMin?: string
  readonly gpuStep?: string
  readonly cpuMax?: string
  readonly memoryMax?: string
  readonly podsMax?: string
  readonly [unknown: string]: unknown
}

/** `typeData` of a K8Slice flavor. */
export interface K8Slice {
  readonly characteristics: K8SliceCharacteristics
  readonly properties: K8SliceProperties
  readonly policies: { readonly partitionability?: Partitionability }
}

/** `typeData` of a Service flavor. */
export interface ServiceFlavor {
  readonly name: string
  readonly description: string
  readonly category: string
  readonly tags: readonly string[]
  readonly hostingPolicies?: readonly string[]
  /** A JSON schema of the service's configuration. */
  readonly configurationTemplate?: unknown
  readonly [unknown: string]: unknown
}

/** What is offered; `typeData` depends on the type. */
export type FlavorType =
  | { readonly typeIdentifier: 'K8Slice'; readonly typeData: K8Slice }
  | { readonly typeIdentifier: 'Service'; readonly typeData: ServiceFlavor }
  | { readonly typeIdentifier: 'VM' | 'Sensor'; readonly typeData: Readonly<Record<string, unknown>> }

/** Who may see a flavor: nobody outside, partners that list, or everybody. */
export const VISIBILITIES = ['internal', 'listed', 'public'] as const
export type Visibility = (typeof VISIBILITIES)[number]

export const FlavorSpecSchema = open({
  providerID: Type.String({ description: 'The node that sells it, or the supernode that stands in for it.' }),
  flavorType: Type.Unsafe<FlavorType>(open({ typeIdentifier: oneOf(FLAVOR_TYPES), typeData: anyObject() })),
  owner: NodeIdentitySchema,
  price: PriceSchema,
  availability: Type.Boolean(),
  networkPropertyType: Type.Optional(Type.String()),
  location: Type.Optional(LocationSchema),
  signature: Type.Optional(Type.String({ description: 'Detached JWS of the owner over the wire form.' })),
  timestamp: Type.Optional(
    Type.String({ description: 'When the owner made it, RFC 3339; signed with the rest.' }),
  ),
  poolName: Type.Optional(Type.String({ description: 'The pool that it is cut from.' })),
  visibility: Type.Optional(oneOf(VISIBILITIES)),
})
export type FlavorSpec = Static<typeof FlavorSpecSchema>

export const FlavorStatusSchema = open({
  expirationTime: Type.Optional(Type.String()),
  creationTime: Type.Optional(Type.String()),
  lastUpdateTime: Type.Optional(Type.String()),
})
export type FlavorStatus = Static<typeof FlavorStatusSchema>

export interface Flavor extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: FlavorSpec
  readonly status?: FlavorStatus
}

/** A flavor inside another object: `metadata.name` is its id. */
export interface EmbeddedFlavor {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: MetadataInput
  readonly spec: FlavorSpec
  readonly status?: FlavorStatus
}

export const EmbeddedFlavorSchema = Type.Unsafe<EmbeddedFlavor>(
  open({
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    metadata: MetadataSchema,
    spec: FlavorSpecSchema,
    status: Type.Optional(FlavorStatusSchema),
  }),
)

const description = 'A flavor: resources, or a service, that a node offers to others.'

export const FlavorKind: KindDefinition<Flavor> = {
  ...NODECORE,
  kind: 'Flavor',
  plural: 'flavors',
  singular: 'flavor',
  shortNames: ['fl'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'nodecore.fluidos.eu/v1alpha1', kind: 'Flavor' },
    FlavorSpecSchema,
    FlavorStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'node', why: 'made from a Pool', instead: 'make a Pool, which can be sold' },
  retention: { mode: 'component', by: 'Available Resources', until: 'its pool is offered otherwise' },
  selectableFields: [
    'spec.flavorType.typeIdentifier',
    'spec.availability',
    'spec.owner.nodeID',
    'spec.owner.domain',
    'spec.poolName',
  ],
  columns: [
    { name: 'Type', path: 'spec.flavorType.typeIdentifier' },
    { name: 'CPU', path: 'spec.flavorType.typeData.characteristics.cpu' },
    { name: 'Memory', path: 'spec.flavorType.typeData.characteristics.memory' },
    { name: 'Pods', path: 'spec.flavorType.typeData.characteristics.pods' },
    { name: 'Arch', path: 'spec.flavorType.typeData.characteristics.architecture', wide: true },
    { name: 'Price', path: 'spec.price.amount' },
    { name: 'Currency', path: 'spec.price.currency', wide: true },
    { name: 'Period', path: 'spec.price.period', wide: true },
    { name: 'Available', path: 'spec.availability' },
    { name: 'City', path: 'spec.location.city', wide: true },
    { name: 'Owner', path: 'spec.owner.nodeID', wide: true },
    { name: 'Domain', path: 'spec.owner.domain', wide: true },
    { name: 'Pool', path: 'spec.poolName', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}

/** @returns the k8slice data of a flavor, or undefined when it is of another type. */
export function k8sliceOf(flavor: { readonly spec: FlavorSpec }): K8Slice | undefined {
  const type = flavor.spec.flavorType
  return type.typeIdentifier === 'K8Slice' ? type.typeData : undefined
}

/** @returns the service data of a flavor, or undefined when it is of another type. */
export function serviceOf(flavor: { readonly spec: FlavorSpec }): ServiceFlavor | undefined {
  const type = flavor.spec.flavorType
  return type.typeIdentifier === 'Service' ? type.typeData : undefined
}

export type { FlavorTypeIdentifier }
