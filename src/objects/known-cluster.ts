/**
 * KnownCluster: the address of another node. Written by the user it is a node to get to know, like an entry under
 * `peers` in the configuration; heard on the local network it is an upstream node, noted for people to see.
 *
 * Pure. Upstream's kind.
 */
import Type, { type Static } from 'typebox'
import { NETWORK } from './fluidos-common.ts'
import type { KindDefinition } from './kind.ts'
import type { KubeObject, ObjectMetadata } from './meta.ts'
import { objectSchema, open } from './schema.ts'

export const KnownClusterSpecSchema = open({
  address: Type.String({ description: 'host:port', minLength: 1 }),
})
export type KnownClusterSpec = Static<typeof KnownClusterSpecSchema>

export const KnownClusterStatusSchema = open({ expirationTime: Type.String(), lastUpdateTime: Type.String() })
export type KnownClusterStatus = Static<typeof KnownClusterStatusSchema>

export interface KnownCluster extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: KnownClusterSpec
  readonly status?: KnownClusterStatus
}

const description = 'A known cluster: where another node answers.'

export const KnownClusterKind: KindDefinition<KnownCluster> = {
  ...NETWORK,
  kind: 'KnownCluster',
  plural: 'knownclusters',
  singular: 'knowncluster',
  shortNames: ['kclust', 'kclusts'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'network.fluidos.eu/v1alpha1', kind: 'KnownCluster' },
    KnownClusterSpecSchema,
    KnownClusterStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'user' },
  retention: { mode: 'kept', why: 'where an upstream node answered; at most 256' },
  columns: [
    { name: 'Address', path: 'spec.address' },
    { name: 'Last update', path: 'status.lastUpdateTime' },
    { name: 'Expires', path: 'status.expirationTime', wide: true },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
  description,
}
