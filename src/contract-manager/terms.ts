/** Names, amounts and signatures of contracts. Pure. */
import { createHash } from 'node:crypto'

/** What the detached signatures are of (the `typ` of the JWS). */
export const CONTRACT_SIGNATURE = { type: 'tributary-contract' } as const
export const FLAVOR_SIGNATURE = { type: 'tributary-flavor' } as const
export const CLOSING_SIGNATURE = { type: 'tributary-closing' } as const

/** Keys of `extraInformation` in contracts that a supernode makes on behalf of others. */
/** Our contract with the next hop. */
export const FORWARDS = 'tributary.io/forwards'
/** The contract of the provider, under which the workload runs. */
export const ORIGIN_CONTRACT = 'tributary.io/origin-contract'
/** Node id of the one that uses what was bought. */
export const USER = 'tributary.io/user'
/** What the next hop takes. */
export const DOWNSTREAM_PRICE = 'tributary.io/downstream-price'
/** What the relay adds to it. */
export const MARGIN = 'tributary.io/margin'

/**
 * The id of a transaction follows from who asks and under which key, so that a repeated RESERVE finds
 * what the first one made, across a crash of either side.
 * @returns 32 hexadecimal digits
 */
export function transactionIdOf(buyer: string, key: string): string {
  return createHash('sha256').update(`${buyer}\n${key}`).digest('hex').slice(0, 32)
}

/** @returns the id of the contract that a transaction becomes */
export function contractIdOf(transactionID: string): string {
  return `contract-${createHash('sha256').update(transactionID).digest('hex').slice(0, 16)}`
}
