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
import { ACTIONS, stepNumber, type Action, type WorkflowNumber, type WorkflowRole } from './workflow-steps.ts'

/** Which trace a step belongs to; travels in objects as an annotation and between nodes as `traceparent`. */
export interface TraceContext {
  /** W3C trace id: 32 lower-case hexadecimal digits. */
  readonly traceID: string
  readonly workflow: WorkflowNumber
  /** What this node is in the workflow; where it is absent, the action tells. */
  readonly role?: WorkflowRole
}

export interface StepDetail {
  /** Goes before the role of the context. */
  readonly role?: WorkflowRole
  /** Node id or name of the other side. */
  readonly peer?: string | undefined
  readonly outcome?: TraceEvent['outcome']
  readonly detail?: string | undefined
  /** From `recorder.now()`; the step's duration is counted from it. */
  readonly since?: number | undefined
  /** When and where it was over, in milliseconds since 1970, if not now and here: another node told us of it. */
  readonly elsewhere?: { readonly node: string; readonly at: number } | undefined
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

const FLUSH_AFTER_MS = 5
const MOST_EVENTS = 1_000
const MOST_TRACES = 2_000

/** @returns the name of the Trace object of a trace id */
export const traceName = (traceID: string): string => `trace-${traceID}`

interface PendingTrace {
  readonly events: TraceEvent[]
  intent?: string
  workflow?: WorkflowNumber
  readonly participants: Set<string>
}

export interface RecorderOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  /** The node's name, as shown in events. */
  readonly node: string
}

export class Recorder implements Component {
  readonly #options: RecorderOptions
  readonly #pending = new Map<string, PendingTrace>()
  readonly #known: string[] = []
  #timer: Timer | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor(options: RecorderOptions) {
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
   * Records an action of the workflow that the context belongs to.
   * @param context undefined when the work belongs to no intent: nothing is recorded
   */
  step(context: TraceContext | undefined, action: Action, detail: StepDetail = {}): void {
    if (context === undefined) return
    const { clock } = this.#options.system
    const [component, message] = ACTIONS[action]
    const role = detail.role ?? context.role ?? (PROVIDERS_ACTIONS.has(action) ? 'provider' : 'consumer')
    this.#record(context, {
      step: stepNumber(context.workflow, action, role),
      workflow: context.workflow,
      action,
      component,
      node: detail.elsewhere?.node ?? this.#options.node,
      role,
      ...(detail.peer === undefined ? {} : { peer: detail.peer }),
      message,
      outcome: detail.outcome ?? 'ok',
      ...(detail.detail === undefined ? {} : { detail: detail.detail }),
      at: detail.elsewhere?.at ?? clock.now(),
      ms: detail.since === undefined ? 0 : Math.max(0, clock.monotonic() - detail.since),
    })
  }

  /** Notes which workflow a trace turned out to be. */
  workflow(context: TraceContext): void {
    this.#entry(context.traceID).workflow = context.workflow
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

  #entry(traceID: string): PendingTrace {
    let entry = this.#pending.get(traceID)
    if (entry === undefined) this.#pending.set(traceID, (entry = { events: [], participants: new Set() }))
    this.#timer ??= this.#options.system.clock.after(FLUSH_AFTER_MS, () => void this.flush())
    return entry
  }

  #record(context: TraceContext, event: TraceEvent): void {
    this.#entry(context.traceID).events.push(event)
  }

  async #write(batch: readonly (readonly [string, PendingTrace])[]): Promise<void> {
    const { store, log } = this.#options
    await Promise.all(
      batch.map(async ([traceID, { events, intent, workflow, participants }]) => {
        const key = { namespace: DEFAULT_NAMESPACE, name: traceName(traceID) }
        try {
          if ((await store.get(TraceKind, key)) === undefined) {
            await store.create(TraceKind, {
              metadata: key,
              spec: {
                traceID,
                ...(intent ? { intent } : {}),
                ...(workflow ? { workflow } : {}),
                participants: [...participants],
              },
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
              ...(workflow ? { workflow } : {}),
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
    void remove(this.#options.store, TraceKind, {
      namespace: DEFAULT_NAMESPACE,
      name: traceName(oldest),
    }).catch(() => {})
  }
}
