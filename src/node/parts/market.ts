/** The market: what we have for sale, what others offer, and what is thought of them. */
import { AvailableResources } from '../../available-resources/index.ts'
import { FLAVOR_SIGNATURE } from '../../contract-manager/index.ts'
import {
  Advertising,
  Discoverer,
  discoveryRoutes,
  FlavorAnswers,
  FlavorListing,
} from '../../discovery-manager/index.ts'
import { LocalResourceManager } from '../../local-resource-manager/index.ts'
import { CandidateListing, PeeringCandidates, PublishedRatings } from '../../peering-candidates/index.ts'
import { signDocument } from '../../privacy-and-security-manager/index.ts'
import { RatingsAndMetrics } from '../../ratings-and-metrics/index.ts'
import { flavorTerms, flavorToWire } from '../../rear/wire/index.ts'
import type { FoundationHandles } from './foundation.ts'
import type { Part } from './part.ts'
import type { TrustHandles } from './trust.ts'

export interface MarketHandles {
  readonly localResources: LocalResourceManager
  readonly available: AvailableResources
  readonly ratings: RatingsAndMetrics
  readonly candidates: PeeringCandidates
  readonly discoverer: Discoverer
  readonly answers: FlavorAnswers
}

export function createMarket(before: FoundationHandles & TrustHandles): Part<MarketHandles> {
  const { base, config, facts, identity, role, client, registry, handshake, audienceFor, domainOf } = before
  const available = new AvailableResources({
    ...base,
    signFlavor: (flavor) =>
      signDocument(flavorTerms(flavorToWire(flavor)), { ...FLAVOR_SIGNATURE, key: identity.key }),
  })
  const ratings = new RatingsAndMetrics({ ...base, facts })
  const candidates = new PeeringCandidates(base, {
    compact: role === 'catalog',
    ...(role === 'node' ? {} : { quota: config.catalog.quota }),
  })
  const published = new PublishedRatings(base)
  const listing = new FlavorListing(base)
  const passedOn = new CandidateListing({
    ...base,
    role,
    candidates,
    margin: config.supernode.margin,
    ratingOf: (nodeID) => published.of(nodeID),
  })
  const advertising = new Advertising({
    ...base,
    role,
    client,
    registry,
    key: identity.key,
    candidates,
    listing: passedOn,
    ratings: published,
    shareRatings: config.ratings.share,
    audienceOf: audienceFor,
    subscriptions: config.peers.filter(({ subscribe, mirror }) => subscribe === true || mirror === true),
    longestMs: config.catalog.longestValidityMs,
    onInvalidAnswer: (catalog, detail) => base.recorder.fact(catalog, 'InvalidAnswer', { detail }),
  })
  const discoverer = new Discoverer({ ...base, client, registry, candidates })
  const answers = new FlavorAnswers({
    ...base,
    role,
    own: listing.table,
    candidates: passedOn.table,
    storedOffer: (name) => candidates.valid(name),
    audienceOf: audienceFor,
    domainOf,
    ask: (selector, ask) => discoverer.discover(selector, ask),
  })
  const localResources = new LocalResourceManager(base, {
    ...(config.sell ? { sell: config.sell } : {}),
    offers: config.offers,
  })
  return {
    handles: { available, localResources, ratings, candidates, discoverer, answers },
    components: [localResources, available, listing, ratings, candidates, published, passedOn, discoverer],
    outreach: [advertising],
    routes: [...discoveryRoutes({ answers, handshake }), ...advertising.routes],
  }
}
