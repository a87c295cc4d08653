/**
 * Telemetry: measures, for each contract, what is delivered, and tells the other side; puts the traces of
 * several nodes together. Owns the table Sample. Judges nothing: that is for Ratings and Metrics.
 */
export { ContractTelemetry, type ContractTelemetryOptions } from './contract-telemetry.ts'
export { TraceGathering, type TraceGatheringOptions } from './trace-gathering.ts'
