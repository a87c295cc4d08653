/**
 * The recorder: what components tell what they did and saw, once. Steps of a workflow become spans of its
 * trace, what happened in a dealing becomes a fact; sinks do with them what they are for.
 *
 * Telling costs nothing and is never waited for: a trace must not slow down what it traces. It decides nothing
 * and keeps nothing itself.
 */
import type { Component } from '../kernel/component.ts'
import { randomHex, type System } from '../kernel/system.ts'
import type { FactType } from '../objects/fact.ts'
import type { TraceEvent } from '../objects/trace.ts'
import type { FactRecord, RecorderSink, TraceRef } from './sink.ts'
import type { TraceContext } from './trace-context.ts'
import { ACTIONS, stepNumber, type Action, type WorkflowNumber, type WorkflowRole } from './workflow-steps.ts'

export interface StepDetail {
  /** Goes before the role of the context. */
  readonly role?: WorkflowRole | undefined
  /** Node id or name of the other side. */
  readonly peer?: string | undefined
  readonly outcome?: TraceEvent['outcome']
  readonly detail?: string | undefined
  /** From `recorder.now()`; the step's duration, in milliseconds, is counted from it. */
  readonly since?: number | undefined
  /** When it was over, in milliseconds since 1970; now unless given. */
  readonly at?: number | undefined
  /**
   * The span that the step is: one that was handed out (`child`) before it was over. The context itself for
   * the first step of a trace. A new one unless given.
   */
  readonly span?: TraceContext | undefined
}

/** Who does these when nobody says. */
const PROVIDERS_ACTIONS: ReadonlySet<Action> = new Set<Action>([
  'flavors-looked-up',
  'flavors-answered',
  'contract-drafted',
  'flavor-reduced',
  'resources-reserved',
  'reserve-answered',
  'contract-found',
  'resources-offered',
])

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8

export interface RecorderOptions {
  readonly system: System
  /** The node's name, as shown in events. */
  readonly node: string
  readonly sinks: readonly RecorderSink[]
}

export class Recorder implements Component {
  readonly #options: RecorderOptions

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    for (const sink of this.#options.sinks) sink.start?.()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#options.sinks.map(async (sink) => sink.stop?.()))
  }

  /** @returns a new trace; its span is the root, which its first step is to be (`span: context`) */
  begin(workflow: WorkflowNumber = 1): TraceContext {
    return {
      traceID: randomHex(this.#options.system.random, TRACE_ID_BYTES),
      workflow,
      spanID: this.#spanID(),
    }
  }

  /** @returns a context for what a step begins before it is over itself; the step is recorded with it as `span` */
  child(context: TraceContext): TraceContext
  child(context: TraceContext | undefined): TraceContext | undefined
  child(context: TraceContext | undefined): TraceContext | undefined {
    return context && { ...context, spanID: this.#spanID() }
  }

  /** @returns a monotonic time for `StepDetail.since` */
  now(): number {
    return this.#options.system.clock.monotonic()
  }

  /**
   * Records an action of the workflow that the context belongs to, as a child of the context's span.
   * @param context undefined when the work belongs to no intent: nothing is recorded
   * @returns the context of the step itself, for what it brings about: objects and messages to others
   */
  step(context: TraceContext, action: Action, detail?: StepDetail): TraceContext
  step(context: TraceContext | undefined, action: Action, detail?: StepDetail): TraceContext | undefined
  step(context: TraceContext | undefined, action: Action, detail: StepDetail = {}): TraceContext | undefined {
    if (context === undefined) return undefined
    const { system, node, sinks } = this.#options
    const { clock } = system
    const [component, message] = ACTIONS[action]
    const role = detail.role ?? context.role ?? (PROVIDERS_ACTIONS.has(action) ? 'provider' : 'consumer')
    const spanID = detail.span?.spanID ?? this.#spanID()
    const parent = context.spanID === spanID ? undefined : context.spanID
    const event: TraceEvent = {
      step: stepNumber(context.workflow, action, role),
      workflow: context.workflow,
      action,
      component,
      node,
      role,
      spanID,
      ...(parent === undefined ? {} : { parentSpanID: parent }),
      ...(detail.peer === undefined ? {} : { peer: detail.peer }),
      message,
      outcome: detail.outcome ?? 'ok',
      ...(detail.detail === undefined ? {} : { detail: detail.detail }),
      at: detail.at ?? clock.now(),
      ms: detail.since === undefined ? 0 : Math.max(0, clock.monotonic() - detail.since),
    }
    for (const sink of sinks) sink.step?.(context, event)
    return { ...context, spanID }
  }

  /**
   * Records what happened in a dealing with another node.
   * @param about node id of the other side
   */
  fact(
    about: string,
    type: FactType,
    { at = this.#options.system.clock.now(), ...detail }: Partial<Omit<FactRecord, 'about' | 'type'>> = {},
  ): void {
    for (const sink of this.#options.sinks) sink.fact?.({ about, type, at, ...detail })
  }

  /** Notes which workflow a trace turned out to be. */
  workflow(context: TraceContext): void {
    const { workflow } = context
    for (const sink of this.#options.sinks) sink.news?.(context, { workflow })
  }

  /** Notes which intent (`namespace/name`) a trace belongs to. */
  intent(context: TraceContext, intent: string): void {
    for (const sink of this.#options.sinks) sink.news?.(context, { intent })
  }

  /** Resolves when what was recorded so far, of one trace or of all, is stored. */
  async flush(trace?: TraceRef): Promise<void> {
    await Promise.all(this.#options.sinks.map(async (sink) => sink.flush?.(trace)))
  }

  #spanID(): string {
    return randomHex(this.#options.system.random, SPAN_ID_BYTES)
  }
}
