/**
 * A queue of keys to work on: each key waits at most once, and is never worked on twice at a time.
 * A key added while it is worked on is worked on again afterwards. Failures come back after a
 * doubling delay. Deterministic on a given clock.
 */
import { backOff } from './back-off.ts'
import type { System, Timer } from './system.ts'

export interface WorkQueueOptions {
  readonly system: System
  /** Works on one key. A rejection puts the key back after its back-off. */
  readonly work: (key: string) => Promise<void>
  /** How many keys are worked on at a time; 1 unless given. */
  readonly concurrency?: number
  /** The first delay after a failure, in milliseconds; 20 unless given. */
  readonly baseDelayMs?: number
  /** The longest delay after failures, in milliseconds; 60 000 unless given. */
  readonly maxDelayMs?: number
  /** Called after a failure with the delay, in milliseconds, until the next attempt. */
  readonly onFailure?: (key: string, error: unknown, delayMs: number) => void
}

interface Delayed {
  readonly due: number
  readonly timer: Timer
}

export class WorkQueue {
  readonly #system: System
  readonly #work: (key: string) => Promise<void>
  readonly #concurrency: number
  readonly #baseDelayMs: number
  readonly #maxDelayMs: number
  readonly #onFailure: (key: string, error: unknown, delayMs: number) => void
  /** Keys ready to be worked on, oldest first. */
  readonly #ready = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  /** Keys added while they were being worked on. */
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  #idleWaiters: (() => void)[] = []
  #paused = true
  #stopped = false

  constructor(options: WorkQueueOptions) {
    this.#system = options.system
    this.#work = options.work
    this.#concurrency = options.concurrency ?? 1
    this.#baseDelayMs = options.baseDelayMs ?? 20
    this.#maxDelayMs = options.maxDelayMs ?? 60_000
    this.#onFailure = options.onFailure ?? (() => undefined)
  }

  /** Keys that wait to be worked on now; delayed ones are not among them. */
  get size(): number {
    return this.#ready.size + this.#again.size
  }

  /** Begins to work; what was added before waits until then. */
  start(): void {
    if (this.#stopped) throw new Error('a stopped work queue cannot be started again')
    this.#paused = false
    this.#pump()
  }

  /** Drops what waits and resolves when nothing is being worked on any more; idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#ready.clear()
    this.#again.clear()
    for (const { timer } of this.#delayed.values()) timer.cancel()
    this.#delayed.clear()
    await Promise.all(this.#running.values())
    this.#settleIdle()
  }

  /** Asks for `key` to be worked on as soon as possible. */
  add(key: string): void {
    if (this.#stopped) return
    this.#cancelDelayed(key)
    if (this.#running.has(key)) this.#again.add(key)
    else this.#ready.add(key)
    this.#pump()
  }

  /** Asks for `key` to be worked on in `ms` milliseconds; of several such wishes the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return
    if (ms <= 0) {
      this.add(key)
      return
    }
    if (this.#ready.has(key) || this.#again.has(key)) return
    const due = this.#system.clock.monotonic() + ms
    const known = this.#delayed.get(key)
    if (known !== undefined && known.due <= due) return
    known?.timer.cancel()
    const timer = this.#system.clock.after(ms, () => this.add(key))
    this.#delayed.set(key, { due, timer })
  }

  /** Puts `key` back after a failure, later each time. @returns the delay in milliseconds */
  addAfterFailure(key: string): number {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const delay = backOff(failures, this.#baseDelayMs, this.#maxDelayMs)
    this.addAfter(key, delay)
    return delay
  }

  /** How many failures of `key` there were since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next failure of `key` counts as its first. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** Resolves when nothing is ready or being worked on; what is delayed does not count. For tests. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  #isIdle(): boolean {
    return this.#ready.size === 0 && this.#running.size === 0 && this.#again.size === 0
  }

  #settleIdle(): void {
    if (!this.#isIdle()) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  #cancelDelayed(key: string): void {
    this.#delayed.get(key)?.timer.cancel()
    this.#delayed.delete(key)
  }

  #pump(): void {
    if (this.#paused || this.#stopped) return
    while (this.#running.size < this.#concurrency) {
      const next = this.#ready.values().next()
      if (next.done) return
      const key = next.value
      this.#ready.delete(key)
      this.#running.set(key, this.#run(key))
    }
  }

  async #run(key: string): Promise<void> {
    // Not in the caller's stack: `add` never runs work before it returns.
    await Promise.resolve()
    try {
      await this.#work(key)
      this.forget(key)
    } catch (error) {
      if (!this.#stopped) this.#onFailure(key, error, this.addAfterFailure(key))
    }
    this.#running.delete(key)
    if (this.#again.delete(key)) {
      this.#cancelDelayed(key)
      this.#ready.add(key)
    }
    this.#pump()
    this.#settleIdle()
  }
}
