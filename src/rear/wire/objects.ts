/**
 * Between the wire's messages and the objects of the store, which use upstream's custom resource names.
 *
 * `…FromWire` gives the `spec` of an object, `…ToWire` the message. Kubeconfigs that upstream's nodes send
 * along with identities are dropped: nobody here wants them.
 */
import type { ContractSpec } from '../../objects/contract.ts'
import type {
  EmbeddedFlavor,
  FlavorSpec,
  FlavorType,
  K8Slice,
  K8SliceProperties,
  Partitionability,
  ServiceFlavor,
  Visibility,
} from '../../objects/flavor.ts'
import type { Location, NodeIdentity } from '../../objects/fluidos-common.ts'
import type { ReservationSpec } from '../../objects/reservation.ts'
import type { TransactionSpec } from '../../objects/transaction.ts'
import { canonical } from '../../quantity/index.ts'
import { configurationFromWire, configurationToWire } from './configuration.ts'
import { accessOf, type WireContract, type WireContractTerms } from './contract.ts'
import type { WireReserveRequest, WireTransaction } from './dealing.ts'
import type { WireFlavor, WireFlavorType, WireK8Slice, WireService } from './flavor.ts'
import { networkAuthorizationsFromWire, networkAuthorizationsToWire } from './network-intent.ts'
import type { WireLocation, WireNodeIdentity } from './node-identity.ts'

/** What Go writes for a time that was never set. */
const NO_TIME = '0001-01-01T00:00:00Z'

/** @returns `{ [name]: value }`, or nothing when there is no value: optional members are absent, not undefined. */
function given<N extends string, V>(name: N, value: V | undefined): { [K in N]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: V }
}

export function nodeIdentityFromWire(wire: WireNodeIdentity): NodeIdentity {
  const liqoID = wire.additionalInformation?.liqoID
  return {
    domain: wire.domain,
    nodeID: wire.ID,
    ip: wire.IP,
    ...(liqoID ? { additionalInformation: { liqoID } } : {}),
  }
}

export function nodeIdentityToWire(identity: NodeIdentity): WireNodeIdentity {
  const liqoID = identity.additionalInformation?.liqoID
  return {
    ID: identity.nodeID,
    IP: identity.ip,
    domain: identity.domain,
    ...(liqoID ? { additionalInformation: { liqoID } } : {}),
  }
}

export function locationFromWire(wire: WireLocation): Location {
  const { altitude, ...rest } = wire
  return { ...rest, ...given('country', altitude) }
}

export function locationToWire(location: Location): WireLocation {
  const { country, ...rest } = location
  return { ...rest, ...given('altitude', country) }
}

function k8sliceFromWire(wire: WireK8Slice): K8Slice {
  const { carbonFootprint, networkAuthorizations, ...properties } = wire.properties
  return {
    characteristics: wire.charateristics,
    properties: {
      ...properties,
      ...(carbonFootprint
        ? {
            'carbon-footprint': {
              embodied: carbonFootprint.embodied,
              operational: carbonFootprint.operational ?? [],
            },
          }
        : {}),
      ...(networkAuthorizations
        ? {
            networkAuthorizations: networkAuthorizationsFromWire(
              networkAuthorizations,
              '$.type.data.properties.networkAuthorizations',
            ),
          }
        : {}),
    },
    policies: { partitionability: wire.policies.partitionability },
  }
}

/** Whole numbers: upstream cannot read others. */
function propertiesToWire(properties: K8SliceProperties): WireK8Slice['properties'] {
  const { latency, securityStandards, networkAuthorizations, additionalProperties, ...others } = properties
  const { 'carbon-footprint': carbon, ...rest } = others
  return {
    ...(latency ? { latency: Math.ceil(latency) } : {}),
    ...(securityStandards ? { securityStandards: [...securityStandards] } : {}),
    ...(carbon
      ? {
          carbonFootprint: {
            embodied: Math.round(carbon.embodied),
            operational: carbon.operational.map(Math.round),
          },
        }
      : {}),
    ...(networkAuthorizations
      ? { networkAuthorizations: networkAuthorizationsToWire(networkAuthorizations) }
      : {}),
    ...given('additionalProperties', additionalProperties),
    ...rest,
  }
}

function partitionabilityToWire(
  policy: Partitionability | undefined,
): WireK8Slice['policies']['partitionability'] {
  const {
    cpuMin,
    memoryMin,
    podsMin,
    cpuStep,
    memoryStep,
    podsStep,
    ...optional
  }: Partial<Partitionability> = policy ?? {}
  const { gpuMin, gpuStep, cpuMax, memoryMax, podsMax, ...unknown } = optional
  const or0 = (quantity: string | undefined): string => (quantity === undefined ? '0' : canonical(quantity))
  const maybe = <N extends string>(name: N, quantity: string | undefined) =>
    given(name, quantity === undefined ? undefined : canonical(quantity))
  return {
    cpuMin: or0(cpuMin),
    memoryMin: or0(memoryMin),
    podsMin: or0(podsMin),
    cpuStep: or0(cpuStep),
    memoryStep: or0(memoryStep),
    podsStep: or0(podsStep),
    ...maybe('gpuMin', gpuMin),
    ...maybe('gpuStep', gpuStep),
    ...maybe('cpuMax', cpuMax),
    ...maybe('memoryMax', memoryMax),
    ...maybe('podsMax', podsMax),
    ...unknown,
  }
}

function k8sliceToWire(slice: K8Slice): WireK8Slice {
  const { architecture, cpu, memory, pods, gpu, storage, ...rest } = slice.characteristics
  return {
    charateristics: {
      architecture,
      cpu: canonical(cpu),
      memory: canonical(memory),
      pods: canonical(pods),
      ...(gpu
        ? {
            gpu: {
              ...gpu,
              model: gpu.model ?? '',
              cores: canonical(gpu.cores ?? '0'),
              memory: canonical(gpu.memory ?? '0'),
            },
          }
        : {}),
      ...(storage === undefined ? {} : { storage: canonical(storage) }),
      ...rest,
    },
    properties: propertiesToWire(slice.properties),
    policies: { partitionability: partitionabilityToWire(slice.policies.partitionability) },
  }
}

function serviceFromWire(wire: WireService): ServiceFlavor {
  const { tags, hostingPolicies, ...rest } = wire
  return { ...rest, tags: tags ?? [], ...(hostingPolicies ? { hostingPolicies } : {}) }
}

function serviceToWire(service: ServiceFlavor): WireService {
  const { name, description, category, tags, hostingPolicies, configurationTemplate, ...rest } = service
  return {
    name,
    description,
    category,
    tags: [...tags],
    hostingPolicies: hostingPolicies
      ? ([...hostingPolicies] as NonNullable<WireService['hostingPolicies']>)
      : null,
    ...(configurationTemplate === undefined ? {} : { configurationTemplate }),
    ...rest,
  }
}

function flavorTypeFromWire(wire: WireFlavorType): FlavorType {
  switch (wire.name) {
    case 'k8slice':
      return { typeIdentifier: 'K8Slice', typeData: k8sliceFromWire(wire.data) }
    case 'service':
      return { typeIdentifier: 'Service', typeData: serviceFromWire(wire.data) }
    case 'vm':
      return { typeIdentifier: 'VM', typeData: wire.data }
    case 'sensor':
      return { typeIdentifier: 'Sensor', typeData: wire.data }
  }
}

function flavorTypeToWire(type: FlavorType): WireFlavorType {
  switch (type.typeIdentifier) {
    case 'K8Slice':
      return { name: 'k8slice', data: k8sliceToWire(type.typeData) }
    case 'Service':
      return { name: 'service', data: serviceToWire(type.typeData) }
    case 'VM':
      return { name: 'vm', data: type.typeData }
    case 'Sensor':
      return { name: 'sensor', data: type.typeData }
  }
}

/** @throws WireError `bad-network-selector` */
export function flavorFromWire(wire: WireFlavor): FlavorSpec {
  return {
    providerID: wire.providerID,
    flavorType: flavorTypeFromWire(wire.type),
    owner: nodeIdentityFromWire(wire.owner),
    price: wire.price,
    availability: wire.availability,
    ...given('networkPropertyType', wire.networkPropertyType),
    ...(wire.location ? { location: locationFromWire(wire.location) } : {}),
    ...(wire.visibility ? { visibility: wire.visibility as Visibility } : {}),
    ...given('signature', wire.signature),
  }
}

/** @returns the flavor as it stands inside a PeeringCandidate or Contract: its name is the flavor's id. */
export function embeddedFlavorFromWire(wire: WireFlavor): EmbeddedFlavor {
  return {
    apiVersion: 'nodecore.fluidos.eu/v1alpha1',
    kind: 'Flavor',
    metadata: { name: wire.flavorID },
    spec: flavorFromWire(wire),
    status: { creationTime: wire.timestamp, ...given('expirationTime', wire.expirationTime) },
  }
}

/** What `flavorToWire` needs of a flavor: a stored one, or one inside another object. */
export interface FlavorLike {
  readonly metadata: { readonly name: string; readonly creationTimestamp?: string }
  readonly spec: FlavorSpec
  readonly status?: { readonly creationTime?: string; readonly expirationTime?: string }
}

/**
 * @param flavor its signed `timestamp`, or else its creation time, becomes the message's timestamp
 * @throws QuantityError when a quantity of the flavor is none
 */
export function flavorToWire(flavor: FlavorLike): WireFlavor {
  const { spec } = flavor
  return {
    flavorID: flavor.metadata.name,
    providerID: spec.providerID,
    type: flavorTypeToWire(spec.flavorType),
    ...given('networkPropertyType', spec.networkPropertyType),
    timestamp: spec.timestamp ?? flavor.status?.creationTime ?? flavor.metadata.creationTimestamp ?? NO_TIME,
    ...(spec.location ? { location: locationToWire(spec.location) } : {}),
    price: spec.price,
    owner: nodeIdentityToWire(spec.owner),
    availability: spec.availability,
    ...given('expirationTime', flavor.status?.expirationTime),
    ...given('visibility', spec.visibility),
    ...given('signature', spec.signature),
  }
}

/** @param document the contract exactly as received or sent: what the signatures cover */
export function contractFromWire(wire: WireContract, document?: unknown): ContractSpec {
  return {
    flavor: embeddedFlavorFromWire(wire.flavor),
    transactionID: wire.transactionID,
    ...(wire.configuration ? { configuration: configurationFromWire(wire.configuration) } : {}),
    buyer: nodeIdentityFromWire(wire.buyerID),
    buyerClusterID: wire.buyerClusterID,
    seller: nodeIdentityFromWire(wire.seller),
    peeringTargetCredentials: {
      liqoID: wire.peeringTargetCredentials.clusterID,
      kubeconfig: wire.peeringTargetCredentials.kubeconfig,
    },
    ...given('expirationTime', wire.expirationTime),
    ...given('extraInformation', wire.extraInformation),
    ...given('access', accessOf(wire)?.access),
    ...given('networkRequests', wire.networkAuthorizations),
    ...given('ingressTelemetryEndpoint', wire.ingressTelemetryEndpoint),
    ...given('price', wire.price),
    ...given('document', document),
  }
}

/** What `contractToWire` needs of a contract: its name is the contract's id. */
export interface ContractLike {
  readonly metadata: { readonly name: string }
  readonly spec: ContractSpec
}

/** Prefer `spec.document` where it is: this is the contract as we understood it, that is what was signed. */
export function contractToWire(contract: ContractLike): WireContract {
  const { spec } = contract
  return {
    contractID: contract.metadata.name,
    transactionID: spec.transactionID,
    flavor: flavorToWire(spec.flavor),
    buyerID: nodeIdentityToWire(spec.buyer),
    buyerClusterID: spec.buyerClusterID,
    seller: nodeIdentityToWire(spec.seller),
    peeringTargetCredentials: {
      clusterID: spec.peeringTargetCredentials.liqoID,
      kubeconfig: spec.peeringTargetCredentials.kubeconfig,
    },
    ...given('expirationTime', spec.expirationTime),
    ...given('extraInformation', spec.extraInformation),
    ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
    ...given('networkAuthorizations', spec.networkRequests),
    ...given('ingressTelemetryEndpoint', spec.ingressTelemetryEndpoint),
    ...given('price', spec.price),
  }
}

export function transactionFromWire(wire: WireTransaction): TransactionSpec {
  return {
    flavorID: wire.flavorID,
    buyer: nodeIdentityFromWire(wire.buyer),
    clusterID: wire.clusterID,
    ...(wire.configuration ? { configuration: configurationFromWire(wire.configuration) } : {}),
    expirationTime: wire.expirationTime,
    ...given('contractDraft', wire.contract),
  }
}

/** What `transactionToWire` needs of a transaction: its name is the transaction's id. */
export interface TransactionLike {
  readonly metadata: { readonly name: string }
  readonly spec: TransactionSpec
}

export function transactionToWire(transaction: TransactionLike): WireTransaction {
  const { spec } = transaction
  return {
    transactionID: transaction.metadata.name,
    flavorID: spec.flavorID,
    ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
    buyer: nodeIdentityToWire(spec.buyer),
    clusterID: spec.clusterID,
    expirationTime: spec.expirationTime ?? NO_TIME,
    ...given('contract', spec.contractDraft as WireContractTerms | undefined),
  }
}

/** @returns the reservation that a RESERVE message asks for, as the buyer's side keeps it. */
export function reservationFromWire(
  wire: WireReserveRequest,
  context: { readonly seller: NodeIdentity; readonly solverID: string },
): ReservationSpec {
  return {
    solverID: context.solverID,
    buyer: nodeIdentityFromWire(wire.buyerID),
    seller: context.seller,
    ...(wire.configuration ? { configuration: configurationFromWire(wire.configuration) } : {}),
    reserve: true,
    flavorID: wire.flavorID,
    ...given('key', wire.key),
    ...given('from', wire.contractStartTime),
    ...given('until', wire.contractExpirationTime),
  }
}

/**
 * @param spec a reservation with its `flavorID`
 * @returns the RESERVE message
 */
export function reservationToWire(spec: ReservationSpec & { readonly flavorID: string }): WireReserveRequest {
  return {
    flavorID: spec.flavorID,
    buyerID: nodeIdentityToWire(spec.buyer),
    ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
    ...given('key', spec.key),
    ...given('contractStartTime', spec.from),
    ...given('contractExpirationTime', spec.until),
  }
}
