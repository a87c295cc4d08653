/** What an acquisition would take now, of all offers that are known, and why. Takes nothing. */
import type { Solver } from '../objects/solver.ts'
import { EXCLUDE_MS, type AcquisitionContext } from './acquisition.ts'
import { consider, type Consideration } from './consider.ts'
import type { RankingContext } from './ranking-context.ts'
import { wantedOf } from './resources-wanted.ts'

export function considerFor(context: AcquisitionContext, solver: Solver): Consideration {
  return consider(context.candidates.list(), wantedOf(solver), rankingContextFor(context, solver))
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
