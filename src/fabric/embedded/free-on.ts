/** What is left of a node. Pure. */
import { isFinished, type Pod } from '../../objects/core/pod.ts'
import { type Amounts, addAmounts, subtractAmounts } from '../../quantity/amounts.ts'
import { podRequests } from '../pod-resources.ts'
import { CONTRACT_LABEL } from './names.ts'

/**
 * @param pods that are bound to the node
 * @returns what of its allocatable amounts they do not request
 */
export function freeOn(allocatable: Amounts, pods: readonly Pod[]): Amounts {
  const used = pods
    // The pods of buyers run on what is for sale, which is no part of the node's capacity.
    .filter((pod) => !isFinished(pod) && pod.metadata.labels?.[CONTRACT_LABEL] === undefined)
    .map(({ spec }) => podRequests(spec))
    .reduce(addAmounts, {})
  return subtractAmounts(allocatable, used)
}
