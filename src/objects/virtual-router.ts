/**
 * VirtualRouter: how this node reaches the other end of one contract, and what is exposed through it.
 *
 * Pure: schema, type. Written by the Network Manager only.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from './meta.ts'
import { objectSchema, oneOf, open } from './schema.ts'

/** `consumer`: we use the slice. `provider`: we run it. `relay`: we only pass on what others send. */
export const VIRTUAL_ROUTER_ROLES = ['consumer', 'provider', 'relay'] as const

export const VIRTUAL_ROUTER_PHASES = ['Pending', 'Ready', 'Unreachable'] as const
export type VirtualRouterPhase = (typeof VIRTUAL_ROUTER_PHASES)[number]

const RouterNodeSchema = open(
  {
    nodeID: Type.String({ description: 'The did:key that has to be there.' }),
    address: Type.String({ description: 'host:port of its REAR listener.' }),
  },
  { description: 'A node on the path.' },
)
export type RouterNode = Static<typeof RouterNodeSchema>

export const VirtualRouterSpecSchema = open({
  contractID: Type.String(),
  role: oneOf(VIRTUAL_ROUTER_ROLES),
  peer: RouterNodeSchema,
  path: Type.Optional(
    Type.Array(RouterNodeSchema, {
      description:
        'Relays between us and the peer, nearest first; empty or absent when it is reached directly.',
      maxItems: 8,
    }),
  ),
  remoteContractID: Type.Optional(
    Type.String({
      description: 'What the contract is called at the far end, where every hop has one of its own.',
    }),
  ),
  next: Type.Optional(
    open(
      { nodeID: Type.String(), address: Type.String(), contractID: Type.String() },
      { description: 'Relay only: the next hop, and the contract under which it takes what we pass on.' },
    ),
  ),
})
export type VirtualRouterSpec = Static<typeof VirtualRouterSpecSchema>

const EndpointSchema = open(
  {
    namespace: Type.String(),
    pod: Type.String(),
    container: Type.Optional(Type.String()),
    port: Type.Integer({ description: 'The port that the container declares.' }),
    localAddress: Type.String(),
    localPort: Type.Integer(),
    url: Type.String(),
  },
  { description: 'A port of a remote pod, on a local address.' },
)
export type RouterEndpoint = Static<typeof EndpointSchema>

export const VirtualRouterStatusSchema = open({
  phase: Type.Optional(oneOf(VIRTUAL_ROUTER_PHASES)),
  message: Type.Optional(Type.String()),
  lastProbe: Type.Optional(
    Type.String({
      description: 'RFC 3339: when the path was last seen to work or not. Not rewritten for every probe.',
    }),
  ),
  roundTripMs: Type.Optional(Type.Number({ description: 'Milliseconds, through the whole path.' })),
  endpoints: Type.Optional(Type.Array(EndpointSchema)),
  bytesIn: Type.Optional(Type.Integer({ description: 'Received from the peer since the router exists.' })),
  bytesOut: Type.Optional(Type.Integer({ description: 'Sent to the peer since the router exists.' })),
  streams: Type.Optional(Type.Integer({ description: 'Streams that are open.' })),
  conditions: Type.Optional(Type.Array(ConditionSchema)),
})
export type VirtualRouterStatus = Static<typeof VirtualRouterStatusSchema>

export interface VirtualRouter extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: VirtualRouterSpec
  readonly status?: VirtualRouterStatus
}

const description =
  'A virtual router: the way to the other end of a contract, and the ports exposed through it.'

export const VirtualRouterKind: KindDefinition<VirtualRouter> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'VirtualRouter',
  plural: 'virtualrouters',
  singular: 'virtualrouter',
  shortNames: ['vrouter'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'tributary.io/v1alpha1', kind: 'VirtualRouter' },
    VirtualRouterSpecSchema,
    VirtualRouterStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'node', why: 'made of a contract' },
  retention: { mode: 'component', by: 'Network Manager', until: 'its contract has ended' },
  selectableFields: ['spec.role', 'spec.contractID', 'spec.peer.nodeID', 'status.phase'],
  columns: [
    { name: 'Role', path: 'spec.role' },
    { name: 'Phase', path: 'status.phase' },
    { name: 'Peer', path: 'spec.peer.address' },
    { name: 'RTT ms', path: 'status.roundTripMs' },
    { name: 'Streams', type: 'integer', path: 'status.streams' },
    { name: 'Bytes in', type: 'integer', path: 'status.bytesIn', wide: true },
    { name: 'Bytes out', type: 'integer', path: 'status.bytesOut', wide: true },
    { name: 'Peer ID', path: 'spec.peer.nodeID', wide: true },
    { name: 'Contract', path: 'spec.contractID', wide: true },
    { name: 'Message', path: 'status.message', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
