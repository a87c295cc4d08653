/**
 * The control API. Used by the composition root; components contribute `ExtraRoute`s and an `Admit`.
 */
export {
  type ControlAddress,
  ControlApi,
  type ControlApiOptions,
  type ExtraRequest,
  type ExtraResponse,
  type ExtraRoute,
} from './control-api.ts'
export type { Admit, PodLogOptions, PodLogs } from './context.ts'
export { InvalidObject } from './invalid-object.ts'
