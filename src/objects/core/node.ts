/**
 * Node: Kubernetes' core kind, as far as the embedded cluster implements it. The local machine is
 * one, and each bought slice is one (a virtual node).
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from '../meta.ts'
import { anyValue, closed, objectSchema, open } from '../schema.ts'
import { touchesNames } from '../writable.ts'

const opt = Type.Optional
const AmountsSchema = Type.Record(Type.String(), Type.String())

export const NodeSpecSchema = closed({
  podCIDR: opt(Type.String()),
  podCIDRs: opt(Type.Array(Type.String())),
  providerID: opt(Type.String()),
  unschedulable: opt(Type.Boolean()),
  taints: opt(anyValue()),
  configSource: opt(anyValue()),
  externalID: opt(Type.String()),
})

export const NodeStatusSchema = open({
  capacity: opt(AmountsSchema),
  allocatable: opt(AmountsSchema),
  conditions: opt(Type.Array(ConditionSchema)),
  addresses: opt(Type.Array(open({ type: Type.String(), address: Type.String() }))),
  nodeInfo: opt(open({ kubeletVersion: opt(Type.String()) })),
})
export type NodeStatus = Static<typeof NodeStatusSchema>

export interface Node extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec?: Static<typeof NodeSpecSchema>
  readonly status?: NodeStatus
}

const ROLE_PREFIX = 'node-role.kubernetes.io/'

/** @returns whether the node's condition `Ready` is `True`. */
export function isNodeReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

/** What scheduling and contracts go by. */
const REGISTERED = [
  'tributary.io/',
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'type',
  `${ROLE_PREFIX}virtual`,
]

function registered(node: Node | undefined): string {
  const { providerID, podCIDR, podCIDRs, externalID, configSource } = node?.spec ?? {}
  return JSON.stringify([providerID, podCIDR, podCIDRs, externalID, configSource])
}

const description = 'A node: a machine, or a bought slice of one, that runs pods.'

export const NodeKind: KindDefinition<Node> = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  schema: objectSchema(
    { apiVersion: 'v1', kind: 'Node' },
    Type.Optional(NodeSpecSchema),
    NodeStatusSchema,
    description,
  ),
  statusSubresource: true,
  writable: {
    by: 'user',
    except: {
      verbs: ['create', 'delete', 'deletecollection'],
      why: 'registered by the node: this machine, or what it bought',
      instead: 'a virtual node goes when its contract is deleted',
    },
    reserved: [
      {
        what: 'what a Node stands for (spec.providerID, pod networks, the labels and annotations that the node put on it)',
        instead: 'labels and taints of your own are fine',
        touches: (change) =>
          touchesNames(change, REGISTERED) || registered(change.before) !== registered(change.after),
      },
    ],
  },
  retention: { mode: 'component', by: 'who registered it', until: 'the node or virtual node is gone' },
  selectableFields: ['spec.unschedulable'],
  columns: [
    {
      name: 'Status',
      path: 'status.conditions',
      render: (object) => {
        const node = object as Node
        const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
        const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
        return node.spec?.unschedulable ? `${word},SchedulingDisabled` : word
      },
    },
    {
      name: 'Roles',
      path: 'metadata.labels',
      render: ({ metadata }) =>
        Object.keys(metadata.labels ?? {})
          .filter((label) => label.startsWith(ROLE_PREFIX))
          .map((label) => label.slice(ROLE_PREFIX.length))
          .join(',') || '<none>',
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
    { name: 'Version', path: 'status.nodeInfo.kubeletVersion' },
    { name: 'CPU', path: 'status.allocatable.cpu', wide: true },
    { name: 'Memory', path: 'status.allocatable.memory', wide: true },
    {
      name: 'Internal-IP',
      path: 'status.addresses',
      wide: true,
      render: (object) =>
        (object as Node).status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '<none>',
    },
    { name: 'OS-Image', path: 'status.nodeInfo.osImage', wide: true },
    { name: 'Kernel-Version', path: 'status.nodeInfo.kernelVersion', wide: true },
    { name: 'Container-Runtime', path: 'status.nodeInfo.containerRuntimeVersion', wide: true },
  ],
  description,
}
