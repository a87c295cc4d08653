/**
 * All that keeps catalogs true, put together for the composition root: who advertises, who takes advertisements,
 * who is told of changes, who listens to others, and the ratings that parties publish.
 */
import type { Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import type { NodeId } from '../objects/ids.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { CandidateListing, PeeringCandidates, PublishedRatings } from '../peering-candidates/index.ts'
import type { NodeKey, PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import type { Audience } from '../rear/audience.ts'
import type { Route } from '../rear/route.ts'
import { AdvertisementDesk } from './advertisement-desk.ts'
import { advertisementRoutes } from './advertisement-routes.ts'
import { Advertiser, type AdvertiserOptions } from './advertiser.ts'
import { domainOffers } from './advertised-offers.ts'
import { ratingRoutes } from './rating-desk.ts'
import { RatingSender } from './rating-sender.ts'
import { Subscriber, type SubscriptionTarget } from './subscriber.ts'
import { SubscriptionHub } from './subscription-hub.ts'
import { subscriptionRoutes } from './subscription-routes.ts'

export interface MarketplaceOptions extends NodeBase {
  readonly role: PeerRole
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly key: NodeKey
  readonly candidates: PeeringCandidates
  /** What of the candidates is told to others. */
  readonly listing: CandidateListing
  readonly ratings: PublishedRatings
  /** What a caller may see. */
  readonly audienceOf: (peer: { readonly id: string } | undefined) => Audience
  /** Catalogs whose changes we want to be told of. */
  readonly subscriptions?: readonly SubscriptionTarget[]
  readonly mayKnow?: AdvertiserOptions['mayKnow']
  /** Whether catalogs are told what we think of those we dealt with; yes unless given. */
  readonly shareRatings?: boolean
  /** For how long offers are taken that do not say otherwise, and at most; milliseconds. */
  readonly validForMs?: number
  readonly longestMs?: number
  /** A catalog told us something that is not its owner's word. */
  readonly onLie?: (catalog: NodeId, detail: string) => void
}

export interface Marketplace {
  readonly routes: readonly Route[]
  /** To be started after the candidates and the listing, in this order. */
  readonly components: readonly Component[]
}

export function createMarketplace(options: MarketplaceOptions): Marketplace {
  const {
    role,
    listing,
    audienceOf,
    ratings,
    subscriptions = [],
    mayKnow,
    candidates,
    onLie,
    shareRatings = true,
    ...rest
  } = options
  const { validForMs, longestMs, key, client, registry, ...base } = rest
  const desk = new AdvertisementDesk({
    ...base,
    role,
    candidates,
    registry,
    ...(validForMs === undefined ? {} : { validForMs }),
    ...(longestMs === undefined ? {} : { longestMs }),
  })
  const hub = new SubscriptionHub({ ...base, listing })
  const advertiser = new Advertiser({
    ...base,
    client,
    registry,
    ...(role === 'supernode' ? { others: domainOffers({ self: base.self, candidates, listing }) } : {}),
    ...(mayKnow ? { mayKnow } : {}),
  })
  const subscriber = new Subscriber({
    ...base,
    client,
    registry,
    candidates,
    // Only a catalog passes on what it is told.
    targets: subscriptions.map(({ mirror, ...target }) => ({
      ...target,
      mirror: mirror === true && role === 'catalog',
    })),
    ...(onLie ? { onLie } : {}),
  })
  return {
    routes: [
      ...advertisementRoutes(desk),
      ...subscriptionRoutes({ role, hub, audienceOf }),
      ...ratingRoutes({ system: base.system, role, ratings }),
    ],
    components: [
      hub,
      subscriber,
      // A catalog sells nothing and deals with nobody.
      ...(role === 'catalog' ? [] : [advertiser]),
      ...(role === 'catalog' || !shareRatings ? [] : [new RatingSender({ ...base, client, registry, key })]),
    ],
  }
}
