/**
 * What placed workloads were promised and do not use yet, by node: between the decision where a workload runs and
 * the pods that show it nobody else may count on the same room. Pure.
 */
import { podRequests } from '../fabric/pod-resources.ts'
import type { Deployment } from '../objects/core/deployment.ts'
import type { Pod } from '../objects/core/pod.ts'
import { addAmounts, atLeastZero, subtractAmounts, type Amounts } from '../quantity/amounts.ts'

/** A workload that was placed. */
export interface PlacedWorkload {
  readonly node: string
  /** What all its replicas need together. */
  readonly amounts: Amounts
  /** Undefined while it is not in the cluster. */
  readonly deployment: Pick<Deployment, 'metadata'> | undefined
}

/** @returns by node, what is promised beyond what the pods that are there request */
export function promisedAmounts(
  placed: readonly PlacedWorkload[],
  pods: readonly Pod[],
): ReadonlyMap<string, Amounts> {
  const promised = new Map<string, Amounts>()
  for (const { node, amounts, deployment } of placed) {
    const used = pods
      .filter(({ spec, metadata }) => {
        const ours = metadata.ownerReferences?.some(({ uid }) => uid === deployment?.metadata.uid)
        return spec.nodeName === node && ours === true
      })
      .map(({ spec }) => podRequests(spec))
      .reduce(addAmounts, {})
    const open = atLeastZero(subtractAmounts(amounts, used))
    promised.set(node, addAmounts(promised.get(node) ?? {}, open))
  }
  return promised
}
