/**
 * Contract: what buyer and seller agreed and both signed.
 *
 * Pure. Upstream's kind; `document` and what follows it in the spec, `closing` and `conditions` are ours.
 * `status.phase` is upstream's phase object, so that its tools can read our contracts.
 */
import Type, { type Static } from 'typebox'
import { EmbeddedFlavorSchema } from './flavor.ts'
import {
  ConfigurationSchema,
  NodeIdentitySchema,
  PhaseStatusSchema,
  PriceSchema,
  RESERVATION,
  RawMessageSchema,
  TelemetryServerSchema,
} from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { priceColumn } from './price-column.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { anyValue, objectSchema, oneOf, open } from './schema.ts'

/** Values of `status.phase.phase`. */
export const CONTRACT_PHASES = ['Active', 'Closing', 'Closed', 'Expired'] as const
export type ContractPhase = (typeof CONTRACT_PHASES)[number]

export const CONTRACT_ROLES = ['buyer', 'seller'] as const

export const ContractSpecSchema = open({
  flavor: EmbeddedFlavorSchema,
  transactionID: Type.String(),
  configuration: Type.Optional(ConfigurationSchema),
  buyer: NodeIdentitySchema,
  buyerClusterID: Type.String(),
  seller: NodeIdentitySchema,
  peeringTargetCredentials: open({ liqoID: Type.String(), kubeconfig: Type.String() }),
  expirationTime: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  extraInformation: Type.Optional(Type.Record(Type.String(), Type.String())),
  access: Type.Optional(
    Type.Record(Type.String(), Type.String(), {
      description: 'What the buyer gets to use what it bought, once it has bought it.',
    }),
  ),
  networkRequests: Type.Optional(Type.String()),
  ingressTelemetryEndpoint: Type.Optional(TelemetryServerSchema),
  document: Type.Optional(RawMessageSchema),
  role: Type.Optional(oneOf(CONTRACT_ROLES, { description: 'Which side of it we are.' })),
  poolName: Type.Optional(Type.String()),
  price: Type.Optional(PriceSchema),
  solverID: Type.Optional(Type.String({ description: 'The solver that bought it; on the buyer side only.' })),
  solverNamespace: Type.Optional(Type.String()),
  reserve: Type.Optional(
    open(
      {
        flavorID: Type.String(),
        configuration: Type.Optional(RawMessageSchema),
        expirationTime: Type.String({ description: 'RFC 3339; the hold would have ended here.' }),
      },
      {
        description:
          'Of the RESERVE that it came of, what is not in the document: so that the same message gets the same answer ' +
          'for as long as the contract is kept. On the seller side only.',
      },
    ),
  ),
  solverUID: Type.Optional(Type.String()),
  reservation: Type.Optional(Type.String({ description: 'That it came of; on the buyer side only.' })),
})
export type ContractSpec = Static<typeof ContractSpecSchema>

export const ContractStatusSchema = open({
  phase: Type.Optional(PhaseStatusSchema),
  closing: Type.Optional(anyValue({ description: 'The closing statement, signed by one or both sides.' })),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type ContractStatus = Static<typeof ContractStatusSchema>

export interface Contract extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: ContractSpec
  readonly status?: ContractStatus
}

/** @returns whether nothing of it is left: it was closed, or its time has come, and all is taken down */
export function hasEnded({ status }: Pick<Contract, 'status'>): boolean {
  const phase = status?.phase?.phase
  return phase === 'Closed' || phase === 'Expired'
}

/** @returns when it was over for both sides, in milliseconds since 1970; undefined while it is not */
function contractOver(contract: Contract): number | undefined {
  if (!hasEnded(contract)) return undefined
  const { spec, status } = contract
  const { endTime, lastChangeTime } = status?.phase ?? {}
  const end = Date.parse(endTime ?? lastChangeTime ?? spec.expirationTime ?? '')
  const closing = status?.closing as { readonly signatures?: Readonly<Record<string, string>> } | undefined
  const other = spec.role === 'seller' ? spec.buyer.nodeID : spec.seller.nodeID
  // Until then the other side is asked for its signature.
  const isTold = closing === undefined || closing.signatures?.[other] !== undefined
  return isTold ? end : Math.max(end, Date.parse(spec.expirationTime ?? '') || end)
}

/** What stands in the signed document is not said twice of a contract that is over; who it is of and for how much is. */
function compactContract(contract: Contract): Contract | undefined {
  const { flavor, document, networkRequests, ingressTelemetryEndpoint, ...spec } = contract.spec
  if (document === undefined) return undefined
  const { providerID, flavorType, owner, price, availability } = flavor.spec
  const { typeIdentifier, typeData } = flavorType
  const isCompact =
    Object.keys(typeData).length === 0 &&
    networkRequests === undefined &&
    ingressTelemetryEndpoint === undefined
  if (isCompact) return undefined
  const type = { typeIdentifier, typeData: {} } as unknown as typeof flavorType
  const kept = { providerID, flavorType: type, owner, price, availability }
  return {
    ...contract,
    spec: { ...spec, document, flavor: { metadata: { name: flavor.metadata.name }, spec: kept } },
  }
}

/** As it is called where it came from: `rear/wire`. */
const ACCESS = 'tributary.io/access'

const description = 'A contract: what was bought, by whom, from whom, until when, signed by both.'

export const ContractKind: KindDefinition<Contract> = {
  ...RESERVATION,
  kind: 'Contract',
  plural: 'contracts',
  singular: 'contract',
  shortNames: ['contr'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'reservation.fluidos.eu/v1alpha1', kind: 'Contract' },
    ContractSpecSchema,
    ContractStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: {
    by: 'node',
    why: 'what both sides signed',
    instead: 'delete it to have it closed',
    deletable: true,
  },
  confidentialFields: [
    ['spec', 'access'],
    ['spec', 'extraInformation', ACCESS],
    ['spec', 'peeringTargetCredentials', 'kubeconfig'],
    ['spec', 'document', 'extraInformation', ACCESS],
    ['spec', 'document', 'peeringTargetCredentials', 'kubeconfig'],
  ],
  retention: {
    mode: 'archive',
    setting: 'contractsMs',
    from: 'its end, when both sides have signed how it ended or its time is over',
    since: contractOver,
    drops: 'the part of the flavor that stands in the signed document',
    compact: compactContract,
    summedInto: 'DealingSummary',
  },
  selectableFields: [
    'spec.role',
    'spec.buyer.nodeID',
    'spec.seller.nodeID',
    'spec.transactionID',
    'status.phase.phase',
  ],
  columns: [
    { name: 'Role', path: 'spec.role' },
    { name: 'Flavor', path: 'spec.flavor.metadata.name' },
    { name: 'Buyer', path: 'spec.buyer.nodeID' },
    { name: 'Buyer domain', path: 'spec.buyer.domain', wide: true },
    { name: 'Seller', path: 'spec.seller.nodeID' },
    { name: 'Seller domain', path: 'spec.seller.domain', wide: true },
    { name: 'CPU', path: 'spec.configuration.data.cpu' },
    { name: 'Memory', path: 'spec.configuration.data.memory' },
    { name: 'Price', path: 'spec.price.amount', render: priceColumn('spec', 'price') },
    { name: 'Transaction', path: 'spec.transactionID', wide: true },
    { name: 'Expires', path: 'spec.expirationTime' },
    { name: 'Status', path: 'status.phase.phase' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
