/**
 * Whether the numbered steps of a workflow took place, and in the right order. Pure.
 */
import type { TraceEvent } from '../objects/trace.ts'
import { WORKFLOW_1, type WorkflowStep } from '../trace/index.ts'

/** @returns the table of a workflow; undefined for one that has none yet */
export function workflowSteps(workflow: number): readonly WorkflowStep[] | undefined {
  return workflow === 1 ? WORKFLOW_1 : undefined
}

/** @returns the events in the order in which they happened */
export function inTime(events: readonly TraceEvent[]): readonly TraceEvent[] {
  return events.toSorted((a, b) => a.at - b.at || a.step - b.step)
}

/** @returns of each number that took place its first event, in the order in which they happened */
export function firstOfEachStep(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const seen = new Set<number>()
  return inTime(events).filter(({ step }) => {
    if (seen.has(step)) return false
    seen.add(step)
    return true
  })
}

/** @returns the steps of the table that have not taken place */
export function missingSteps(
  table: readonly WorkflowStep[],
  events: readonly TraceEvent[],
): readonly WorkflowStep[] {
  const seen = new Set(events.map(({ step }) => step))
  return table.filter(({ step }) => !seen.has(step))
}

/** @returns what is wrong with the steps, one sentence each; empty when every one took place, in order, at the right component */
export function checkSteps(table: readonly WorkflowStep[], events: readonly TraceEvent[]): readonly string[] {
  const first = firstOfEachStep(events)
  const problems = missingSteps(table, events).map(
    ({ step, component, message }) => `step ${step} is missing (${component}: ${message})`,
  )
  first.forEach((event, index) => {
    const before = first[index - 1]
    if (before && before.step > event.step) {
      problems.push(
        `step ${event.step} came after step ${before.step}, ${(event.at - before.at).toFixed(2)} ms later`,
      )
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
