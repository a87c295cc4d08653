/**
 * Service Handler: the entry point. Accepts intents, and turns plain workloads of the cluster that nobody
 * placed yet into intents. Owns the table Intent.
 */
export { ServiceHandler } from './service-handler.ts'
export { judgeIntent } from './judge-intent.ts'
