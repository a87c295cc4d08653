import { describe, expect, it } from 'vitest'
import type { TraceEvent } from '../objects/trace.ts'
import { WORKFLOW_1, WORKFLOWS } from '../trace/index.ts'
import {
  beginOf,
  checkSteps,
  firstOfEachStep,
  inTime,
  missingSteps,
  notNeeded,
  numbered,
} from './workflow-check.ts'

/** All steps of workflow 1, a millisecond apart. */
const EVENTS: readonly TraceEvent[] = WORKFLOW_1.map(({ step, action, component, role, message }) => ({
  step,
  workflow: 1,
  action,
  component,
  role,
  message,
  node: role === 'consumer' ? 'alpha' : 'beta',
  outcome: 'ok',
  at: 1000 + step,
  ms: 0,
}))

describe('the check of the steps', () => {
  it('has nothing to say of a run in which all took place in order', () => {
    expect(checkSteps(WORKFLOW_1, EVENTS)).toEqual([])
    expect(checkSteps(WORKFLOW_1, EVENTS.toReversed())).toEqual([])
  })

  it('does not mind repeated steps: the first of each number counts', () => {
    const again = { ...EVENTS[4]!, at: 2000 }
    expect(checkSteps(WORKFLOW_1, [...EVENTS, again])).toEqual([])
    expect(firstOfEachStep([again, ...EVENTS])).toEqual(EVENTS)
  })

  it('finds a missing step', () => {
    const without = EVENTS.filter(({ step }) => step !== 25)
    expect(checkSteps(WORKFLOW_1, without)).toEqual(['step 25 is missing (rear-manager: allocation active)'])
  })

  it('finds steps out of order', () => {
    const swapped = EVENTS.map((event) => (event.step === 9 ? { ...event, at: 1010.5 } : event))
    expect(checkSteps(WORKFLOW_1, swapped)).toEqual(['step 9 came after step 10, 0.50 ms later'])
  })

  it('finds a step at the wrong component, by the wrong role, or failed', () => {
    const wrong = EVENTS.map((event) => {
      if (event.step === 2) return { ...event, component: 'rear-manager' }
      if (event.step === 8) return { ...event, role: 'consumer' }
      return event.step === 14 ? { ...event, outcome: 'failed' as const, detail: 'no answer' } : event
    })
    expect(checkSteps(WORKFLOW_1, wrong)).toEqual([
      'step 2 took place at rear-manager, not at node-orchestrator',
      'step 8 was done by the consumer, not by the provider',
      'step 14 failed: no answer',
    ])
  })

  it('asks for no optional step', () => {
    const optional = WORKFLOWS[2].filter((step) => step.optional).map(({ step }) => step)
    expect(optional.length).toBeGreaterThan(0)
    const missing = missingSteps(WORKFLOWS[2], []).map(({ step }) => step)
    expect(missing.filter((step) => optional.includes(step))).toEqual([])
  })
})

describe('step 0 of workflow 4', () => {
  const all = WORKFLOWS[4].map((step): TraceEvent => ({
    ...EVENTS[0]!,
    ...step,
    workflow: 4,
    at: step.step === 0 ? 5 : 1000 + step.step,
  }))
  const without = all.filter(({ step }) => step !== 0)

  it('is a step like the others, but goes on all the time: the intent begins with step 1', () => {
    expect(checkSteps(WORKFLOWS[4], all)).toEqual([])
    expect(checkSteps(WORKFLOWS[4], without)).toEqual([expect.stringContaining('step 0 is missing')])
    expect(checkSteps(WORKFLOWS[4], [...without, { ...all[0]!, at: 1003.5 }])).toEqual([])
    expect(beginOf(all)).toBe(1001)
  })
})

describe('steps that were not needed', () => {
  const without = (from: number, to: number) => EVENTS.filter(({ step }) => step < from || step > to)

  it('are the discovery, when a candidate was known', () => {
    expect(notNeeded(WORKFLOW_1, without(6, 12))).toMatchObject([{ from: 6, to: 12 }])
  })

  it('are all between intent and deployment, when there were resources', () => {
    expect(notNeeded(WORKFLOW_1, without(4, 31))).toMatchObject([{ from: 4, to: 31 }])
  })

  it('are none when only some of them are missing, or when nothing came after them', () => {
    expect(notNeeded(WORKFLOW_1, without(7, 12))).toEqual([])
    expect(notNeeded(WORKFLOW_1, without(6, 32))).toEqual([])
  })
})

describe('the numbers of steps', () => {
  it('are those of the workflow that it turned out to be', () => {
    const [event] = numbered([{ ...EVENTS[11]!, step: 0 }], 2)
    expect(event).toMatchObject({ workflow: 2, action: 'candidate-found', step: 15 })
  })

  it('do not decide the order: time does', () => {
    expect(inTime([EVENTS[3]!, EVENTS[1]!]).map(({ step }) => step)).toEqual([2, 4])
  })
})
