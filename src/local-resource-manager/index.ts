/**
 * Local Resource Manager: measures the machine and turns what the configuration puts up for sale into Pools.
 */
export { LocalResourceManager } from './local-resource-manager.ts'
export { localArchitecture, measuredCapacity } from './measured-capacity.ts'
export { poolSpecs, type ForSale } from './pool-specs.ts'
