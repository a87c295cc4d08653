/**
 * Discovery Manager: LIST_FLAVORS, asked and answered; gets to know the other nodes. Feeds Peering Candidates.
 */
export { Discoverer, type AskOptions, type DiscovererOptions } from './discoverer.ts'
export { discoveryRoutes } from './routes.ts'
export { FlavorAnswers, type FlavorAnswersOptions } from './flavor-answers.ts'
export { HOPS_HEADER, hopsOf, MOST_HOPS } from './hops.ts'
export { FlavorListing } from './flavor-listing.ts'
export { Introductions, type Introduction, type IntroductionAnswer } from './introductions.ts'
export { Acquaintance, type AcquaintanceOutcome } from './acquaintance.ts'
export { audienceOf } from './audience-of.ts'
export { MemberIntroductions } from './member-introductions.ts'
export { memberRoutes } from './member-routes.ts'
export { createNeighbourhood, usesLocalNetwork, type NeighbourhoodEdges } from './neighbourhood.ts'
export type { DatagramSocket, MulticastGroup, OpenDatagramSocket } from './datagram-socket.ts'
export type { FoundService, LocalServices, OpenLocalServices } from './local-services.ts'
export { bonjourServices } from './bonjour-services.ts'
export { openMulticastSocket } from './multicast-socket.ts'
export { createMarketplace, type Marketplace, type MarketplaceOptions } from './marketplace.ts'
