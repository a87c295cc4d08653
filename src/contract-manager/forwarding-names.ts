/** How the objects that a supernode makes for others are called and marked. Pure. */

/** Label of reservations and contracts that are made for others: the transaction with the hop before. */
export const FORWARDING_LABEL = 'tributary.io/forwarding'

/** @returns the name of the reservation at the next hop for a transaction with the hop before */
export function forwardingName(transactionID: string): string {
  return `forward-${transactionID}`
}
