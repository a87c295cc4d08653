/** Runs one task again and again, never twice at a time; each run says when the next one is due. */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import type { Clock, Timer } from '../kernel/system.ts'

export interface RepeatedTaskOptions {
  readonly clock: Clock
  readonly log: Log
  /** Until the first run, in milliseconds. */
  readonly firstMs: number
  /** Until the next run after one that threw, in milliseconds. */
  readonly afterFailureMs: number
  /** @returns milliseconds until the next run */
  readonly run: (signal: AbortSignal) => Promise<number>
}

export class RepeatedTask implements Component {
  readonly #options: RepeatedTaskOptions
  #running: { readonly abort: AbortController; timer: Timer; run?: Promise<void> } | undefined

  constructor(options: RepeatedTaskOptions) {
    this.#options = options
  }

  start(): Promise<void> {
    if (this.#running === undefined) {
      const abort = new AbortController()
      this.#running = { abort, timer: this.#after(this.#options.firstMs) }
    }
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.abort.abort()
    running?.timer.cancel()
    await running?.run
  }

  #after(ms: number): Timer {
    return this.#options.clock.after(ms, () => {
      const running = this.#running
      if (running) running.run = this.#runOnce(running)
    })
  }

  async #runOnce(running: { readonly abort: AbortController; timer: Timer }): Promise<void> {
    const { run, log, afterFailureMs } = this.#options
    const { signal } = running.abort
    const next = await run(signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, 'unexpected failure')
      return afterFailureMs
    })
    if (!signal.aborted) running.timer = this.#after(next)
  }
}
