/**
 * The door of the Network Manager.
 */
export type { Path } from './contract-path.ts'
export { LOCAL_PORT_ANNOTATION } from './wanted-ports.ts'
export { DEFAULT_NETWORK_LIMITS, type NetworkManagerLimits } from './network-limits.ts'
export { NetworkManager, type NetworkManagerOptions } from './network-manager.ts'
export { podStreamPath, type PodPort } from './stream-paths.ts'
