/** Step 3: whether a request fits what this node has already, its own machine or a virtual node. Pure. */
import { podRequests } from '../fabric/pod-resources.ts'
import { isNodeReady, type Node } from '../objects/core/node.ts'
import type { Pod } from '../objects/core/pod.ts'
import type { Requirements } from '../objects/requirements.ts'
import { addAmounts, shortages, subtractAmounts, type Amounts } from '../quantity/amounts.ts'

/** The label of nodes that stand for a bought slice. */
export const CONTRACT_LABEL = 'tributary.io/contract'

/** @returns what is left of a node by what its pods request */
export function freeOn(node: Node, pods: readonly Pod[]): Amounts {
  const used = pods
    // The pods of buyers run on what is for sale, which is no part of the node's capacity.
    .filter(
      (pod) =>
        pod.spec.nodeName === node.metadata.name &&
        !isOver(pod) &&
        pod.metadata.labels?.[CONTRACT_LABEL] === undefined,
    )
    .map((pod) => podRequests(pod.spec))
    .reduce(addAmounts, {})
  return subtractAmounts(node.status?.allocatable ?? {}, used)
}

/** @returns whether the node is usable and the request fits what is free on it */
export function fitsOn(node: Node, pods: readonly Pod[], amounts: Amounts, promised: Amounts): boolean {
  return isNodeReady(node) && shortages(addAmounts(amounts, promised), freeOn(node, pods)).length === 0
}

/** @returns whether this machine has what is required besides its size */
export function meetsRequirements(node: Node, requirements: Requirements, domain: string): boolean {
  const labels = node.metadata.labels ?? {}
  const {
    architecture,
    location,
    flavorType,
    allowedDomains,
    forbiddenDomains,
    properties,
    securityStandards,
  } = requirements
  if (flavorType !== undefined && flavorType !== 'k8slice') return false
  if (architecture !== undefined && labels['kubernetes.io/arch'] !== architecture) return false
  if (
    location?.city !== undefined &&
    labels['topology.tributary.io/city']?.toLowerCase() !== location.city.toLowerCase()
  )
    return false
  if (
    location?.country !== undefined &&
    labels['topology.tributary.io/country']?.toLowerCase() !== location.country.toLowerCase()
  )
    return false
  if (allowedDomains && !allowedDomains.includes(domain)) return false
  if (forbiddenDomains?.includes(domain)) return false
  // What the machine says nothing of cannot be promised.
  return Object.keys(properties ?? {}).length === 0 && (securityStandards ?? []).length === 0
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}
