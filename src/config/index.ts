/** Configuration: from `config.yaml` in the node's directory to a checked value. Secrets are in files of their own. */
export { loadConfig, ConfigError } from './load.ts'
export { defaultConfigText } from './default-text.ts'
export type { Config } from './schema.ts'
