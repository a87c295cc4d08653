/**
 * Shares out the event loop: work that comes by the thousand goes on in short slices, however many ask for it at
 * once, so that who asks for little is answered in between.
 */
// A turn of the event loop is not a time: it passes on a simulated clock too.
// eslint-disable-next-line no-restricted-imports
import { setImmediate } from 'node:timers'
import type { Clock } from './system.ts'

const SLICE_MS = 2

export class Turns {
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  #until = -Infinity
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the caller may go on for a moment; asks again before each piece of work. */
  async next(): Promise<void> {
    if (this.#clock.monotonic() < this.#until && this.#waiting.length === 0) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      this.#arm()
    })
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    setImmediate(() => {
      this.#armed = false
      this.#until = this.#clock.monotonic() + SLICE_MS
      this.#waiting.shift()?.()
      if (this.#waiting.length > 0) this.#arm()
    })
  }
}
