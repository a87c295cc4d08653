/**
 * The sink that keeps traces as Trace objects, one for each trace id; it owns that table.
 *
 * Steps of a trace are gathered and written in one call, soon after the first and then the less often the longer
 * the trace goes on, and at once when somebody asks (`flush`). What this process wrote last is kept while the
 * trace is active, so that nothing is read before it is written; what others wrote meanwhile is found by the
 * version. A crash may lose the last steps; the work itself is in the objects, not here.
 */
import { createHash } from 'node:crypto'
import { backOff } from '../kernel/back-off.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import type { System, Timer } from '../kernel/system.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { TraceKind, type Trace, type TraceEvent } from '../objects/trace.ts'
import { addToTrace, joinAdditions, type TraceAddition } from './merge-trace.ts'
import type { RecorderSink, TraceNews, TraceRef } from './sink.ts'

/** How long steps of a trace wait for others; the next ones wait twice as long, up to the longest. */
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 1_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000
/** What was written is forgotten when a trace was silent for so long. */
const FORGET_AFTER_MS = 30_000
/** Traces whose last state is kept. */
const MOST_ACTIVE = 500
/** Writers that keep coming between us: then it is tried again later. */
const MOST_CONFLICTS = 5
const NOTHING: TraceAddition = { events: [] }

/** @returns the name of the Trace object of a trace, of what was done for ourselves or for another node */
export function traceName({ traceID, from }: TraceRef): string {
  if (from === undefined) return `trace-${traceID}`
  return `trace-${traceID}-${createHash('sha256').update(from).digest('hex').slice(0, 16)}`
}

/** A trace of which something was recorded lately. */
interface ActiveTrace {
  readonly ref: TraceRef
  /** As this process wrote or read it last. */
  stored: Trace | undefined
  pending: TraceAddition
  hasNews: boolean
  writes: number
  failures: number
  timer: Timer | undefined
  writing: Promise<void>
}

export interface TraceObjectsOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
}

export class TraceObjects implements RecorderSink {
  readonly #options: TraceObjectsOptions
  readonly #active = new Map<string, ActiveTrace>()
  #stopped = false

  constructor(options: TraceObjectsOptions) {
    this.#options = options
  }

  start(): void {
    this.#stopped = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.flush()
    for (const { timer } of this.#active.values()) timer?.cancel()
    this.#active.clear()
  }

  step(trace: TraceRef, event: TraceEvent): void {
    this.#add(trace, { events: [event] })
  }

  news(trace: TraceRef, { intent, workflow }: TraceNews): void {
    this.#add(trace, { events: [], intent, workflow })
  }

  async flush(trace?: TraceRef): Promise<void> {
    const wanted = trace === undefined ? [...this.#active.keys()] : [traceName(trace)]
    await Promise.all(wanted.map((each) => this.#write(each)))
  }

  #add({ traceID, from }: TraceRef, addition: TraceAddition): void {
    const name = traceName({ traceID, from })
    let trace = this.#active.get(name)
    if (trace === undefined) {
      this.#forgetSilent()
      // Others may ask under any number of ids: what is theirs is not recorded where it would be too much.
      if (from !== undefined && this.#active.size >= 2 * MOST_ACTIVE) return
      trace = {
        ref: { traceID, from },
        stored: undefined,
        pending: NOTHING,
        hasNews: false,
        writes: 0,
        failures: 0,
        timer: undefined,
        writing: Promise.resolve(),
      }
      this.#active.set(name, trace)
    }
    trace.pending = joinAdditions(trace.pending, addition)
    if (trace.hasNews) return
    trace.hasNews = true
    this.#wait(name, trace, backOff(trace.writes, FIRST_WAIT_MS, LONGEST_WAIT_MS))
  }

  /** Those longest here of which nothing is pending, where there are too many. */
  #forgetSilent(): void {
    if (this.#active.size < MOST_ACTIVE) return
    for (const [name, { hasNews, timer }] of this.#active) {
      if (hasNews) continue
      timer?.cancel()
      this.#active.delete(name)
      if (this.#active.size < MOST_ACTIVE) return
    }
  }

  /** Writes what is pending of a trace, after what is being written of it. Never rejects. */
  #write(name: string): Promise<void> {
    const trace = this.#active.get(name)
    if (trace === undefined) return Promise.resolve()
    trace.writing = trace.writing.then(() => this.#writeNow(name, trace))
    return trace.writing
  }

  async #writeNow(name: string, trace: ActiveTrace): Promise<void> {
    if (!trace.hasNews) return
    const { pending } = trace
    trace.pending = NOTHING
    trace.hasNews = false
    trace.timer?.cancel()
    try {
      trace.stored = await this.#put(trace.ref, trace.stored, pending)
      trace.writes++
      trace.failures = 0
      // What came meanwhile waits its own time.
      if (!trace.hasNews) this.#wait(name, trace, FORGET_AFTER_MS)
    } catch (error) {
      this.#failed(name, trace, pending, error)
    }
  }

  #failed(name: string, trace: ActiveTrace, pending: TraceAddition, error: unknown): void {
    const { log } = this.#options
    // Whether it took effect after all is found out by looking.
    trace.stored = undefined
    if (isStoreError(error, 'Unavailable', 'Conflict')) {
      trace.pending = joinAdditions(pending, trace.pending)
      trace.hasNews = true
      this.#wait(name, trace, backOff(trace.failures++, FIRST_RETRY_MS, LONGEST_RETRY_MS))
      log.debug({ err: error, trace: name }, 'trace not stored yet')
    } else {
      log.warn({ err: error, trace: name }, 'trace not stored')
      if (!trace.hasNews) this.#active.delete(name)
    }
  }

  /** One call, where this process knows what is stored and nobody else wrote meanwhile. */
  async #put(ref: TraceRef, known: Trace | undefined, addition: TraceAddition): Promise<Trace> {
    const { store } = this.#options
    const key = inDefaultNamespace(traceName(ref))
    let stored = known
    for (let attempt = 1; ; attempt++) {
      const { spec, status } = addToTrace(stored, ref, addition)
      try {
        return stored === undefined
          ? await store.create(TraceKind, { metadata: key, spec, status }, { deferrable: true })
          : await store.update(TraceKind, { ...stored, spec, status }, { deferrable: true })
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error
        if (attempt >= MOST_CONFLICTS) throw error
      }
      stored = await store.get(TraceKind, key)
    }
  }

  /** When the time is over, what is pending is written; where nothing is, the trace is forgotten. */
  #wait(name: string, trace: ActiveTrace, ms: number): void {
    trace.timer?.cancel()
    if (this.#stopped) return
    trace.timer = this.#options.system.clock.after(ms, () => {
      if (trace.hasNews) void this.#write(name)
      else if (this.#active.get(name) === trace) this.#active.delete(name)
    })
  }
}
