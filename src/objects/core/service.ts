/**
 * Service: Kubernetes' core kind. The embedded cluster stores it; it gives it no address of its own.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import type { KubeObject, ObjectMetadata } from '../meta.ts'
import { anyValue, closed, objectSchema, open } from '../schema.ts'

const opt = Type.Optional
const any = () => Type.Optional(anyValue())

export const ServiceSpecSchema = closed({
  allocateLoadBalancerNodePorts: opt(Type.Boolean()),
  clusterIP: opt(Type.String()),
  clusterIPs: any(),
  externalIPs: any(),
  externalName: opt(Type.String()),
  externalTrafficPolicy: opt(Type.String()),
  healthCheckNodePort: opt(Type.Integer()),
  internalTrafficPolicy: opt(Type.String()),
  ipFamilies: any(),
  ipFamilyPolicy: opt(Type.String()),
  loadBalancerClass: opt(Type.String()),
  loadBalancerIP: opt(Type.String()),
  loadBalancerSourceRanges: any(),
  ports: opt(
    Type.Array(
      closed({
        name: opt(Type.String()),
        protocol: opt(Type.String()),
        port: Type.Integer({ minimum: 1, maximum: 65_535 }),
        targetPort: opt(Type.Union([Type.Integer(), Type.String()])),
        nodePort: opt(Type.Integer()),
        appProtocol: opt(Type.String()),
      }),
    ),
  ),
  publishNotReadyAddresses: opt(Type.Boolean()),
  selector: opt(Type.Record(Type.String(), Type.String())),
  sessionAffinity: opt(Type.String()),
  sessionAffinityConfig: any(),
  topologyKeys: any(),
  trafficDistribution: opt(Type.String()),
  type: opt(Type.String()),
})
export const ServiceStatusSchema = open({})

export interface Service extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: Static<typeof ServiceSpecSchema>
  readonly status?: Static<typeof ServiceStatusSchema>
}

const description = 'A service: a name for the pods that its selector finds.'

export const ServiceKind: KindDefinition<Service> = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  namespaced: true,
  schema: objectSchema(
    { apiVersion: 'v1', kind: 'Service' },
    ServiceSpecSchema,
    ServiceStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: { by: 'user' },
  retention: { mode: 'kept', why: 'what the user wants' },
  selectableFields: ['spec.clusterIP', 'spec.type'],
  columns: [
    { name: 'Type', path: 'spec.type', render: (object) => (object as Service).spec.type ?? 'ClusterIP' },
    {
      name: 'Cluster-IP',
      path: 'spec.clusterIP',
      render: (object) => (object as Service).spec.clusterIP ?? '<none>',
    },
    {
      name: 'Port(s)',
      path: 'spec.ports',
      render: (object) =>
        (object as Service).spec.ports
          ?.map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`)
          .join(',') || '<none>',
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
    {
      name: 'Selector',
      path: 'spec.selector',
      wide: true,
      render: (object) =>
        Object.entries((object as Service).spec.selector ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(',') || '<none>',
    },
  ],
  description,
}
