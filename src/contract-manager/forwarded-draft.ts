/** The draft of our contract with the hop before: that of the next hop, with us as seller and our margin. Pure. */
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import { withMargin } from '../quantity/price.ts'
import { Problem } from '../rear/problem.ts'
import {
  nodeIdentityToWire,
  type WireContractTerms,
  type WireNodeIdentity,
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
      ...(price ? { [DOWNSTREAM_PRICE]: `${price.amount} ${price.currency}/${price.period}` } : {}),
      ...(of.margin === undefined ? {} : { [MARGIN]: of.margin }),
    },
    ...(price ? { price: withMargin(price, of.margin) } : {}),
  } as WireContractTerms
}
