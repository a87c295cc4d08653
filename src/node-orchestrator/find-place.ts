/** Step 3: whether a request fits what this node has already, its own machine or a virtual node. Pure. */
import { podRequests } from '../fabric/pod-resources.ts'
import type { Intent } from '../objects/intent.ts'
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

/** What there is now, and what of it is spoken for. */
export interface Capacity {
  readonly self: { readonly name: string; readonly domain: string }
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  /** By node: what was promised to workloads whose pods are not there yet. */
  readonly promised: ReadonlyMap<string, Amounts>
  /**
   * What was bought and may be used by others than whom it was bought for, by node: what its provider is rated.
   * Every bought node may be used, and none is preferred, unless given.
   */
  readonly bought?: ReadonlyMap<string, number>
}

export interface Place {
  readonly placement: 'Local' | 'ExistingVirtualNode'
  readonly node: string
}

/** @returns where an intent's request fits without buying anything: here first, then on a node bought earlier */
export function findPlace(
  { spec }: Pick<Intent, 'spec'>,
  amounts: Amounts,
  { self, nodes, pods, promised, bought: ratings }: Capacity,
): Place | undefined {
  const { placement = 'Any', requirements = {} } = spec
  const fits = (node: Node): boolean =>
    isNodeReady(node) && lacking(node, pods, amounts, promised.get(node.metadata.name) ?? {}).length === 0
  const local = nodes.find(({ metadata }) => metadata.name === self.name)
  if (placement !== 'Remote' && local && meetsRequirements(local, requirements, self.domain) && fits(local))
    return { placement: 'Local', node: self.name }
  // What was bought under other terms may not meet these: only an intent without any takes what is there.
  if (placement === 'Local' || Object.keys(requirements).length > 0) return undefined
  const bought = nodes
    .filter(
      ({ metadata }) =>
        metadata.labels?.[CONTRACT_LABEL] !== undefined && (ratings?.has(metadata.name) ?? true),
    )
    .toSorted((a, b) => (ratings?.get(b.metadata.name) ?? 0) - (ratings?.get(a.metadata.name) ?? 0))
    .find(fits)
  return bought && { placement: 'ExistingVirtualNode', node: bought.metadata.name }
}

/** @returns of what the node has too little for a request, with both amounts */
export function lacking(
  node: Node,
  pods: readonly Pod[],
  amounts: Amounts,
  promised: Amounts,
): ReturnType<typeof shortages> {
  return shortages(amounts, subtractAmounts(freeOn(node, pods), promised))
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
