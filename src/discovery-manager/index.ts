/**
 * Discovery Manager: LIST_FLAVORS, asked and answered; gets to know the other nodes. Feeds Peering Candidates.
 */
export { Discoverer, type AskOptions, type DiscovererOptions } from './discoverer.ts'
export { discoveryRoutes } from './routes.ts'
export { FlavorAnswers, type FlavorAnswersOptions } from './flavor-answers.ts'
export { HOPS_HEADER, hopsOf, MOST_HOPS } from './hops.ts'
export { FlavorListing } from './flavor-listing.ts'
export { Introductions, type Introduction } from './introductions.ts'
