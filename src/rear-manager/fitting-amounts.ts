/** How much of a slice would be bought for a request. Pure. */
import type { K8Slice } from '../objects/flavor.ts'
import { flavorAmounts } from '../peering-candidates/index.ts'
import { roundUpTo, shortages, type Amounts } from '../quantity/amounts.ts'
import { compare, formatQuantity, max, parseQuantity } from '../quantity/index.ts'
import { reject, type Rejection } from './rejection.ts'

/** Kept apart by the name of the member: resources may be called anything, also `reason`. */
export type FittingAmounts = { readonly amounts: Amounts } | { readonly rejection: Rejection }

/** What would be bought of a slice for a request: raised to its minimum and step; or why that is not possible. */
export function fittingAmounts(slice: K8Slice, wanted: Amounts): FittingAmounts {
  const available = flavorAmounts(slice)
  const policy = slice.policies.partitionability
  const amounts: Record<string, string> = { ...wanted }
  if (policy === undefined) {
    Object.assign(amounts, available)
  } else {
    for (const resource of ['cpu', 'memory', 'pods'] as const) {
      const least = parseQuantity(policy[`${resource}Min`])
      const raised = formatQuantity(max(parseQuantity(amounts[resource] ?? '0'), least))
      amounts[resource] = roundUpTo(raised, policy[`${resource}Step`])
      const most = policy[`${resource}Max`]
      if (most !== undefined && compare(parseQuantity(amounts[resource]), parseQuantity(most)) > 0) {
        const detail = `${resource}: ${amounts[resource]} is more than the ${most} sold at once`
        return { rejection: reject('over-maximum', detail) }
      }
    }
  }
  const short = shortages(wanted, available)[0] ?? shortages(amounts, available)[0]
  if (short) {
    const detail = `${short.resource}: ${short.wanted} wanted, ${short.available} offered`
    const numbers = { wanted: short.wanted, offered: short.available }
    return { rejection: reject(`${short.resource}-short`, detail, numbers) }
  }
  return { amounts }
}
