/** What an acquisition would take now, of all offers that are known, and why. Takes nothing. */
import type { Solver } from '../objects/solver.ts'
import { NOTHING, type Commitment } from '../spending/index.ts'
import { EXCLUDE_MS, type AcquisitionContext } from './acquisition.ts'
import { consider, type Consideration } from './consider.ts'
import type { MoneyContext, RankingContext } from './ranking-context.ts'
import { wantedOf } from './resources-wanted.ts'

/** @param money what other parts of the same intent leave; that of the solver alone unless given */
export function considerFor(
  context: AcquisitionContext,
  solver: Solver,
  money: MoneyContext = {},
): Consideration {
  const ranking = { ...rankingContextFor(context, solver), ...money }
  return consider(context.candidates.list(), wantedOf(solver), ranking)
}

/** @returns the least that a request could cost now, if money were no object; nothing where nobody offers it */
export function leastCommitment(context: AcquisitionContext, solver: Solver): Commitment {
  const { choices } = considerFor(context, solver, { limits: {} })
  if (choices.length === 0) return NOTHING
  const commitments = choices.map(({ commitment }) => commitment)
  const currencies = new Set(commitments.flatMap(({ rate }) => [...rate.keys()]))
  // In several currencies nothing is the least.
  const [currency] = currencies
  if (currency === undefined || currencies.size > 1) return NOTHING
  const least = (of: keyof Commitment): ReadonlyMap<string, bigint> => {
    const amounts = commitments.map((each) => each[of].get(currency) ?? 0n)
    const smallest = amounts.reduce((a, b) => (a < b ? a : b))
    return smallest === 0n ? new Map() : new Map([[currency, smallest]])
  }
  return { cost: least('cost'), rate: least('rate') }
}

/** @returns what offers are looked at with for a Solver, now */
export function rankingContextFor(context: AcquisitionContext, solver: Solver): RankingContext {
  const { system, self, ratings, latencyOf, memory } = context
  return {
    now: system.clock.now(),
    self: self.id,
    domain: self.domain,
    ratingOf: (nodeID) => ratings.ownRatingOf(nodeID),
    latencyOf,
    excluded: memory.excluded(solver),
    failedLately: (nodeID, reachedThroughOthers) =>
      ratings.failedLately(nodeID, EXCLUDE_MS, reachedThroughOthers ? 'Unreachable' : undefined),
  }
}
