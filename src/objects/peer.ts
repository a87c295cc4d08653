/**
 * Peer: another node that this one has heard of, whether it may deal with us, and where it is.
 *
 * Pure: schema, type, name. Who writes Peers, and what a standing is, is the Privacy and Security Manager's.
 */
import Type, { type Static } from 'typebox'
import { createHash } from 'node:crypto'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject, type ObjectMetadata } from './meta.ts'

/** What a node is in its domain (one program, three roles). */
export const PeerRoleSchema = Type.Union([
  Type.Literal('node'),
  Type.Literal('supernode'),
  Type.Literal('catalog'),
])
export type PeerRole = Static<typeof PeerRoleSchema>

/** How we came to know of a peer; a peer that the user configured is trusted further than one that was merely heard. */
export const PeerSourceSchema = Type.Union([
  Type.Literal('configured'),
  Type.Literal('multicast'),
  Type.Literal('supernode'),
  Type.Literal('hello'),
])
export type PeerSource = Static<typeof PeerSourceSchema>

export const PeerSpecSchema = Type.Object({
  nodeID: Type.Optional(
    Type.String({ description: 'The did:key of the peer; absent until it was reached for the first time.' }),
  ),
  address: Type.Optional(Type.String({ description: 'host:port of its REAR listener.' })),
  accepted: Type.Optional(
    Type.Boolean({ description: "The user's decision. When absent, the node's acceptance policy decides." }),
  ),
  domain: Type.Optional(Type.String({ description: 'The domain that it is expected to be a member of.' })),
  role: Type.Optional(PeerRoleSchema),
  source: PeerSourceSchema,
})
export type PeerSpec = Static<typeof PeerSpecSchema>

export const PeerPhaseSchema = Type.Union([
  Type.Literal('Unknown'),
  Type.Literal('Known'),
  Type.Literal('Accepted'),
  Type.Literal('Rejected'),
  Type.Literal('Unreachable'),
])
export type PeerPhase = Static<typeof PeerPhaseSchema>

export const PeerStatusSchema = Type.Object({
  phase: Type.Optional(PeerPhaseSchema),
  name: Type.Optional(Type.String({ description: 'What it calls itself; for people, proves nothing.' })),
  domain: Type.Optional(Type.String({ description: 'Its domain, as its membership credential proves it.' })),
  role: Type.Optional(PeerRoleSchema),
  membership: Type.Optional(Type.String({ description: 'Its membership credential (a JWT).' })),
  membershipExpires: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  lastSeen: Type.Optional(Type.String({ description: 'RFC 3339.' })),
  message: Type.Optional(Type.String({ description: 'Why the phase is what it is.' })),
  roundTripMs: Type.Optional(Type.Number({ description: 'The last measured round trip, in milliseconds.' })),
})
export type PeerStatus = Static<typeof PeerStatusSchema>

export interface Peer extends KubeObject {
  readonly apiVersion: 'tributary.io/v1alpha1'
  readonly kind: 'Peer'
  readonly metadata: ObjectMetadata
  readonly spec: Readonly<PeerSpec>
  readonly status?: Readonly<PeerStatus>
}

export const PeerKind: KindDefinition<Peer> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'Peer',
  plural: 'peers',
  singular: 'peer',
  namespaced: false,
  statusSubresource: true,
  writable: { by: 'user' },
  retention: { mode: 'kept', why: 'who a node is, and that the user accepts it; one for each node' },
  selectableFields: ['spec.nodeID', 'spec.source', 'status.phase', 'status.role', 'status.domain'],
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('Peer'),
    metadata: MetadataSchema,
    spec: PeerSpecSchema,
    status: Type.Optional(PeerStatusSchema),
  }),
  columns: [
    { name: 'Node', path: 'status.name' },
    { name: 'Phase', path: 'status.phase' },
    { name: 'Role', path: 'status.role' },
    { name: 'Domain', path: 'status.domain' },
    { name: 'Address', path: 'spec.address' },
    { name: 'Last seen', type: 'date', path: 'status.lastSeen' },
    { name: 'Node ID', path: 'spec.nodeID', wide: true },
    { name: 'Source', path: 'spec.source', wide: true },
    { name: 'RTT ms', path: 'status.roundTripMs', wide: true },
    { name: 'Message', path: 'status.message', wide: true },
  ],
  description:
    'Another node: where it is, what it proved about itself, and whether it may deal with this one.',
}

/** Hexadecimal digits of the digest in a peer's name: 64 bits, far more than a node will ever have peers for. */
const NAME_DIGITS = 16

/** @returns the object name of the peer with this node id: `peer-` and the start of the id's SHA-256. */
export function peerName(nodeId: string): string {
  return `peer-${createHash('sha256').update(nodeId).digest('hex').slice(0, NAME_DIGITS)}`
}
