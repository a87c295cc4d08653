/**
 * Contract Manager: RESERVE and PURCHASE, as seller and as buyer; signs, verifies, stores, expires and
 * closes contracts. Owns the tables Transaction, Reservation and Contract.
 */
export { HoldLimits, type HoldLimitSettings } from './hold-limits.ts'
export { checkUser } from './check-user.ts'
export type { BuyerOptions } from './buyer-options.ts'
export { Buyer } from './buyer.ts'
export { Closing, type ClosingOptions } from './closing.ts'
export { DealingSummaries } from './dealing-summaries.ts'
export { ContractIssuer, type ContractIssuerOptions } from './contract-issuer.ts'
export { Contracts } from './contracts.ts'
export { Forwarder, type ForwarderOptions } from './forwarder.ts'
export { pathOf } from './path-of.ts'
export { requestClose } from './request-close.ts'
export { Seller, type SellerOptions } from './seller.ts'
export { contractRoutes } from './routes.ts'
export { checkDraft } from './check-draft.ts'
export { closeByPeer } from './closing-by-peer.ts'
export { mergeClosings, signClosing, type ClosingStatement, type SignedClosing } from './closing-statement.ts'
export { contractIdOf, transactionIdOf } from './contract-ids.ts'
export { CONTRACT_SIGNATURE, FLAVOR_SIGNATURE } from './signature-types.ts'
export { FORWARDS, ORIGIN_CONTRACT } from './extra-information.ts'
export { verifyContract, type ContractVerdict } from './verify.ts'
