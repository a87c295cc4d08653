/** Ratings and Metrics: facts about past dealings, and the ratings computed from them. */
export { FactObjects } from './fact-objects.ts'
export { factOfEnd } from './facts-of.ts'
export { FactSumming } from './fact-summing.ts'
export { NEUTRAL_RATING, rate, sumFacts } from './rate.ts'
export { RatingsAndMetrics } from './ratings-and-metrics.ts'
