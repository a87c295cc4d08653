/** The Node object of a virtual node: made of an offer, and what it says of the provider. */
import { ensure, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { type Condition, setCondition } from '../../objects/meta.ts'
import type { BoughtSlice } from '../fabric.ts'
import {
  CONTRACT_ANNOTATION,
  CONTRACT_LABEL,
  contractLabel,
  HOSTNAME_LABEL,
  PROVIDER_ANNOTATION,
  VIRTUAL_NODE_LABEL,
} from './names.ts'

export interface NodeWriter {
  readonly store: ObjectStore
  readonly system: System
}

/** @returns whether the node stands for a bought slice */
export function isVirtual(node: Node | undefined): node is Node {
  return node?.metadata.labels?.[VIRTUAL_NODE_LABEL] !== undefined
}

/** @returns the contract that a virtual node stands for */
export function contractIdOf(node: Node): string | undefined {
  return node.metadata.annotations?.[CONTRACT_ANNOTATION]
}

export function readyCondition(node: Node | undefined): Condition | undefined {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')
}

/**
 * Makes the object, or brings it in line with the offer.
 * @param version of this program, for `kubectl get nodes`
 * @throws Error when a node of that name stands for another contract
 */
export async function ensureVirtualNode(
  { store, system }: NodeWriter,
  { nodeName, contractID, provider, offer }: BoughtSlice,
  version: string,
): Promise<Node> {
  const node = await ensure(store, NodeKind, {
    metadata: {
      name: nodeName,
      labels: {
        ...offer.nodeLabels,
        [HOSTNAME_LABEL]: nodeName,
        [VIRTUAL_NODE_LABEL]: 'true',
        [CONTRACT_LABEL]: contractLabel(contractID),
        type: 'virtual-node',
        'node-role.kubernetes.io/virtual': '',
      },
      annotations: { [CONTRACT_ANNOTATION]: contractID, [PROVIDER_ANNOTATION]: provider },
    },
    spec: { providerID: `tributary://${contractID}` },
  })
  if (contractIdOf(node) !== contractID) throw new Error(`node ${nodeName} stands for another contract`)
  await mutateStatus(store, NodeKind, { name: nodeName }, (stored) => ({
    ...stored.status,
    capacity: { ...offer.resources },
    allocatable: { ...offer.resources },
    conditions: stored.status?.conditions ?? [
      {
        type: 'Ready',
        status: 'Unknown' as const,
        reason: 'Connecting',
        message: 'the provider has not been heard of yet',
        lastTransitionTime: rfc3339(system.clock.now()),
      },
    ],
    nodeInfo: {
      ...stored.status?.nodeInfo,
      kubeletVersion: version,
      containerRuntimeVersion: `tributary://${offer.enforcement.split(' ')[0]}`,
    },
  }))
  return node
}

/** @param known what a local copy says: nothing is written that it says already */
export async function setVirtualNodeReady(
  { store, system }: NodeWriter,
  known: Node | undefined,
  nodeName: string,
  ready: { readonly status: 'True' | 'Unknown'; readonly reason: string; readonly message: string },
): Promise<void> {
  const before = readyCondition(known)
  if (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message)
    return
  await mutateStatus(store, NodeKind, { name: nodeName }, (stored) => ({
    ...stored.status,
    conditions: [
      ...setCondition(stored.status?.conditions, { type: 'Ready', ...ready }, rfc3339(system.clock.now())),
    ],
  }))
}
