/** The draft of our contract with the hop before: that of the next hop, with us as seller and our margin. Pure. */
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import { offeredPrice } from '../peering-candidates/index.ts'
import { formatPrice, withMargin, type Price } from '../quantity/price.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import { Problem } from '../rear/problem.ts'
import {
  embeddedFlavorFromWire,
  nodeIdentityToWire,
  type WireContractTerms,
  type WireNodeIdentity,
  type WireRelay,
  type WireTransaction,
} from '../rear/wire/index.ts'
import { contractIdOf } from './contract-ids.ts'
import { DOWNSTREAM_PRICE, FORWARDS, MARGIN, ORIGIN_CONTRACT, USER } from './extra-information.ts'

/** @throws Problem `upstream-failed` when the next hop sent no draft */
export function forwardedDraft(of: {
  readonly transactionID: string
  readonly buyer: WireNodeIdentity
  readonly user: string
  readonly down: WireTransaction
  /** Who else stands between the next hop's price and the owner's, nearest to us first. */
  readonly relays: readonly WireRelay[]
  readonly margin: string | undefined
  /** Ourselves. */
  readonly seller: NodeIdentity
}): WireContractTerms {
  const down = (of.down as { contract?: WireContractTerms }).contract
  if (down === undefined) throw new Problem('upstream-failed', 'the next node sent no draft of its contract')
  const { price } = down
  // Each contract says what its own seller adds.
  const { [MARGIN]: _, ...extraInformation } = down.extraInformation ?? {}
  return {
    ...down,
    contractID: contractIdOf(of.transactionID),
    transactionID: of.transactionID,
    buyerID: of.buyer,
    buyerClusterID: of.buyer.additionalInformation?.liqoID ?? '',
    seller: nodeIdentityToWire(of.seller),
    extraInformation: {
      ...extraInformation,
      [FORWARDS]: down.contractID,
      [ORIGIN_CONTRACT]: extraInformation[ORIGIN_CONTRACT] ?? down.contractID,
      [USER]: of.user,
      // Both prices are in the chain of contracts: what the next hop takes, and what is added here.
      ...(price ? { [DOWNSTREAM_PRICE]: formatPrice(price) } : {}),
      ...(of.margin === undefined ? {} : { [MARGIN]: of.margin }),
    },
    ...(price ? { price: resoldPrice(down, price, of) } : {}),
  } as WireContractTerms
}

/** As the hop before reckons it: from the owner's unit prices, where it states any. */
function resoldPrice(
  { flavor, configuration }: WireContractTerms,
  price: Price,
  { relays, margin }: { readonly relays: readonly WireRelay[]; readonly margin: string | undefined },
): Price {
  if (flavor.price.units === undefined || configuration === undefined) return withMargin(price, margin)
  const ours = margin === undefined ? {} : { margin }
  return offeredPrice(embeddedFlavorFromWire(flavor), [ours, ...relays], amountsOf(configuration))
}
