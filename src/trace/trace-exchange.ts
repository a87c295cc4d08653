/** Reading traces of others: a participant may see what each node did for its intent, nobody else may. */
import { inDefaultNamespace } from '../objects/meta.ts'
import { TraceKind, type Trace, type TraceEvent } from '../objects/trace.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { traceName } from './trace-objects.ts'
import { stepNumber, type WorkflowNumber } from './workflow-steps.ts'

/**
 * @param reader node id of who asks; undefined for the user of this node
 * @returns what this node did for the reader's own questions and contracts under the trace id; knowing the id of another's
 *   gets one nothing
 */
export async function readableTrace(
  store: ObjectStore,
  traceID: string,
  reader: string | undefined,
): Promise<Trace | undefined> {
  return store.get(TraceKind, inDefaultNamespace(traceName({ traceID, from: reader })))
}

/**
 * @param workflow what the trace turned out to be: events recorded before that was known get their numbers now
 * @returns the events of several nodes in the order in which they happened; what is no step has `NO_STEP`
 */
export function mergeEvents(
  lists: readonly (readonly TraceEvent[])[],
  workflow: WorkflowNumber,
): readonly TraceEvent[] {
  return lists
    .flat()
    .map((event) => ({ ...event, workflow, step: stepNumber(workflow, event.action, event.role) }))
    .sort((a, b) => a.at - b.at || a.step - b.step)
}
