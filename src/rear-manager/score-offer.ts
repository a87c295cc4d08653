/** How good an offer is that fits: six criteria, each from 0 to 1. Pure. */
import { k8sliceOf, type K8Slice } from '../objects/flavor.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { RankingWeights } from '../objects/solver.ts'
import { catalogOf } from '../peering-candidates/index.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { approximate, parseQuantity } from '../quantity/index.ts'
import { NEUTRAL_RATING } from '../ratings-and-metrics/index.ts'
import type { RankingContext } from './ranking-context.ts'
import type { Wanted } from './resources-wanted.ts'

/** Latency at which the criterion is worth half, in milliseconds. */
const HALF_LATENCY_MS = 50
/** Carbon intensity at which the criterion is worth half, in gCO2 per kWh; about the average of Europe's grids. */
const HALF_CARBON = 250
/** How far what a catalog says of a stranger moves its rating from neutral: it is hearsay, and nobody signed it. */
const HEARSAY = 0.25

/**
 * @param amounts what would be bought
 * @param cost of a year
 * @param cheapest the least yearly cost of all offers that fit
 */
export function scoresOf(
  candidate: PeeringCandidate,
  { amounts: wanted, requirements }: Wanted,
  amounts: Amounts,
  cost: bigint,
  cheapest: bigint,
  context: RankingContext,
): Record<keyof RankingWeights, number> {
  const { flavor } = candidate.spec
  const slice = k8sliceOf(flavor)
  const latency = context.latencyOf?.(flavor.spec.owner.nodeID) ?? slice?.properties.latency
  const carbon = slice === undefined ? undefined : carbonOf(slice)
  return {
    price: cost === 0n ? 1 : round(Number(cheapest) / Number(cost)),
    rating: round(ratingFor(candidate, context) / 5),
    // An offer that does not say is neither praised nor blamed.
    latency: latency === undefined ? 0.5 : round(HALF_LATENCY_MS / (HALF_LATENCY_MS + latency)),
    location: requirements.location || flavor.spec.location?.city ? 1 : 0.5,
    carbon: carbon === undefined ? 0.5 : round(HALF_CARBON / (HALF_CARBON + carbon)),
    fit: slice === undefined ? 1 : round(fitOf(wanted, amounts)),
  }
}

/** @returns from 0 to 5: by our own facts where there are any, else by what a catalog says, with little weight */
function ratingFor(candidate: PeeringCandidate, { ratingOf }: RankingContext): number {
  const { flavor, rating: said } = candidate.spec
  const own = ratingOf(flavor.spec.owner.nodeID)
  return own ?? NEUTRAL_RATING + HEARSAY * ((said ?? NEUTRAL_RATING) - NEUTRAL_RATING)
}

/** @returns a rating that is not our own, and whose word it is */
export function hearsayNumbers(candidate: PeeringCandidate, context: RankingContext): Record<string, string> {
  const { flavor, rating: said } = candidate.spec
  if (said === undefined || context.ratingOf(flavor.spec.owner.nodeID) !== undefined) return {}
  return {
    rating: `${round(ratingFor(candidate, context))} of 5 (${catalogOf(candidate) ?? 'a catalog'} says ${said})`,
  }
}

/** How much of what would be bought is used: 1 is no waste. */
function fitOf(wanted: Amounts, bought: Amounts): number {
  const shares = Object.entries(bought).map(([resource, amount]) => {
    // A score may be inexact, an amount may not.
    const all = approximate(parseQuantity(amount))
    return all === 0 ? 1 : Math.min(1, approximate(parseQuantity(wanted[resource] ?? '0')) / all)
  })
  return shares.length === 0 ? 1 : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/** @returns the carbon intensity of a slice in gCO2 per kWh, where it says so */
export function carbonOf(slice: K8Slice): number | undefined {
  const operational = slice.properties['carbon-footprint']?.operational
  return operational && operational.length > 0
    ? operational.reduce((sum, value) => sum + value, 0) / operational.length
    : undefined
}

/** To four places: a score says no more. */
export function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
