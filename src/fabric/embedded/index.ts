/** The door of the embedded fabric, for the composition root and for tests. */
export { EmbeddedFabric, type EmbeddedFabricOptions } from './embedded-fabric.ts'
export { expectedRunners } from './expected-runners.ts'
export { ContainerRunner, type ContainerRunnerOptions } from './runners/container/container-runner.ts'
export { ProcessRunner, type ProcessRunnerOptions } from './runners/process/process-runner.ts'
export { SandboxRunner, type SandboxRunnerOptions } from './runners/sandbox/sandbox-runner.ts'
export { GroupBudgets } from './runners/group-budgets.ts'
export { Identities } from './runners/identities.ts'
export * from './runner.ts'
