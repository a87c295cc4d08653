/** Whether a pod may go to a node: what the node is, what the pod asks of it, and what room is left. Pure. */
import type { PodSpec } from '../../objects/core/pod-spec.ts'
import { isNodeReady, type Node } from '../../objects/core/node.ts'
import { type Amounts, shortages, subtractAmounts } from '../../quantity/amounts.ts'
import { taintsOf, taintText, tolerationsOf, untolerated } from '../taints.ts'

/** @returns why nothing new goes to the node, for people */
export function closedTo(node: Node): string | undefined {
  if (node.metadata.deletionTimestamp !== undefined) return 'node is being removed'
  if (node.spec?.unschedulable === true) return 'node is unschedulable'
  return isNodeReady(node) ? undefined : 'node is not ready'
}

/** @returns whether the node has every label of a selector */
export function hasLabels(
  labels: Readonly<Record<string, string>> | undefined,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([label, value]) => labels?.[label] === value)
}

/** @returns the taint of the node that keeps the pod off it, for people */
export function taintAgainst(node: Node, spec: Pick<PodSpec, 'tolerations'>): string | undefined {
  const taint = untolerated(taintsOf(node.spec?.taints), tolerationsOf(spec))
  return taint && `node(s) had untolerated taint {${taintText(taint)}}`
}

/**
 * @param used what the pods of the node request
 * @returns what the node has too little of, for people
 */
export function shortageOn(node: Node, requests: Amounts, used: Amounts): string | undefined {
  const allocatable = node.status?.allocatable ?? {}
  const { pods: _, ...others } = requests
  // A node that does not say how many pods it takes, takes any.
  const wanted = allocatable.pods === undefined ? others : requests
  const lacking = shortages(wanted, subtractAmounts(allocatable, used))
  if (lacking.length === 0) return undefined
  return lacking
    .map(
      ({ resource, wanted: needs, available }) =>
        `Insufficient ${resource} (needs ${needs}, ${available} of ${allocatable[resource] ?? '0'} free)`,
    )
    .join(', ')
}

/** @returns whether no decision can differ between two states of a node */
export function sameForScheduling(a: Node, b: Node): boolean {
  const facts = (node: Node): string =>
    JSON.stringify([closedTo(node), node.spec?.taints, node.metadata.labels, node.status?.allocatable])
  return facts(a) === facts(b)
}
