/** Reading traces of others: a participant may see what each node did for its intent, nobody else may. */
import { inDefaultNamespace } from '../objects/meta.ts'
import { TraceKind, type Trace, type TraceEvent } from '../objects/trace.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { traceName } from './trace-objects.ts'
import { stepNumber, type WorkflowNumber } from './workflow-steps.ts'

/** @returns the trace of this node, when `reader` takes part in it or is this node itself (undefined) */
export async function readableTrace(
  store: ObjectStore,
  traceID: string,
  reader: string | undefined,
): Promise<Trace | undefined> {
  const trace = await store.get(TraceKind, inDefaultNamespace(traceName(traceID)))
  if (trace === undefined) return undefined
  return reader === undefined || trace.spec.participants?.includes(reader) === true ? trace : undefined
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
