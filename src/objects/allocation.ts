/**
 * Allocation: capacity set aside for a contract, on either side of it.
 *
 * Pure. Upstream's kind; `type` and what follows it in the spec are ours.
 */
import Type, { type Static } from 'typebox'
import { touchesAllocation } from './allocation-request.ts'
import { AmountsSchema, GenericRefSchema, NODECORE } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { objectSchema, oneOf, open } from './schema.ts'

/** `Node`: capacity of our own that a buyer uses. `VirtualNode`: capacity that we bought. */
export const ALLOCATION_TYPES = ['Node', 'VirtualNode'] as const

export const ALLOCATION_STATUSES = [
  'Active',
  'Provisioning',
  'ResourceCreation',
  'Peering',
  'Released',
  'Inactive',
  'Error',
] as const
export type AllocationStatusValue = (typeof ALLOCATION_STATUSES)[number]

export const AllocationSpecSchema = open({
  forwarding: Type.Optional(
    Type.Boolean({ description: 'Held for others: this node only stands in between.' }),
  ),
  contract: Type.Optional(GenericRefSchema),
  type: Type.Optional(oneOf(ALLOCATION_TYPES)),
  poolName: Type.Optional(Type.String()),
  amounts: Type.Optional(AmountsSchema),
  transactionID: Type.Optional(Type.String()),
  virtualNode: Type.Optional(Type.String({ description: 'Name of the virtual node that stands for it.' })),
})
export type AllocationSpec = Static<typeof AllocationSpecSchema>

export const AllocationStatusSchema = open({
  status: Type.Optional(oneOf(ALLOCATION_STATUSES)),
  lastUpdateTime: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
  resourceRef: Type.Optional(GenericRefSchema),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type AllocationStatus = Static<typeof AllocationStatusSchema>

export interface Allocation extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: AllocationSpec
  readonly status?: AllocationStatus
}

const description = 'An allocation: capacity that a contract uses, sold (Node) or bought (VirtualNode).'

export const AllocationKind: KindDefinition<Allocation> = {
  ...NODECORE,
  kind: 'Allocation',
  plural: 'allocations',
  singular: 'allocation',
  shortNames: ['alloc'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'nodecore.fluidos.eu/v1alpha1', kind: 'Allocation' },
    AllocationSpecSchema,
    AllocationStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: {
    by: 'user',
    reserved: [
      {
        what: 'what an Allocation says of a contract (type, poolName, amounts, transactionID, virtualNode)',
        instead: 'make one that names one of your contracts (spec.contract.name) and nothing else',
        touches: touchesAllocation,
      },
    ],
  },
  retention: { mode: 'component', by: 'Available Resources', until: 'the contract it is of has ended' },
  selectableFields: ['spec.contract.name', 'spec.poolName', 'status.status'],
  columns: [
    { name: 'Type', path: 'spec.type' },
    { name: 'Contract', path: 'spec.contract.name' },
    { name: 'CPU', path: 'spec.amounts.cpu' },
    { name: 'Memory', path: 'spec.amounts.memory' },
    { name: 'Pods', path: 'spec.amounts.pods', wide: true },
    { name: 'Pool', path: 'spec.poolName', wide: true },
    { name: 'Virtual node', path: 'spec.virtualNode', wide: true },
    { name: 'Forwarding', path: 'spec.forwarding', wide: true },
    { name: 'Status', path: 'status.status' },
    { name: 'Message', path: 'status.message', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
