/**
 * Available Resources: what is on offer, and the allocations.
 *
 * The truth is in the Pools; flavors and allocations of type Node are derived from it here, after every
 * change and again after every crash. Owns the tables Pool (ledger), Flavor and Allocation.
 */
export { allocationName } from './allocation-name.ts'
export { AvailableResources, type HoldRequest } from './available-resources.ts'
export { flavorOf, poolTag, priceOf } from './flavor-of-pool.ts'
export { isBalanced, ledgerOf, type Refusal } from './ledger.ts'
