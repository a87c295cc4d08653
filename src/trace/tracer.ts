/**
 * Records the workflow steps that this node takes, one Trace object per trace id.
 *
 * Steps are buffered for a few milliseconds and never waited for: a trace must not slow down what it
 * traces. A crash may lose the last of them; the work itself is in the objects, not here.
 */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, mutate, remove, type ObjectStore } from '../kernel/object-store.ts'
import { randomHex, type System, type Timer } from '../kernel/system.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { TraceKind, type TraceEvent } from '../objects/trace.ts'
import type { WorkflowNumber, WorkflowStep } from './workflow-steps.ts'
import { WORKFLOW_1 } from './workflow-steps.ts'

/** Which trace a step belongs to; travels in objects as an annotation and between nodes as `traceparent`. */
export interface TraceContext {
  /** W3C trace id: 32 lower-case hexadecimal digits. */
  readonly traceID: string
  readonly workflow: WorkflowNumber
}

export interface StepDetail {
  /** Node id or name of the other side. */
  readonly peer?: string | undefined
  readonly outcome?: TraceEvent['outcome']
  readonly detail?: string | undefined
  /** From `tracer.now()`; the step's duration is counted from it. */
  readonly since?: number | undefined
}

const FLUSH_AFTER_MS = 5
const MOST_EVENTS = 1_000
const MOST_TRACES = 2_000

const STEPS: Readonly<Record<WorkflowNumber, ReadonlyMap<number, WorkflowStep>>> = {
  1: new Map(WORKFLOW_1.map((step) => [step.step, step])),
  2: new Map(),
  3: new Map(),
  4: new Map(),
}

/** @returns the name of the Trace object of a trace id */
export const traceName = (traceID: string): string => `trace-${traceID}`

export interface TracerOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  /** The node's name, as shown in events. */
  readonly node: string
}

export class Tracer implements Component {
  readonly #options: TracerOptions
  readonly #pending = new Map<string, { events: TraceEvent[]; intent?: string; participants: Set<string> }>()
  readonly #known: string[] = []
  #timer: Timer | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor(options: TracerOptions) {
    this.#options = options
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    await this.flush()
  }

  /** @returns a new trace */
  begin(workflow: WorkflowNumber = 1): TraceContext {
    return { traceID: randomHex(this.#options.system.random, 16), workflow }
  }

  /** @returns a monotonic time for `StepDetail.since` */
  now(): number {
    return this.#options.system.clock.monotonic()
  }

  /**
   * Records a step of the workflow that the context belongs to.
   * @param context undefined when the work belongs to no intent: nothing is recorded
   * @param step its number in the workflow document
   */
  step(context: TraceContext | undefined, step: number, detail: StepDetail = {}): void {
    if (context === undefined) return
    const { clock } = this.#options.system
    const known = STEPS[context.workflow].get(step)
    if (known === undefined) return
    this.#record(context, {
      step,
      workflow: context.workflow,
      component: known.component,
      node: this.#options.node,
      role: known.role,
      ...(detail.peer === undefined ? {} : { peer: detail.peer }),
      message: known.message,
      outcome: detail.outcome ?? 'ok',
      ...(detail.detail === undefined ? {} : { detail: detail.detail }),
      at: clock.now(),
      ms: detail.since === undefined ? 0 : Math.max(0, clock.monotonic() - detail.since),
    })
  }

  /** Notes that `nodeID` takes part in the trace, and may therefore read it. */
  participant(context: TraceContext | undefined, nodeID: string): void {
    if (context) this.#entry(context.traceID).participants.add(nodeID)
  }

  /** Notes which intent a trace belongs to. */
  intent(context: TraceContext, intent: string): void {
    this.#entry(context.traceID).intent = intent
  }

  /** Resolves when all steps recorded so far are stored. */
  async flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const batch = [...this.#pending]
    this.#pending.clear()
    this.#flushing = this.#flushing.then(() => this.#write(batch))
    await this.#flushing
  }

  #entry(traceID: string): { events: TraceEvent[]; intent?: string; participants: Set<string> } {
    let entry = this.#pending.get(traceID)
    if (entry === undefined) this.#pending.set(traceID, (entry = { events: [], participants: new Set() }))
    this.#timer ??= this.#options.system.clock.after(FLUSH_AFTER_MS, () => void this.flush())
    return entry
  }

  #record(context: TraceContext, event: TraceEvent): void {
    this.#entry(context.traceID).events.push(event)
  }

  async #write(
    batch: readonly (readonly [string, { events: TraceEvent[]; intent?: string; participants: Set<string> }])[],
  ): Promise<void> {
    const { store, log } = this.#options
    await Promise.all(
      batch.map(async ([traceID, { events, intent, participants }]) => {
        const key = { namespace: DEFAULT_NAMESPACE, name: traceName(traceID) }
        try {
          if ((await store.get(TraceKind, key)) === undefined) {
            await store.create(TraceKind, {
              metadata: key,
              spec: { traceID, ...(intent ? { intent } : {}), participants: [...participants] },
              status: { events },
            })
            this.#remember(traceID)
            return
          }
          await mutate(store, TraceKind, key, (trace) => ({
            ...trace,
            spec: {
              ...trace.spec,
              ...(intent ? { intent } : {}),
              participants: [...new Set([...(trace.spec.participants ?? []), ...participants])],
            },
            status: { events: [...(trace.status?.events ?? []), ...events].slice(-MOST_EVENTS) },
          }))
        } catch (error) {
          if (!isStoreError(error, 'Unavailable')) log.warn({ err: error, traceID }, 'trace not stored')
        }
      }),
    )
  }

  /** Keeps the number of traces bounded: the oldest that this process wrote go first. */
  #remember(traceID: string): void {
    this.#known.push(traceID)
    if (this.#known.length <= MOST_TRACES) return
    const oldest = this.#known.shift()!
    void remove(this.#options.store, TraceKind, { namespace: DEFAULT_NAMESPACE, name: traceName(oldest) }).catch(
      () => {},
    )
  }
}
