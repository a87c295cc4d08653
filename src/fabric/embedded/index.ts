/** The door of the embedded fabric, for the composition root and for tests. */
export { EmbeddedFabric, type EmbeddedFabricOptions } from './embedded-fabric.ts'
export { ProcessRunner, type ProcessRunnerOptions } from './runners/process/process-runner.ts'
export * from './runner.ts'
