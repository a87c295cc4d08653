/** Deals: choosing an offer, buying it, and selling to others. How contracts end is part of the peering. */
import {
  Buyer,
  checkUser,
  ContractIssuer,
  Contracts,
  Forwarder,
  HoldLimits,
  requestClose,
  Seller,
  type SellerOptions,
} from '../../contract-manager/index.ts'
import { FailedReservations } from '../../discovery-manager/index.ts'
import type { Contract } from '../../objects/contract.ts'
import type { NodeId } from '../../objects/ids.ts'
import { ReservationKind } from '../../objects/reservation.ts'
import { isVisible } from '../../rear/audience.ts'
import { networkOf } from '../../rear/transport/index.ts'
import { RearManager } from '../../rear-manager/index.ts'
import { IntentSpending } from '../../spending/index.ts'
import type { FoundationHandles } from './foundation.ts'
import type { MarketHandles } from './market.ts'
import type { Part } from './part.ts'
import type { TrustHandles } from './trust.ts'

export interface DealsHandles {
  readonly contracts: Contracts
  readonly rearManager: RearManager
  readonly seller: Seller
  readonly spending: IntentSpending
}

/** What the controls of attacks take away. */
export interface DealsChanges {
  readonly seller?: Pick<SellerOptions, 'signerOf'>
  readonly mayUse?: (contract: Contract) => boolean
}

export function createDeals(
  before: FoundationHandles & TrustHandles & MarketHandles,
  changes: DealsChanges = {},
): Part<DealsHandles> {
  const { base, config, identity, role, client, registry, connect, connector, audienceFor } = before
  const { available, candidates, ratings, answers } = before
  const { key } = identity
  const { domain } = base.self
  const contracts = new Contracts(base, changes.mayUse)
  const closeContract = (contractID: string, reason: string): Promise<void> =>
    requestClose({ ...base, key }, contractID, reason)
  const spending = new IntentSpending(base)
  const rearManager = new RearManager({
    ...base,
    spending,
    available,
    candidates,
    ratings,
    roleOf: (nodeID) => registry.membershipOf(nodeID as NodeId)?.role,
    connect,
    latencyOf: (nodeID) => registry.find(nodeID)?.status?.roundTripMs,
    closeContract,
  })
  const issuer = new ContractIssuer({ ...base, key })
  const forwarder =
    role === 'supernode'
      ? new Forwarder({
          ...base,
          available,
          candidates,
          connect,
          margin: config.supernode.margin,
          // As it is shown. For our own domain from anywhere; for others only what is of our domain: no transit.
          mayForward: (caller, { spec }) => {
            const { owner, visibility = 'public' } = spec.flavor.spec
            return isVisible(owner.domain === domain ? visibility : 'internal', audienceFor({ id: caller }))
          },
          roleFor: (caller) => answers.roleFor(caller),
          issuer,
        })
      : undefined
  const seller = new Seller({
    ...base,
    available,
    rearManager,
    key,
    ...config.contracts,
    holdLimits: new HoldLimits({
      ...base,
      settings: config.contracts.holds,
      holdMs: config.contracts.holdMs,
    }),
    holderOf: (caller, from) =>
      caller === undefined
        ? { buyer: `from ${from === undefined ? 'anywhere' : networkOf(from)}`, domain: 'unauthenticated' }
        : { buyer: caller, domain: registry.membershipOf(caller as NodeId)?.domain ?? 'no domain' },
    checkUser: (request, caller) => checkUser(registry, request, caller),
    issuer,
    audienceOf: (caller) => audienceFor(caller === undefined ? undefined : { id: caller }),
    ...(forwarder ? { forwarder } : {}),
    ...changes.seller,
  })
  const buyer = new Buyer({
    ...base,
    client,
    key,
    judgeDraft: (reservation, draft) => rearManager.judgeDraft(reservation, draft),
    closeContract,
  })
  const failedReservations = new FailedReservations({
    informer: base.informers.of(ReservationKind),
    onFailed: (sellerID) => connector.failed(sellerID),
  })
  return {
    handles: { contracts, rearManager, seller, spending },
    components: [seller, ...(forwarder ? [forwarder] : []), failedReservations, buyer, spending, rearManager],
    routes: [],
  }
}
