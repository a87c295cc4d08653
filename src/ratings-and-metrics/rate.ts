/**
 * The rating of a node, computed from facts about it. Pure, so that anybody can recompute it: facts age with a
 * half-life, and few facts pull the score only part of the way from the neutral one.
 */
import { FACT_VALUES, type Fact } from '../objects/fact.ts'
import type { FactSum } from '../objects/rating.ts'

/** What a node without facts is rated: neither good nor bad. */
export const NEUTRAL_RATING = 2.5
const HIGHEST = 5
/** After this time a fact counts half. */
const HALF_LIFE_MS = 30 * 86_400_000
/** As many (undecayed) facts as this move the score half the way from neutral. */
const HALF_CONFIDENCE = 3

type RatedFact = Pick<Fact['spec'], 'type' | 'at'>

/**
 * @param facts all about one node that are kept
 * @param now milliseconds since 1970
 * @param summed what is left of those that are not; a fact that is in there does not count again
 * @returns score from 0 to 5 and confidence from 0 to 1
 */
export function rate(
  facts: readonly RatedFact[],
  now: number,
  summed?: FactSum,
): { readonly score: number; readonly confidence: number } {
  const { weight, value: sum } = weigh(notSummed(facts, summed), now, summed)
  const confidence = weight / (weight + HALF_CONFIDENCE)
  const measured = weight === 0 ? 0.5 : sum / weight
  const score = confidence * measured * HIGHEST + (1 - confidence) * NEUTRAL_RATING
  return { score: Math.round(score * 100) / 100, confidence: Math.round(confidence * 100) / 100 }
}

/** @returns those of the facts that are not in the sum */
export function notSummed<F extends RatedFact>(
  facts: readonly F[],
  summed: FactSum | undefined,
): readonly F[] {
  if (summed === undefined) return facts
  const until = Date.parse(summed.until)
  return facts.filter(({ at }) => Date.parse(at) >= until)
}

/**
 * Adding up early or late gives the same rating: each weight halves with time, and so does their sum.
 * @param until milliseconds since 1970: what happened before is in the result
 * @param now milliseconds since 1970
 */
export function sumFacts(facts: readonly RatedFact[], until: number, now: number, summed?: FactSum): FactSum {
  const more = notSummed(facts, summed).filter(({ at }) => Date.parse(at) < until)
  return {
    until: new Date(until).toISOString(),
    at: new Date(now).toISOString(),
    ...weigh(more, now, summed),
    facts: more.length + (summed?.facts ?? 0),
  }
}

function weigh(
  facts: readonly RatedFact[],
  now: number,
  summed: FactSum | undefined,
): { readonly weight: number; readonly value: number } {
  const decay = summed === undefined ? 0 : weightAfter(now - Date.parse(summed.at))
  let weight = decay * (summed?.weight ?? 0)
  let value = decay * (summed?.value ?? 0)
  for (const fact of facts) {
    const counts = weightAfter(now - Date.parse(fact.at))
    weight += counts
    value += counts * FACT_VALUES[fact.type]
  }
  return { weight, value }
}

/** What happened in the future, by a clock that is ahead, weighs no more than what happens now. */
function weightAfter(ms: number): number {
  return 0.5 ** (Math.max(0, ms) / HALF_LIFE_MS)
}
