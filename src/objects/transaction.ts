/**
 * Transaction: the seller's side of a reservation that was not bought yet.
 *
 * Pure. Upstream's kind; `contractDraft`, `key` and `sent` (our answer, to repeat it) are ours.
 */
import Type, { type Static } from 'typebox'
import {
  ConfigurationSchema,
  NodeIdentitySchema,
  PhaseStatusSchema,
  RESERVATION,
  RawMessageSchema,
} from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import type { KubeObject, ObjectMetadata } from './meta.ts'
import { objectSchema, open } from './schema.ts'

export const TransactionSpecSchema = open({
  flavorID: Type.String(),
  buyer: NodeIdentitySchema,
  clusterID: Type.String({ description: "The buyer's cluster." }),
  configuration: Type.Optional(ConfigurationSchema),
  expirationTime: Type.Optional(Type.String({ description: 'RFC 3339; the hold ends here.' })),
  contractDraft: Type.Optional(RawMessageSchema),
  reservation: Type.Optional(
    Type.String({ description: 'A supernode’s: what it reserved at the next hop.' }),
  ),
  buyerSignature: Type.Optional(
    Type.String({ description: 'So that a purchase can be completed after a crash.' }),
  ),
  key: Type.Optional(Type.String({ description: 'The idempotency key that the buyer sent.' })),
  sent: Type.Optional(RawMessageSchema),
})
export type TransactionSpec = Static<typeof TransactionSpecSchema>

export const TransactionStatusSchema = open({ phase: Type.Optional(PhaseStatusSchema) })
export type TransactionStatus = Static<typeof TransactionStatusSchema>

export interface Transaction extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: TransactionSpec
  readonly status?: TransactionStatus
}

const description = 'A transaction: capacity held for a buyer until it buys or the hold expires.'

export const TransactionKind: KindDefinition<Transaction> = {
  ...RESERVATION,
  kind: 'Transaction',
  plural: 'transactions',
  singular: 'transaction',
  shortNames: ['tr'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'reservation.fluidos.eu/v1alpha1', kind: 'Transaction' },
    TransactionSpecSchema,
    TransactionStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'node', why: 'what a buyer holds' },
  retention: {
    mode: 'component',
    by: 'Contract Manager',
    until: 'its hold is over, or what was bought has ended',
  },
  selectableFields: ['spec.flavorID', 'spec.buyer.nodeID', 'status.phase.phase'],
  columns: [
    { name: 'Flavor', path: 'spec.flavorID' },
    { name: 'Buyer', path: 'spec.buyer.nodeID' },
    { name: 'Buyer domain', path: 'spec.buyer.domain', wide: true },
    { name: 'Expires', path: 'spec.expirationTime' },
    { name: 'Status', path: 'status.phase.phase' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
