/**
 * Labels, annotations and names that the parts of the embedded cluster agree on. Pure.
 */
import { createHash } from 'node:crypto'

/** On pods bound to a node: whoever runs the pod takes it off when nothing of the pod runs any more. */
export const RUNNING_FINALIZER = 'tributary.io/running'
/** Label of a Deployment's pods: which version of the template they were made from. */
export const TEMPLATE_HASH_LABEL = 'pod-template-hash'
export const HOSTNAME_LABEL = 'kubernetes.io/hostname'
/** Label of virtual nodes, as Liqo's virtual nodes carry `liqo.io/type`. */
export const VIRTUAL_NODE_LABEL = 'tributary.io/virtual-node'
/** Label of virtual nodes and of pods run for others: the contract, or its short hash where the id is no label value. */
export const CONTRACT_LABEL = 'tributary.io/contract'
/** The contract's id in full. */
export const CONTRACT_ANNOTATION = 'tributary.io/contract-id'
/** Of a virtual node: the provider's node id. */
export const PROVIDER_ANNOTATION = 'tributary.io/provider'
/** Label of nodes that say whether containers run their images there: `true` or `false`. */
export const IMAGES_LABEL = 'tributary.io/images'
/** Of the namespace of a contract: who bought it. */
export const BUYER_ANNOTATION = 'tributary.io/buyer'
/** Of a pod run for another node: all that the contract gives, as JSON. */
export const CONTRACT_AMOUNTS_ANNOTATION = 'tributary.io/contract-amounts'
/** Of a pod run for another node: what the pod is called there, as JSON (`PodIdentity`). */
export const ORIGIN_ANNOTATION = 'tributary.io/origin'

/** What members of `metadata` and `spec` a pod sees of itself; for a pod run for another node, as it is called there. */
export interface PodIdentity {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly nodeName: string
}

/**
 * Digits of a hash that stands alone for what others chose: so many that nobody finds two texts with the same, while
 * with 10 it takes seconds.
 */
export const EXCLUSIVE = 32

/** @returns `length` hexadecimal digits that depend on `text` only. */
export function shortHash(text: string, length = 10): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}

/** @returns the provider's namespace for the pods of a contract. */
export function contractNamespace(contractID: string): string {
  return `tributary-${shortHash(contractID, EXCLUSIVE)}`
}

/** @returns a label value that stands for the contract: its id where that is allowed as one. */
export function contractLabel(contractID: string): string {
  return /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(contractID)
    ? contractID
    : shortHash(contractID, EXCLUSIVE)
}

/** @returns the provider's name for the pod that its buyer calls `namespace/name`: no two are the same. */
export function shadowName(namespace: string, name: string): string {
  // Namespaces hold no dots, so this is unambiguous.
  const plain = `${namespace}.${name}`
  return plain.length <= 253 ? plain : `${plain.slice(0, 220)}-${shortHash(plain, EXCLUSIVE)}`
}
