/** Keys of `extraInformation` in contracts that a supernode makes on behalf of others. Pure. */

/** Our contract with the next hop. */
export const FORWARDS = 'tributary.io/forwards'
/** The contract of the provider, under which the workload runs. */
export const ORIGIN_CONTRACT = 'tributary.io/origin-contract'
/** Node id of the one that uses what was bought. */
export const USER = 'tributary.io/user'
/** The buyer proved nothing: it came through the plain listener, and may not be who it says. */
export const UNAUTHENTICATED = 'tributary.io/unauthenticated'
/** What the next hop takes. */
export const DOWNSTREAM_PRICE = 'tributary.io/downstream-price'
/** What the relay adds to it. */
export const MARGIN = 'tributary.io/margin'
