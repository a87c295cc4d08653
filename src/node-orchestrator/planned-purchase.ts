/** What a purchase would cost: per period and in all, until when, of whom. Pure. */
import { rfc3339 } from '../kernel/system.ts'
import type { RankingWeights, Solver } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { parseDuration } from '../quantity/duration.ts'
import { formatMoney } from '../quantity/money.ts'
import { costOver, type Price } from '../quantity/price.ts'
import { DEFAULT_DURATION, DEFAULT_WEIGHTS, type Consideration } from '../rear-manager/index.ts'

export interface PlannedPurchase {
  readonly flavorID: string
  /** Of its owner. */
  readonly provider: { readonly nodeID: string; readonly domain: string }
  /** Where that is not its owner: the node in between that it is bought of. */
  readonly through?: string
  /** What would keep it from being bought now, for people. */
  readonly obstacle?: string
  /** What would be bought: what is wanted, raised to what the offer's policy allows. */
  readonly amounts: Amounts
  /** Per period; an empty amount where nothing is asked. */
  readonly price: Price
  /** For example `24h`. */
  readonly duration: string
  /** RFC 3339; if it were bought now. */
  readonly until: string
  /** For the whole duration. */
  readonly cost: { readonly amount: string; readonly currency: string }
  /** With which the scores make the total: the sum of weight times score over the sum of the weights. */
  readonly weights: Required<RankingWeights>
}

/** @param now milliseconds since 1970 */
export function plannedPurchase(
  { spec }: Pick<Solver, 'spec'>,
  { candidate, amounts, price }: Consideration['choices'][number],
  now: number,
  of: { readonly seller?: string; readonly obstacle?: string | undefined } = {},
): PlannedPurchase {
  const { flavor } = candidate.spec
  const { owner } = flavor.spec
  const duration = spec.duration ?? DEFAULT_DURATION
  const seconds = parseDuration(duration)
  return {
    flavorID: flavor.metadata.name,
    provider: { nodeID: owner.nodeID, domain: owner.domain },
    ...(of.seller === undefined || of.seller === owner.nodeID ? {} : { through: of.seller }),
    ...(of.obstacle === undefined ? {} : { obstacle: of.obstacle }),
    amounts,
    price,
    duration,
    until: rfc3339(now + seconds * 1000),
    cost: { amount: formatMoney(costOver(price, seconds)), currency: price.currency },
    weights: { ...DEFAULT_WEIGHTS, ...spec.weights },
  }
}
