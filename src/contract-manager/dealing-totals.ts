/** What is left of contracts in a DealingSummary: how many, how long, for how much. Pure. */
import { rfc3339 } from '../kernel/system.ts'
import type { Contract } from '../objects/contract.ts'
import type { DealingSummary, DealingTotals } from '../objects/dealing-summary.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { costOver, priceFault } from '../quantity/price.ts'

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

function addContract(before: DealingTotals | undefined, { metadata, spec, status }: Contract): DealingTotals {
  const { phase, endTime, lastChangeTime, startTime } = status?.phase ?? {}
  const from = Date.parse(startTime ?? metadata.creationTimestamp)
  const to = Math.max(from, Date.parse(endTime ?? lastChangeTime ?? '') || from)
  const first = rfc3339(from)
  const last = rfc3339(to)
  const seconds = Math.round((to - from) / 1_000)
  const early = phase === 'Closed' ? 1 : 0
  return {
    contracts: (before?.contracts ?? 0) + 1,
    closed: (before?.closed ?? 0) + early,
    seconds: (before?.seconds ?? 0) + seconds,
    first: before !== undefined && before.first < first ? before.first : first,
    last: before !== undefined && before.last > last ? before.last : last,
    cost: addCost(before?.cost ?? {}, spec.price, seconds),
  }
}

/** A price that cannot be read stands only in contracts that an earlier version signed: nothing is known of its cost. */
function addCost(
  cost: DealingTotals['cost'],
  price: Contract['spec']['price'],
  seconds: number,
): DealingTotals['cost'] {
  if (price === undefined || priceFault(price) !== undefined) return cost
  const more = costOver(price, seconds)
  if (more === 0n) return cost
  return { ...cost, [price.currency]: formatMoney(parseMoney(cost[price.currency] ?? '0') + more) }
}
