/** Configuration: from `config.yaml` in the node's directory to a checked value. Secrets are in files of their own. */
export { ConfigError } from './config-error.ts'
export { effectiveConfig, type EffectiveConfig } from './effective.ts'
export { loadConfig } from './load.ts'
export { defaultConfigText } from './default-text.ts'
export type { Config } from './schema.ts'
