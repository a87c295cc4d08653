/** What is left of contracts in a DealingSummary: how many, how long, for how much. Pure. */
import { rfc3339 } from '../kernel/system.ts'
import type { Contract } from '../objects/contract.ts'
import type { DealingSummary, DealingTotals } from '../objects/dealing-summary.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { finalCost, startOf } from '../rear/contract-cost.ts'

type Status = NonNullable<DealingSummary['status']>

/** @returns the node id of the party that is not us */
export function otherSideOf({ spec }: Contract): string {
  return spec.role === 'seller' ? spec.buyer.nodeID : spec.seller.nodeID
}

/** @returns the totals with contracts more, all of them over */
export function addContracts(status: Status, contracts: readonly Contract[]): Status {
  return contracts.reduce((sum, contract) => {
    const side = contract.spec.role === 'seller' ? 'sold' : 'bought'
    return { ...sum, [side]: addContract(sum[side], contract) }
  }, status)
}

function addContract(before: DealingTotals | undefined, contract: Contract): DealingTotals {
  const { seconds, cost } = finalCost(contract)
  const from = startOf(contract)
  const to = from + seconds * 1_000
  const first = rfc3339(from)
  const last = rfc3339(to)
  const early = contract.status?.phase?.phase === 'Closed' ? 1 : 0
  return {
    contracts: (before?.contracts ?? 0) + 1,
    closed: (before?.closed ?? 0) + early,
    seconds: (before?.seconds ?? 0) + seconds,
    first: before !== undefined && before.first < first ? before.first : first,
    last: before !== undefined && before.last > last ? before.last : last,
    cost: addCost(before?.cost ?? {}, contract.spec.price, cost),
  }
}

function addCost(
  cost: DealingTotals['cost'],
  price: Contract['spec']['price'],
  more: bigint,
): DealingTotals['cost'] {
  if (price === undefined || more === 0n) return cost
  return { ...cost, [price.currency]: formatMoney(parseMoney(cost[price.currency] ?? '0') + more) }
}
