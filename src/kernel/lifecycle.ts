/**
 * Moves an object along its life cycle: the table says where an event leads, and what may not happen does not.
 *
 * For whoever writes a phase. Asked inside the change of the stored object, so that it judges what is so and not what
 * was read a while ago.
 */
import { nextState, type Lifecycle } from '../objects/lifecycles/lifecycle.ts'
import type { Log } from './log.ts'

/** Which object is moved, and who is told when it must not be. */
export interface Moved {
  /** The name of the object, for the log. */
  readonly name: string
  /** The state that it is in; undefined when it has none yet. */
  readonly from: string | undefined
  readonly log: Log
}

/**
 * @returns the state to write; undefined when the event may not happen in the state that the object is in, which is
 *   logged as a warning: then nothing is to be written
 */
export function move<State extends string, Event extends string>(
  lifecycle: Lifecycle<State, Event>,
  event: Event,
  { name, from, log }: Moved,
): State | undefined {
  const to = nextState(lifecycle, from, event)
  // An object that vanishes is not written any more.
  if (to !== undefined && to !== 'Gone') return to
  log.warn(
    { kind: lifecycle.kind, name, from: from ?? 'New', event, ...(to ? { to } : {}) },
    'illegal move refused',
  )
  return undefined
}
