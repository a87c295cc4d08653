/**
 * Node Orchestrator: decomposes an intent into requests, finds the best place for each, deploys, tracks,
 * tears down. Owns what an intent says of its requests, and the workloads that it deploys.
 */
export type { PlannedRequest } from './dry-run.ts'
export type { PlannedPurchase } from './planned-purchase.ts'
export { NodeOrchestrator } from './node-orchestrator.ts'
