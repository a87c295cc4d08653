/**
 * Reservation: the buyer's side of RESERVE and PURCHASE of one flavor.
 *
 * Pure. Upstream's kind; `key` and what follows it, and in the status `transaction` and what follows it, are ours.
 */
import Type, { type Static } from 'typebox'
import {
  ConfigurationSchema,
  GenericRefSchema,
  NodeIdentitySchema,
  PhaseStatusSchema,
  PriceSchema,
  RESERVATION,
  RawMessageSchema,
  TelemetryServerSchema,
} from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { objectSchema, open, TIME_PATTERN } from './schema.ts'
import { madeFor } from './writable.ts'

export const ReservationSpecSchema = open({
  solverID: Type.String(),
  buyer: NodeIdentitySchema,
  seller: NodeIdentitySchema,
  configuration: Type.Optional(ConfigurationSchema),
  reserve: Type.Optional(Type.Boolean()),
  purchase: Type.Optional(Type.Boolean()),
  peeringCandidate: Type.Optional(GenericRefSchema),
  ingressTelemetryEndpoint: Type.Optional(TelemetryServerSchema),
  key: Type.Optional(Type.String({ description: 'Sent with RESERVE: a repeated message has one effect.' })),
  user: Type.Optional(
    Type.String({ description: 'Node id of the one that will use it, where that is not the buyer.' }),
  ),
  flavorID: Type.Optional(Type.String()),
  owner: Type.Optional(
    Type.String({ description: 'Node id of the owner of the flavor, who may be behind the seller.' }),
  ),
  relayAlternative: Type.Optional(
    Type.Boolean({
      description:
        'The same offer is to be had through a relay, which is worth more than to ask the owner again.',
    }),
  ),
  price: Type.Optional(PriceSchema),
  margin: Type.Optional(
    Type.String({ description: 'What the seller said that it adds to the price of the node behind it.' }),
  ),
  from: Type.Optional(Type.String({ pattern: TIME_PATTERN, description: 'RFC 3339; from when on is paid.' })),
  until: Type.Optional(
    Type.String({ pattern: TIME_PATTERN, description: 'RFC 3339; when the contract shall end.' }),
  ),
})
export type ReservationSpec = Static<typeof ReservationSpecSchema>

/** Values of `status.phase.phase` that we write; upstream's tools know others. */
export const RESERVATION_PHASES = ['Running', 'Solved', 'Failed'] as const
export type ReservationPhase = (typeof RESERVATION_PHASES)[number]

export const ReservationStatusSchema = open({
  phase: PhaseStatusSchema,
  reservePhase: Type.Optional(Type.String()),
  purchasePhase: Type.Optional(Type.String()),
  transactionID: Type.Optional(Type.String()),
  contract: Type.Optional(GenericRefSchema),
  transaction: Type.Optional(RawMessageSchema),
  message: Type.Optional(Type.String()),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type ReservationStatus = Static<typeof ReservationStatusSchema>

export interface Reservation extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: ReservationSpec
  readonly status?: ReservationStatus
}

const description = "A reservation: the buyer's record of reserving and buying one flavor."

/** Keeps a Reservation until what the seller holds for it is given back. Who makes one puts it on at once. */
export const RESERVATION_FINALIZER = 'tributary.io/reservation'

export const ReservationKind: KindDefinition<Reservation> = {
  ...RESERVATION,
  kind: 'Reservation',
  plural: 'reservations',
  singular: 'reservation',
  shortNames: ['res'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'reservation.fluidos.eu/v1alpha1', kind: 'Reservation' },
    ReservationSpecSchema,
    ReservationStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'user', reserved: [madeFor('Reservation', 'Solver')] },
  retention: { mode: 'owned', by: 'Solver' },
  selectableFields: [
    'spec.solverID',
    'spec.flavorID',
    'spec.seller.nodeID',
    'status.transactionID',
    'status.contract.name',
    'status.phase.phase',
  ],
  columns: [
    { name: 'Solver', path: 'spec.solverID' },
    { name: 'Flavor', path: 'spec.flavorID', wide: true },
    { name: 'Seller', path: 'spec.seller.nodeID' },
    { name: 'Seller domain', path: 'spec.seller.domain', wide: true },
    { name: 'Reserve', path: 'status.reservePhase', wide: true },
    { name: 'Purchase', path: 'status.purchasePhase', wide: true },
    { name: 'Transaction', path: 'status.transactionID', wide: true },
    { name: 'Contract', path: 'status.contract.name' },
    { name: 'Status', path: 'status.phase.phase' },
    { name: 'Message', path: 'status.phase.message', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
