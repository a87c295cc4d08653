/**
 * The rating of a node, computed from facts about it. Pure, so that anybody can recompute it: facts age with a
 * half-life, and few facts pull the score only part of the way from the neutral one.
 */
import { FACT_VALUES, type Fact } from '../objects/fact.ts'

/** What a node without facts is rated: neither good nor bad. */
export const NEUTRAL_RATING = 2.5
const HIGHEST = 5
/** After this time a fact counts half. */
const HALF_LIFE_MS = 30 * 86_400_000
/** As many (undecayed) facts as this move the score half the way from neutral. */
const HALF_CONFIDENCE = 3

/**
 * @param facts all about one node
 * @param now milliseconds since 1970
 * @returns score from 0 to 5 and confidence from 0 to 1
 */
export function rate(
  facts: readonly Pick<Fact['spec'], 'type' | 'at'>[],
  now: number,
): { readonly score: number; readonly confidence: number } {
  let weight = 0
  let sum = 0
  for (const fact of facts) {
    const age = Math.max(0, now - Date.parse(fact.at))
    const counts = 0.5 ** (age / HALF_LIFE_MS)
    weight += counts
    sum += counts * FACT_VALUES[fact.type]
  }
  const confidence = weight / (weight + HALF_CONFIDENCE)
  const measured = weight === 0 ? 0.5 : sum / weight
  const score = confidence * measured * HIGHEST + (1 - confidence) * NEUTRAL_RATING
  return { score: Math.round(score * 100) / 100, confidence: Math.round(confidence * 100) / 100 }
}
