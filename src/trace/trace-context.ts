/** How a trace context travels: as an annotation of objects, as W3C headers between nodes. */
import type { KubeObject } from '../objects/meta.ts'
import type { WorkflowNumber, WorkflowRole } from './workflow-steps.ts'

/** Which trace work belongs to, and which span it was begun by. */
export interface TraceContext {
  /** W3C trace id: 32 lower-case hexadecimal digits. */
  readonly traceID: string
  readonly workflow: WorkflowNumber
  /** What this node is in the workflow; where it is absent, the action tells. */
  readonly role?: WorkflowRole
  /**
   * W3C parent id, 16 lower-case hexadecimal digits: the span that what is recorded under this context belongs
   * to, perhaps one of another node. Absent in objects of versions that had none.
   */
  readonly spanID?: string
  /**
   * Node id of the one whose question or contract the work is for; absent where it is our own. What is recorded is kept
   * apart for each, so that nobody gets at the steps of another by naming its trace id.
   */
  readonly from?: string
}

/** Holds `<trace id>;<workflow>;<role>;<span id>;<node id>`; role, span id and who asked where they are known. */
export const TRACE_ANNOTATION = 'tributary.io/trace'

const ANNOTATION =
  /^([0-9a-f]{32});([1-4])(?:;([a-z-]*))?(?:;([0-9a-f]{16})?(?:;(did:key:[A-Za-z0-9]{1,100}))?)?$/
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/
const ZEROS = /^0+$/

/** @returns annotations that carry the context to an object, none without a context */
export function traceAnnotations(context: TraceContext | undefined): Readonly<Record<string, string>> {
  if (context === undefined) return {}
  const { traceID, workflow, role, spanID, from } = context
  const text = [traceID, workflow, role ?? '', spanID ?? '', from ?? ''].join(';')
  return { [TRACE_ANNOTATION]: text.replace(/;+$/, '') }
}

/** @returns the context that an object carries */
export function traceOf(object: Pick<KubeObject, 'metadata'>): TraceContext | undefined {
  const match = ANNOTATION.exec(object.metadata.annotations?.[TRACE_ANNOTATION] ?? '')
  if (match === null) return undefined
  const [, traceID, workflow, role, spanID, from] = match
  return {
    traceID: traceID!,
    workflow: Number(workflow) as WorkflowNumber,
    ...(role ? { role: role as WorkflowRole } : {}),
    ...(spanID === undefined ? {} : { spanID }),
    ...(from === undefined ? {} : { from }),
  }
}

/**
 * @param context of the span that sends the message: the other side's spans become its children
 * @returns `traceparent` and `tracestate` (W3C Trace Context) for the message; none where no span is known
 */
export function traceHeaders(context: TraceContext | undefined): Readonly<Record<string, string>> {
  if (context?.spanID === undefined) return {}
  const { traceID, spanID, workflow } = context
  return { traceparent: `00-${traceID}-${spanID}-01`, tracestate: `tributary=w${workflow}` }
}

/**
 * @param from node id of the sender, proved; one that proved nothing has no part in any trace
 * @returns the context in a message's headers, if it has a well-formed one: its span is the sender's
 */
export function traceFromHeaders(
  headers: Readonly<Record<string, string | undefined>>,
  from: string | undefined,
): TraceContext | undefined {
  if (from === undefined) return undefined
  const [, traceID, spanID] = TRACEPARENT.exec(headers['traceparent'] ?? '') ?? []
  if (traceID === undefined || spanID === undefined) return undefined
  if (ZEROS.test(traceID) || ZEROS.test(spanID)) return undefined
  const state = /(?:^|,)\s*tributary=w([1-4])\s*(?:,|$)/.exec(headers['tracestate'] ?? '')
  return { traceID, workflow: (state ? Number(state[1]) : 1) as WorkflowNumber, spanID, from }
}
