/** What is stored of a trace, and what is to be added to it. Pure. */
import type { TraceEvent, Trace } from '../objects/trace.ts'
import type { TraceNews, TraceRef } from './sink.ts'

/** What was recorded of a trace and is not stored yet. */
export interface TraceAddition {
  readonly events: readonly TraceEvent[]
  readonly intent?: string | undefined
  readonly workflow?: TraceNews['workflow']
}

/** Events of one node that are kept of one trace; the oldest go first. */
export const MOST_EVENTS = 1_000

/** @returns the one followed by the other: what is said later holds */
export function joinAdditions(first: TraceAddition, then: TraceAddition): TraceAddition {
  return {
    events: [...first.events, ...then.events].slice(-MOST_EVENTS),
    intent: then.intent ?? first.intent,
    workflow: then.workflow ?? first.workflow,
  }
}

/**
 * @param stored undefined when nothing is stored yet
 * @returns spec and status of the Trace; adding again what a lost answer left in doubt changes nothing
 */
export function addToTrace(
  stored: Trace | undefined,
  { traceID, from }: TraceRef,
  { events, intent, workflow }: TraceAddition,
): { readonly spec: Trace['spec']; readonly status: NonNullable<Trace['status']> } {
  const before = stored?.status?.events ?? []
  const known = new Set(before.map(identityOf))
  const fresh = events.filter((event) => {
    const identity = identityOf(event)
    return identity === undefined || (!known.has(identity) && known.add(identity))
  })
  return {
    spec: {
      ...stored?.spec,
      traceID,
      ...(from === undefined ? {} : { from }),
      ...(intent === undefined ? {} : { intent }),
      ...(workflow === undefined ? {} : { workflow }),
    },
    status: { ...stored?.status, events: [...before, ...fresh].slice(-MOST_EVENTS) },
  }
}

/** Events of versions without spans are each their own. */
function identityOf({ spanID, action }: TraceEvent): string | undefined {
  return spanID === undefined ? undefined : `${spanID} ${action}`
}
