/**
 * Keeps the number of stored traces bounded: the oldest go first, whoever wrote them, before a restart or after.
 * What a trace says is needed for nothing else; nobody waits for its removal.
 */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { keyOf, keyString } from '../objects/meta.ts'
import { TraceKind, type Trace } from '../objects/trace.ts'

const MOST_TRACES = 2_000

export interface TraceRetentionOptions {
  readonly store: ObjectStore
  readonly informer: Informer<Trace>
  readonly log: Log
  /** How many are kept. */
  readonly most?: number
}

export class TraceRetention implements Component {
  readonly #options: TraceRetentionOptions
  readonly #removing = new Set<string>()
  #unsubscribe: (() => void) | undefined

  constructor(options: TraceRetentionOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    this.#unsubscribe ??= this.#options.informer.onChange(({ type, object }) => {
      if (type === 'added') this.#trim()
      else if (type === 'deleted') this.#removing.delete(keyString(keyOf(object)))
    })
    this.#trim()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  #trim(): void {
    const { informer, most = MOST_TRACES } = this.#options
    for (const trace of beyond(informer.list(), most)) void this.#remove(trace)
  }

  async #remove(trace: Trace): Promise<void> {
    const { store, log } = this.#options
    const name = keyString(keyOf(trace))
    if (this.#removing.has(name)) return
    this.#removing.add(name)
    try {
      await store.delete(TraceKind, keyOf(trace), { uid: trace.metadata.uid, deferrable: true })
    } catch (error) {
      // The next trace is the next occasion.
      this.#removing.delete(name)
      if (!isStoreError(error, 'NotFound', 'Conflict')) log.debug({ err: error, name }, 'trace not removed')
    }
  }
}

/** @returns the oldest of those that are too many */
function beyond(traces: readonly Trace[], most: number): readonly Trace[] {
  if (traces.length <= most) return []
  return traces
    .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
    .slice(0, traces.length - most)
}
