/** Ratings and Metrics: facts about past dealings, and the ratings computed from them. */
export { FactObjects } from './fact-objects.ts'
export { NEUTRAL_RATING, rate } from './rate.ts'
export { RatingsAndMetrics } from './ratings-and-metrics.ts'
