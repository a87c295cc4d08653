/**
 * Whether the numbered steps of a workflow took place, and in the right order. Pure.
 */
import type { TraceEvent } from '../objects/trace.ts'
import {
  ALONGSIDE,
  NO_STEP,
  stepNumber,
  type WorkflowNumber,
  WORKFLOWS,
  type WorkflowStep,
} from '../trace/index.ts'

/** @returns the table of a workflow; an empty one for a number that is none */
export function workflowSteps(workflow: number): readonly WorkflowStep[] {
  return (WORKFLOWS as Readonly<Record<number, readonly WorkflowStep[]>>)[workflow] ?? []
}

/** @returns the events with the numbers that they have in `workflow` */
export function numbered(events: readonly TraceEvent[], workflow: WorkflowNumber): readonly TraceEvent[] {
  return events.map((event) => {
    const step = stepNumber(workflow, event.action, event.role)
    return step === event.step && workflow === event.workflow ? event : { ...event, step, workflow }
  })
}

/** @returns the events in the order in which they happened */
export function inTime(events: readonly TraceEvent[]): readonly TraceEvent[] {
  return events.toSorted((a, b) => a.at - b.at || a.step - b.step)
}

/** @returns when the intent came, milliseconds since 1970: what is before it goes on all the time */
export function beginOf(events: readonly TraceEvent[]): number {
  const inOrder = inTime(events)
  return (inOrder.find(({ step }) => step > 0) ?? inOrder[0])?.at ?? 0
}

/** @returns of each number that took place its first event, in the order in which they happened */
export function firstOfEachStep(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const seen = new Set<number>()
  return inTime(events).filter(({ step, action }) => {
    if (step === NO_STEP || isAlongside(action) || seen.has(step)) return false
    seen.add(step)
    return true
  })
}

/** @returns the steps that should have taken place and have not */
export function missingSteps(
  table: readonly WorkflowStep[],
  events: readonly TraceEvent[],
): readonly WorkflowStep[] {
  const seen = new Set(events.flatMap(({ step, action }) => (isAlongside(action) ? [] : [step])))
  return table.filter(({ step, optional }) => !optional && !seen.has(step))
}

/** Parts of every workflow that are taken only if what comes before them found nothing. */
const CONDITIONAL = [
  { from: 'acquisition-started', to: 'place-found', because: 'it fits on resources that were there already' },
  { from: 'selector-built', to: 'candidate-found', because: 'a suitable candidate was known already' },
] as const

/** Steps that rightly did not take place. */
export interface NotNeeded {
  readonly from: number
  readonly to: number
  readonly because: string
}

/** @returns the parts of the workflow of which nothing took place although what comes after them did */
export function notNeeded(
  table: readonly WorkflowStep[],
  events: readonly TraceEvent[],
): readonly NotNeeded[] {
  const seen = new Set(events.map(({ step }) => step))
  const last = Math.max(0, ...seen)
  const found = CONDITIONAL.flatMap(({ from, to, because }): readonly NotNeeded[] => {
    const first = table.find(({ action }) => action === from)?.step
    const end = table.findLast(({ action }) => action === to)?.step
    if (first === undefined || end === undefined || last <= end) return []
    for (let step = first; step <= end; step++) if (seen.has(step)) return []
    return [{ from: first, to: end, because }]
  })
  // Of two, one within the other, the larger one says it all.
  return found.filter(
    (each) => !found.some((other) => other !== each && other.from <= each.from && other.to >= each.to),
  )
}

/** @returns what is wrong, one sentence each; nothing when every step took place, in order, where it should */
export function checkSteps(table: readonly WorkflowStep[], events: readonly TraceEvent[]): readonly string[] {
  const first = firstOfEachStep(events)
  const problems = missingSteps(table, events).map(
    ({ step, component, message }) => `step ${step} is missing (${component}: ${message})`,
  )
  first.forEach((event, index) => {
    const before = first[index - 1]
    // Step 0 goes on all the time.
    if (before && event.step > 0 && before.step > event.step) {
      const late = (event.at - before.at).toFixed(2)
      problems.push(`step ${event.step} came after step ${before.step}, ${late} ms later`)
    }
  })
  for (const event of first) {
    const wanted = table.find(({ step }) => step === event.step)
    if (!wanted) problems.push(`step ${event.step} is not in the table of the workflow`)
    else if (wanted.component !== event.component) {
      problems.push(`step ${event.step} took place at ${event.component}, not at ${wanted.component}`)
    } else if (wanted.role !== event.role) {
      problems.push(`step ${event.step} was done by the ${event.role}, not by the ${wanted.role}`)
    }
    if (event.outcome === 'failed') {
      problems.push(`step ${event.step} failed: ${event.detail ?? event.message}`)
    }
  }
  return problems
}

/** Whether what was done has no place in the order of the steps: it has the number of what it goes along with. */
function isAlongside(action: string): boolean {
  return ALONGSIDE[1].some((step) => step.action === action)
}

/** @returns what should have been done at the same time as a step and was not */
export function missingAlongside(
  workflow: WorkflowNumber,
  events: readonly TraceEvent[],
): readonly WorkflowStep[] {
  return ALONGSIDE[workflow].filter(
    ({ action, role }) =>
      !events.some((event) => event.action === action && event.role === role && event.outcome === 'ok'),
  )
}
