/**
 * Looks at every offer there is for one request and says of each why it is taken or not.
 *
 * Pure: the same input gives the same answer, so that `tributary plan` shows exactly what an
 * acquisition would do. What is asked of an offer comes in the order of the checks below; the
 * first that fails is the reason. Those that pass are ranked by weighted criteria, each from 0 to 1.
 */
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { Considered, RankingWeights } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { parseDuration } from '../quantity/duration.ts'
import { costOver, formatPrice, type Price } from '../quantity/price.ts'
import { commitmentOf, type Commitment } from '../spending/index.ts'
import { checkOffer } from './check-offer.ts'
import type { RankingContext } from './ranking-context.ts'
import { DEFAULT_DURATION, type Wanted } from './resources-wanted.ts'
import { hearsayNumbers, round, scoresOf } from './score-offer.ts'

export interface Choice {
  readonly candidate: PeeringCandidate
  /** What would be bought: the request, raised to what the offer's policy allows. */
  readonly amounts: Amounts
  readonly price: Price
  /** What it would add to what is paid for all parts. */
  readonly commitment: Commitment
  readonly score: number
}

/** Both in the order of preference; what was rejected comes last. */
export interface Consideration {
  readonly considered: readonly Considered[]
  readonly choices: readonly Choice[]
}

/** The default weights: price and rating before convenience. */
export const DEFAULT_WEIGHTS: Required<RankingWeights> = {
  price: 3,
  rating: 3,
  latency: 2,
  location: 1,
  carbon: 1,
  fit: 2,
}

/** @returns every candidate with its verdict, best first, and the choices in the same order */
export function consider(
  candidates: readonly PeeringCandidate[],
  wanted: Wanted,
  context: RankingContext,
): Consideration {
  const rejected: Considered[] = []
  const fitting: { candidate: PeeringCandidate; amounts: Amounts; price: Price; cost: bigint }[] = []
  for (const candidate of candidates) {
    const checked = checkOffer(candidate, wanted, context)
    if (checked.fits) fitting.push({ candidate, ...checked })
    else rejected.push({ ...identify(candidate), verdict: 'rejected', ...checked.rejection })
  }
  const weights = { ...DEFAULT_WEIGHTS, ...wanted.weights }
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0) || 1
  const cheapest = fitting.reduce<bigint | undefined>(
    (least, { cost }) => (least === undefined || cost < least ? cost : least),
    undefined,
  )
  const ranked = fitting
    .map(({ candidate, amounts, price, cost }) => {
      const scores = scoresOf(candidate, wanted, amounts, cost, cheapest ?? 0n, context)
      const score =
        (Object.keys(DEFAULT_WEIGHTS) as (keyof RankingWeights)[]).reduce(
          (sum, criterion) => sum + weights[criterion] * scores[criterion],
          0,
        ) / total
      return { candidate, amounts, price, scores, score: round(score) }
    })
    // Equal scores are ordered by name, so that the answer does not depend on who answered first.
    .sort((a, b) => b.score - a.score || (a.candidate.metadata.name < b.candidate.metadata.name ? -1 : 1))
  return {
    considered: [
      ...ranked.map(({ candidate, amounts, price, scores, score }, index): Considered => ({
        ...identify(candidate),
        verdict: index === 0 ? 'taken' : 'fits',
        reason: index === 0 ? 'best-score' : 'lower-score',
        numbers: {
          ...amounts,
          ...(price.amount === '' ? {} : { price: formatPrice(price) }),
          ...hearsayNumbers(candidate, context),
        },
        score,
        scores,
      })),
      ...rejected,
    ],
    choices: ranked.map(({ candidate, amounts, price, score }) => ({
      ...{ candidate, amounts, price, score },
      commitment: commitmentOf(price, costOver(price, parseDuration(wanted.duration ?? DEFAULT_DURATION))),
    })),
  }
}

function identify(candidate: PeeringCandidate): Pick<Considered, 'flavorID' | 'providerID' | 'domain'> {
  const { flavor } = candidate.spec
  return {
    flavorID: flavor.metadata.name,
    providerID: flavor.spec.owner.nodeID,
    domain: flavor.spec.owner.domain,
  }
}
