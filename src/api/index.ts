/**
 * The control API. Used by the composition root; components contribute `ExtraRoute`s and an `Admit`.
 */
export { type ControlAddress, ControlApi, type ControlApiOptions, type SecureAddress } from './control-api.ts'
export { AccessTokens } from './access/access-tokens.ts'
export type { ExtraRequest, ExtraResponse, ExtraRoute } from './extra-route.ts'
export type { Admit, PodLogOptions, PodLogs } from './context.ts'
export { InvalidObject } from './invalid-object.ts'
