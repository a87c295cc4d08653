/**
 * Discovery Manager: LIST_FLAVORS, asked and answered; gets to know the other nodes. Feeds Peering Candidates.
 */
export { Discoverer, type DiscovererOptions } from './discoverer.ts'
export { discoveryRoutes, type ListAudience } from './routes.ts'
export { FlavorListing } from './flavor-listing.ts'
export { Introductions, type Introduction } from './introductions.ts'
