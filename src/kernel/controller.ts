/**
 * The base of every controller: informers say which objects may need attention, a queue brings each
 * of them, one at a time, to `reconcile`, which compares what is wanted with what is and acts.
 *
 * `reconcile` is told a key and nothing else: it must do the right thing whatever happened before,
 * however often it is called.
 */
import { backOff } from './back-off.ts'
import { type KubeObject, keyOf, keyString, type ObjectKey, parseKey } from '../objects/meta.ts'
import type { Component } from './component.ts'
import type { Informer, InformerEvent } from './informer.ts'
import type { Log } from './log.ts'
import { isStoreError } from './object-store.ts'
import type { ReconcileResult } from './reconcile/result.ts'
import type { System, Timer } from './system.ts'
import { WorkQueue } from './work-queue.ts'

/** Whose changes lead to which keys. */
export interface ControllerWatch<T extends KubeObject> {
  readonly informer: Informer<T>
  /** Keys to reconcile after an event; the object's own key unless given. */
  readonly keys?: (event: InformerEvent<T>) => ObjectKey | readonly ObjectKey[] | undefined
}

export type { ReconcileResult }

export interface ControllerOptions<Watched extends readonly KubeObject[]> {
  /** For logs. */
  readonly name: string
  readonly system: System
  readonly log: Log
  /** How many keys are reconciled at a time; 1 unless given. */
  readonly concurrency?: number
  readonly watches: { readonly [I in keyof Watched]: ControllerWatch<Watched[I]> }
  /**
   * Brings the world in line with the object of this key, or with its absence.
   * What it throws is logged, and it is called again after a while; at once after a `Conflict`.
   * @param signal aborts when the controller stops
   */
  readonly reconcile: (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult>
  /** Reconciles everything again this often, in milliseconds; never unless given. */
  readonly resyncMs?: number
}

/** Delays after conflicts: the informer only has to catch up. */
const CONFLICT_DELAY_MS = 5
const LONGEST_CONFLICT_DELAY_MS = 1_000

export class Controller<Watched extends readonly KubeObject[] = readonly KubeObject[]> implements Component {
  readonly name: string
  readonly #system: System
  readonly #log: Log
  readonly #concurrency: number
  readonly #watches: readonly ControllerWatch<KubeObject>[]
  readonly #reconcile: ControllerOptions<Watched>['reconcile']
  readonly #resyncMs: number | undefined
  /** Per key: conflicts in a row, and the last failure that was logged as a warning. */
  readonly #conflicts = new Map<string, number>()
  readonly #warned = new Map<string, string>()
  #queue: WorkQueue
  #abort = new AbortController()
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #unsubscribe: (() => void)[] = []
  #resyncTimer: Timer | undefined

  constructor(options: ControllerOptions<Watched>) {
    this.name = options.name
    this.#system = options.system
    this.#log = options.log.child({ controller: options.name })
    this.#concurrency = options.concurrency ?? 1
    this.#watches = options.watches as unknown as readonly ControllerWatch<KubeObject>[]
    this.#reconcile = options.reconcile
    this.#resyncMs = options.resyncMs
    this.#queue = this.#newQueue()
  }

  /** Resolves when the informers are synced and work has begun. */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /** Aborts what runs and waits for it. */
  stop(): Promise<void> {
    if (this.#starting === undefined) return Promise.resolve()
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Asks for `key` to be reconciled; also before the start. */
  enqueue(key: ObjectKey): void {
    this.#queue.add(keyString(key))
  }

  /** Asks for `key` to be reconciled in `ms` milliseconds. */
  enqueueAfter(key: ObjectKey, ms: number): void {
    this.#queue.addAfter(keyString(key), ms)
  }

  /** Resolves when nothing waits or runs; delayed keys do not count. For tests. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  async #start(): Promise<void> {
    const { signal } = this.#abort
    const queue = this.#queue
    for (const watch of this.#watches) {
      this.#unsubscribe.push(watch.informer.onChange((event) => this.#enqueueFor(watch, event, queue)))
    }
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    await Promise.race([Promise.all(this.#watches.map((watch) => watch.informer.start())), stopped])
    if (signal.aborted) return
    queue.start()
    this.#armResync()
  }

  async #stop(): Promise<void> {
    this.#abort.abort()
    this.#resyncTimer?.cancel()
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
    await this.#queue.stop()
    this.#conflicts.clear()
    this.#warned.clear()
    // As new: it may be started again.
    this.#abort = new AbortController()
    this.#queue = this.#newQueue()
    this.#starting = undefined
    this.#stopping = undefined
  }

  #newQueue(): WorkQueue {
    const { signal } = this.#abort
    return new WorkQueue({
      system: this.#system,
      concurrency: this.#concurrency,
      work: (key) => this.#work(key, signal),
      onFailure: (key, error, retryInMs) => {
        const message = error instanceof Error ? error.message : String(error)
        // The same failure again is no news.
        const level = this.#warned.get(key) === message ? 'debug' : 'warn'
        this.#warned.set(key, message)
        this.#log[level]({ err: error, key, retryInMs }, 'reconcile failed')
      },
    })
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    const queue = this.#queue
    try {
      const result = await this.#reconcile(parseKey(key), signal)
      this.#conflicts.delete(key)
      this.#warned.delete(key)
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs)
    } catch (error) {
      // Stopping: being interrupted is what was asked for, and the work is done after the next start.
      if (signal.aborted) return
      if (!isStoreError(error, 'Conflict')) throw error
      const conflicts = this.#conflicts.get(key) ?? 0
      this.#conflicts.set(key, conflicts + 1)
      const delay = backOff(conflicts, CONFLICT_DELAY_MS, LONGEST_CONFLICT_DELAY_MS)
      this.#log.debug({ err: error, key, retryInMs: delay }, 'conflict, retrying')
      queue.addAfter(key, delay)
    }
  }

  #enqueueFor<T extends KubeObject>(
    watch: ControllerWatch<T>,
    event: InformerEvent<T>,
    queue: WorkQueue,
  ): void {
    const keys = watch.keys === undefined ? keyOf(event.object) : watch.keys(event)
    if (keys === undefined) return
    for (const key of 'name' in keys ? [keys] : keys) queue.add(keyString(key))
  }

  #armResync(): void {
    const resyncMs = this.#resyncMs
    if (resyncMs === undefined) return
    const { signal } = this.#abort
    this.#resyncTimer = this.#system.clock.after(resyncMs, () => {
      if (signal.aborted) return
      for (const watch of this.#watches) {
        for (const object of watch.informer.list()) {
          this.#enqueueFor(watch, { type: 'updated', object, before: object }, this.#queue)
        }
      }
      this.#armResync()
    })
  }
}
