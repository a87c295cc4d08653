/** Step 3: whether a request fits what this node has already, its own machines or a virtual node. Pure. */
import type { Cluster, ClusterNode } from '../fabric/cluster.ts'
import type { Intent } from '../objects/intent.ts'
import type { PodSpec } from '../objects/core/pod-spec.ts'
import type { Requirements } from '../objects/requirements.ts'
import { shortages, subtractAmounts, type Amounts } from '../quantity/amounts.ts'

/** What there is now, and what of it is spoken for. */
export interface Capacity {
  /** Of this node. */
  readonly domain: string
  /** Our own first. */
  readonly nodes: readonly ClusterNode[]
  /** Why a workload cannot run on a node, whatever room there is. */
  readonly obstacle: Cluster['obstacle']
  /** By node: what was promised to workloads whose pods are not there yet. */
  readonly promised: ReadonlyMap<string, Amounts>
  /**
   * What was bought and may be used by others than whom it was bought for, by node: what its provider is rated.
   * Every bought node may be used, and none is preferred, unless given.
   */
  readonly bought?: ReadonlyMap<string, number>
}

/** What is to be placed. */
export interface Placeable {
  /** What all its pods need together. */
  readonly amounts: Amounts
  /** Of its pods; what it selects and tolerates counts. */
  readonly podSpec: PodSpec
}

export interface Place {
  readonly placement: 'Local' | 'ExistingVirtualNode'
  readonly node: string
}

/** @returns where an intent's request fits without buying anything: here first, then on a node bought earlier */
export function findPlace(
  { spec }: Pick<Intent, 'spec'>,
  { amounts, podSpec }: Placeable,
  { domain, nodes, obstacle, promised, bought: ratings }: Capacity,
): Place | undefined {
  const { placement = 'Any', requirements = {} } = spec
  const fits = (node: ClusterNode): boolean =>
    node.usable &&
    obstacle(podSpec, node) === undefined &&
    lacking(node, amounts, promised.get(node.name) ?? {}).length === 0
  const own = nodes.find(
    (node) => node.origin.type === 'own' && meetsRequirements(node, requirements, domain) && fits(node),
  )
  if (placement !== 'Remote' && own) return { placement: 'Local', node: own.name }
  // What was bought under other terms may not meet these: only an intent without any takes what is there.
  if (placement === 'Local' || Object.keys(requirements).length > 0) return undefined
  const bought = nodes
    .filter(({ origin, name }) => origin.type === 'bought' && (ratings?.has(name) ?? true))
    .toSorted((a, b) => (ratings?.get(b.name) ?? 0) - (ratings?.get(a.name) ?? 0))
    .find(fits)
  return bought && { placement: 'ExistingVirtualNode', node: bought.name }
}

/** @returns of what the node has too little for a request, with both amounts */
export function lacking(
  { free }: ClusterNode,
  amounts: Amounts,
  promised: Amounts,
): ReturnType<typeof shortages> {
  return shortages(amounts, subtractAmounts(free, promised))
}

/** @returns whether a machine of our own has what is required besides its size */
export function meetsRequirements(
  { labels }: ClusterNode,
  requirements: Requirements,
  domain: string,
): boolean {
  const {
    architecture,
    location,
    flavorType,
    allowedDomains,
    forbiddenDomains,
    properties,
    securityStandards,
    images,
  } = requirements
  if (flavorType !== undefined && flavorType !== 'k8slice') return false
  if (images === true && labels['tributary.io/images'] === 'false') return false
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
