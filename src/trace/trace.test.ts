import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { silentLog } from '../kernel/log.ts'
import { TraceKind, type TraceEvent } from '../objects/trace.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import {
  traceAnnotations,
  traceFromHeaders,
  traceHeaders,
  traceOf,
  type TraceContext,
} from './trace-context.ts'
import { mergeEvents, readableTrace } from './trace-exchange.ts'
import { Recorder } from './recorder.ts'
import { TraceObjects, traceName } from './trace-objects.ts'
import { ACTIONS, NO_STEP, stepNumber, WORKFLOWS, type WorkflowNumber } from './workflow-steps.ts'

const ID = '0123456789abcdef0123456789abcdef'
const US = 'did:key:z6MkUs'
const THEM = 'did:key:z6MkThem'
const SPAN = 'fedcba9876543210'
const CONTEXT: TraceContext = { traceID: ID, workflow: 3, spanID: SPAN }

describe('a trace context', () => {
  it('survives an annotation, with its role, and headers, without', () => {
    const old = { traceID: ID, workflow: 2 as const }
    for (const context of [
      CONTEXT,
      { ...CONTEXT, role: 'provider-supernode' as const },
      { ...CONTEXT, from: THEM },
      { traceID: ID, workflow: 2 as const, from: THEM },
      old,
      { ...old, role: 'consumer' as const },
    ])
      expect(traceOf({ metadata: { annotations: traceAnnotations(context) } } as never)).toEqual(context)
    expect(traceFromHeaders(traceHeaders({ ...CONTEXT, role: 'supernode', from: US }), THEM)).toEqual({
      ...CONTEXT,
      from: THEM,
    })
    expect(traceAnnotations(undefined)).toEqual({})
    expect(traceHeaders(undefined)).toEqual({})
  })

  it('is read from annotations of versions that had no spans', () => {
    const context = (text: string) =>
      traceOf({ metadata: { annotations: { 'tributary.io/trace': text } } } as never)
    expect(context(`${ID};3`)).toEqual({ traceID: ID, workflow: 3 })
    expect(context(`${ID};4;supernode`)).toEqual({ traceID: ID, workflow: 4, role: 'supernode' })
  })

  it('names the span that sends a message, and nothing where none is known', () => {
    expect(traceHeaders(CONTEXT)['traceparent']).toBe(`00-${ID}-${SPAN}-01`)
    expect(traceHeaders({ traceID: ID, workflow: 3 })).toEqual({})
  })

  it.each([
    ['no header', undefined],
    ['another version', `01-${ID}-0123456789abcdef-01`],
    ['capital letters', `00-${ID.toUpperCase()}-0123456789abcdef-01`],
    ['all zeros', `00-${'0'.repeat(32)}-0123456789abcdef-01`],
    ['a span of zeros', `00-${ID}-0000000000000000-01`],
    ['too short an id', '00-abc-0123456789abcdef-01'],
    ['something after it', `00-${ID}-0123456789abcdef-01-more`],
  ] as readonly (readonly [string, string | undefined])[])('is not in headers with %s', (_, traceparent) => {
    expect(traceFromHeaders({ traceparent, tracestate: 'tributary=w3' }, THEM)).toBeUndefined()
  })

  it.each([
    ['tributary=w4', 4],
    ['other=x, tributary=w2 ,more=y', 2],
    ['tributary=w9', 1],
    ['nottributary=w3', 1],
    ['', 1],
    [undefined, 1],
  ])('is of the workflow that tracestate %j says: %i', (tracestate, workflow) => {
    const traceparent = `00-${ID}-0123456789abcdef-01`
    expect(traceFromHeaders({ traceparent, tracestate }, THEM)).toEqual({
      traceID: ID,
      workflow,
      spanID: '0123456789abcdef',
      from: THEM,
    })
  })

  it.each([
    '',
    'x',
    `${ID};5`,
    `${ID};1;Bad Role`,
    `${ID};1;;0123`,
    `${ID};1;consumer;NOTHEXADECIMAL00`,
    `${ID}`,
  ])('is not in the annotation %j', (text) => {
    expect(traceOf({ metadata: { annotations: { 'tributary.io/trace': text } } } as never)).toBeUndefined()
  })
})

describe('the steps of the workflows', () => {
  it.each([1, 2, 3, 4] as const)(
    'are numbered without a gap in workflow %i, from 1, or from 0 with a catalog; each action of a role once',
    (workflow) => {
      const steps = WORKFLOWS[workflow]
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, index) => index + (workflow === 4 ? 0 : 1)))
      expect(new Set(steps.map(({ action, role }) => `${action} ${role}`)).size).toBe(steps.length)
      for (const { step, action, role, component, message } of steps) {
        expect(stepNumber(workflow, action, role)).toBe(step)
        expect([component, message]).toEqual(ACTIONS[action])
      }
    },
  )

  it('begin and end alike: from the intent to the deployment', () => {
    for (const workflow of [1, 2, 3, 4] as WorkflowNumber[]) {
      const actions = WORKFLOWS[workflow].filter(({ step }) => step > 0).map(({ action }) => action)
      expect(actions[0]).toBe('intent-accepted')
      expect(actions.at(-1)).toBe('workload-deployed')
    }
    // The workflow document's own count of the steps before the deployment.
    expect([1, 2, 3, 4].map((each) => WORKFLOWS[each as WorkflowNumber].at(-1)!.step)).toEqual([
      32, 35, 42, 41,
    ])
  })

  it('have no number for what is no step', () => {
    expect(stepNumber(1, 'candidates-searched', 'supernode')).toBe(NO_STEP)
    expect(stepNumber(1, 'nonsense', 'consumer')).toBe(NO_STEP)
  })
})

describe('traces of several nodes', () => {
  const event = (action: string, role: string, at: number): TraceEvent =>
    ({
      ...{
        action,
        role,
        at,
        ms: 0,
        step: 0,
        workflow: 1,
        component: 'c',
        node: 'n',
        message: 'm',
        outcome: 'ok',
      },
    }) as TraceEvent

  it('are merged in time, numbered by what the workflow turned out to be', () => {
    const consumer = [event('intent-accepted', 'consumer', 1), event('reserve-sent', 'consumer', 5)]
    const relay = [event('reserve-sent', 'supernode', 6), event('something-else', 'supernode', 2)]
    expect(mergeEvents([consumer, relay], 3).map(({ step, workflow, at }) => [step, workflow, at])).toEqual([
      [1, 3, 1],
      [NO_STEP, 3, 2],
      [20, 3, 5],
      [21, 3, 6],
    ])
  })

  it('at the same time are in the order of their numbers, whoever is merged first', () => {
    const one = [event('reserve-asked', 'consumer', 7)]
    const other = [event('reserve-sent', 'consumer', 7), event('candidate-found', 'consumer', 7)]
    const steps = (lists: readonly (readonly TraceEvent[])[]): readonly number[] =>
      mergeEvents(lists, 1).map(({ step }) => step)
    expect(steps([one, other])).toEqual([12, 13, 14])
    expect(steps([other, one])).toEqual([12, 13, 14])
  })
})

describe('the recorder', () => {
  const simulation = createSimulatedSystem(1)
  const { system } = simulation
  const make = () => {
    const { store } = createMemoryStore({ system })
    return {
      store,
      recorder: new Recorder({
        system,
        node: 'me',
        sinks: [new TraceObjects({ store, system, log: silentLog })],
      }),
    }
  }

  it('writes what happened together in one go, and knows the role of an action', async () => {
    const { store, recorder } = make()
    const since = recorder.now()
    await simulation.advance(3)
    recorder.step(CONTEXT, 'flavors-looked-up', { since, peer: 'them' })
    recorder.step(CONTEXT, 'list-sent')
    recorder.step(undefined, 'list-sent')
    await simulation.advance(250)
    const trace = await store.get(TraceKind, { namespace: 'default', name: traceName({ traceID: ID }) })
    expect(trace!.status!.events).toMatchObject([
      { action: 'flavors-looked-up', role: 'provider', ms: 3, peer: 'them', node: 'me' },
      { action: 'list-sent', role: 'consumer', step: 7, ms: 0 },
    ])
  })

  it('keeps what was done for one apart from what was done for another under the same id', async () => {
    const { store, recorder } = make()
    recorder.step(CONTEXT, 'list-sent')
    recorder.step({ ...CONTEXT, from: THEM }, 'flavors-answered')
    await recorder.flush()
    const actions = async (reader: string | undefined, id = ID) =>
      (await readableTrace(store, id, reader))?.status?.events.map(({ action }) => action)
    expect(await actions(undefined)).toEqual(['list-sent'])
    expect(await actions(THEM)).toEqual(['flavors-answered'])
    expect(await actions('did:key:z6MkStranger')).toBeUndefined()
    expect(await actions(undefined, 'f'.repeat(32))).toBeUndefined()
  })

  it('records nothing of a sender that proved nothing', () => {
    expect(traceFromHeaders(traceHeaders(CONTEXT), undefined)).toBeUndefined()
  })
})
