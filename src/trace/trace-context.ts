/** How a trace context travels: as an annotation of objects, as W3C headers between nodes. */
import type { KubeObject } from '../objects/meta.ts'
import type { TraceContext } from './recorder.ts'
import type { WorkflowNumber, WorkflowRole } from './workflow-steps.ts'

/** Holds `<trace id>;<workflow>;<role>`, the role where it is known. */
export const TRACE_ANNOTATION = 'tributary.io/trace'

/** @returns annotations that carry the context to an object, none without a context */
export function traceAnnotations(context: TraceContext | undefined): Readonly<Record<string, string>> {
  return context === undefined
    ? {}
    : {
        [TRACE_ANNOTATION]: [context.traceID, context.workflow, ...(context.role ? [context.role] : [])].join(
          ';',
        ),
      }
}

/** @returns the context that an object carries */
export function traceOf(object: Pick<KubeObject, 'metadata'>): TraceContext | undefined {
  const match = /^([0-9a-f]{32});([1-4])(?:;([a-z-]+))?$/.exec(
    object.metadata.annotations?.[TRACE_ANNOTATION] ?? '',
  )
  if (match === null) return undefined
  const workflow = Number(match[2]) as WorkflowNumber
  return {
    traceID: match[1]!,
    workflow,
    ...(match[3] === undefined ? {} : { role: match[3] as WorkflowRole }),
  }
}

/** @returns `traceparent` and `tracestate` (W3C Trace Context) for a message */
export function traceHeaders(context: TraceContext | undefined): Readonly<Record<string, string>> {
  if (context === undefined) return {}
  const { traceID, workflow } = context
  // One span per message is enough here: its id is the tail of the trace id.
  return { traceparent: `00-${traceID}-${traceID.slice(-16)}-01`, tracestate: `tributary=w${workflow}` }
}

/** @returns the context in a message's headers, if it has a well-formed one */
export function traceFromHeaders(
  headers: Readonly<Record<string, string | undefined>>,
): TraceContext | undefined {
  const parent = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(headers['traceparent'] ?? '')
  if (!parent || /^0+$/.test(parent[1]!)) return undefined
  const state = /(?:^|,)\s*tributary=w([1-4])\s*(?:,|$)/.exec(headers['tracestate'] ?? '')
  return { traceID: parent[1]!, workflow: (state ? Number(state[1]) : 1) as WorkflowNumber }
}
