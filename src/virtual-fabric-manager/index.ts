/**
 * Virtual Fabric Manager: ResourceRequest and ResourceOffer; creates and removes virtual nodes. Owns the
 * table VirtualNode. What a virtual node is made of is the fabric's.
 */
export { VirtualFabricManager, type VirtualFabricManagerOptions } from './virtual-fabric-manager.ts'
