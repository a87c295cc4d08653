/**
 * Node Orchestrator: decomposes an intent into requests, finds the best place for each, deploys, follows,
 * tears down. Owns what an intent says of its requests, and the workloads that it deploys.
 */
export { NodeOrchestrator, type NodeOrchestratorOptions, type PlannedRequest } from './node-orchestrator.ts'
