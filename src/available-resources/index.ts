/**
 * Available Resources: what is on offer, and the allocations.
 *
 * The truth is in the PoolShards, which nobody else writes; the status of a pool, flavors and allocations of
 * type Node are derived from them here, after every change and again after every crash. Owns the tables
 * PoolShard, Flavor and Allocation, and the status of Pool.
 */
export { allocationName } from './allocation-name.ts'
export { AvailableResources } from './available-resources.ts'
export { entriesOf } from './entries-of.ts'
export { flavorOf, priceOf } from './flavor-of-pool.ts'
export { isBalanced, wantedOf, type Refusal } from './ledger.ts'
export type { HoldRequest } from './pool-ledger.ts'
