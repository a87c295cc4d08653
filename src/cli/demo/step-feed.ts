/**
 * The steps of all nodes as they happen, in the order in which they happened.
 *
 * Each node is watched by itself, and their news arrive a little out of order: a step that comes before
 * those that should precede it is held back until they are there, but not for long.
 */
import { sleep } from '../../kernel/system.ts'
import type { Trace, TraceEvent } from '../../objects/trace.ts'
import type { Context } from '../context.ts'
import type { ControlClient } from '../control-client.ts'
import { watchObjects } from '../watch-objects.ts'
import { inTime, numbered } from '../workflow-check.ts'
import type { WorkflowNumber } from '../../trace/index.ts'
import { StepOrder } from './step-order.ts'

const TRACES = '/apis/tributary.io/v1alpha1/traces'
const TICK_MS = 10

export class StepFeed {
  readonly #context: Context
  readonly #workflow: WorkflowNumber
  readonly #onStep: (event: TraceEvent) => void
  readonly #seen = new Map<string, TraceEvent>()
  readonly #ending = new AbortController()
  readonly #order = new StepOrder()
  #running: Promise<void>[] = []
  #failure: Error | undefined

  constructor(context: Context, workflow: WorkflowNumber, onStep: (event: TraceEvent) => void) {
    this.#context = context
    this.#workflow = workflow
    this.#onStep = onStep
  }

  /** Everything that has happened so far, in order. */
  get events(): readonly TraceEvent[] {
    return inTime([...this.#seen.values()])
  }

  /** Whether every step that has happened has been told. */
  get isDrained(): boolean {
    return this.#order.isEmpty
  }

  /** @throws what made a watch end */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when all watches are in place: nothing that happens afterwards is missed. */
  async start(clients: readonly ControlClient[]): Promise<void> {
    const signal = AbortSignal.any([this.#ending.signal, this.#context.signal])
    await Promise.all(
      clients.map(
        (client) =>
          new Promise<void>((resolve) => {
            const watching = this.#watch(client, signal, resolve)
              .catch((error: unknown) => {
                if (!signal.aborted)
                  this.#failure ??= error instanceof Error ? error : new Error(String(error))
              })
              .finally(resolve)
            this.#running.push(watching)
          }),
      ),
    )
    this.check()
    this.#running.push(this.#tick(signal))
  }

  /** Tells what is still held back, and stops watching. Idempotent. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await Promise.all(this.#running)
    this.#running = []
    this.#order.takeAll().forEach((event) => this.#onStep(event))
  }

  async #watch(client: ControlClient, signal: AbortSignal, onSynced: () => void): Promise<void> {
    for await (const change of watchObjects(this.#context, client, TRACES, { signal })) {
      if (change.type === 'SYNCED') onSynced()
      if (change.type !== 'ADDED' && change.type !== 'MODIFIED') continue
      const events = (change.object as Trace).status?.events ?? []
      const arrived = this.#context.system.clock.monotonic()
      for (const event of numbered(events, this.#workflow)) {
        const key = `${event.node} ${event.action} ${event.role} ${event.at}`
        if (this.#seen.has(key)) continue
        this.#seen.set(key, event)
        this.#order.add(event, arrived)
      }
      this.#release()
    }
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.system
    while (!signal.aborted) {
      await sleep(clock, TICK_MS, signal).catch(() => undefined)
      this.#release()
    }
  }

  #release(): void {
    this.#order.take(this.#context.system.clock.monotonic()).forEach((event) => this.#onStep(event))
  }
}
