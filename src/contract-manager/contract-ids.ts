/** Ids of transactions and contracts: they follow from what was asked, so that asking again finds them. Pure. */
import { createHash } from 'node:crypto'

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
