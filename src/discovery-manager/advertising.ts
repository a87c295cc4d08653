/**
 * All that keeps catalogs true, in one component: who advertises, who takes advertisements,
 * who is told of changes, who listens to others, and the ratings that parties publish.
 */
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import type { NodeId } from '../objects/ids.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { CandidateListing, PeeringCandidates, PublishedRatings } from '../peering-candidates/index.ts'
import type { NodeKey, PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import type { Audience } from '../rear/audience.ts'
import type { Route } from '../rear/route.ts'
import { AdvertisementHandler } from './advertisement-handler.ts'
import { advertisementRoutes } from './advertisement-routes.ts'
import { Advertiser, type AdvertiserOptions } from './advertiser.ts'
import { domainOffers } from './advertised-offers.ts'
import { ratingRoutes } from './rating-routes.ts'
import { RatingSender } from './rating-sender.ts'
import { Subscriber, type SubscriptionTarget } from './subscriber.ts'
import { SubscriptionHub } from './subscription-hub.ts'
import { subscriptionRoutes } from './subscription-routes.ts'

export interface AdvertisingOptions extends NodeBase {
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
  readonly mayKnow?: NonNullable<AdvertiserOptions['mayKnow']>
  /** Whether catalogs are told what we think of those we dealt with; yes unless given. */
  readonly shareRatings?: boolean
  /** For how long offers are taken that do not say otherwise, and at most; milliseconds. */
  readonly validForMs?: number
  readonly longestMs?: number
  /** A catalog told us something that is not its owner's word. */
  readonly onInvalidAnswer?: (catalog: NodeId, detail: string) => void
}

/** To be started after the candidates and the listing. */
export class Advertising implements Component {
  readonly routes: readonly Route[]
  readonly #parts: readonly Component[]

  constructor(options: AdvertisingOptions) {
    const { role, listing, audienceOf, ratings, candidates, shareRatings = true } = options
    const handler = new AdvertisementHandler(options)
    const hub = new SubscriptionHub(options)
    this.routes = [
      ...advertisementRoutes(handler),
      ...subscriptionRoutes({ role, hub, audienceOf }),
      ...ratingRoutes({ system: options.system, role, ratings }),
    ]
    const subscriber = new Subscriber({
      ...options,
      // Only a catalog passes on what it is told.
      targets: (options.subscriptions ?? []).map(({ mirror, ...target }) => ({
        ...target,
        mirror: mirror === true && role === 'catalog',
      })),
    })
    // A catalog sells nothing and deals with nobody.
    const selling: readonly Component[] =
      role === 'catalog'
        ? []
        : [
            new Advertiser({
              ...options,
              ...(role === 'supernode'
                ? { others: domainOffers({ self: options.self, candidates, listing }) }
                : {}),
            }),
            ...(shareRatings ? [new RatingSender(options)] : []),
          ]
    this.#parts = [hub, subscriber, ...selling]
  }

  start(): Promise<void> {
    return startAll(this.#parts)
  }

  stop(): Promise<void> {
    return stopAll(this.#parts)
  }
}
