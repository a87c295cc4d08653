/**
 * Puts steps that are heard of a little out of order back into the order in which they happened. Pure but for
 * what it holds.
 */
import type { TraceEvent } from '../../objects/trace.ts'

/** How long a step is held back for those before it, in milliseconds. */
const PATIENCE_MS = 300

export class StepOrder {
  /** Earliest first. */
  #held: { readonly event: TraceEvent; readonly arrived: number }[] = []
  #highest = 0
  /** When the latest of those that were released happened. */
  #releasedUntil = -Infinity

  /** Whether all that was added has been released. */
  get isEmpty(): boolean {
    return this.#held.length === 0
  }

  /** @param now monotonic, in milliseconds */
  add(event: TraceEvent, now: number): void {
    this.#held.push({ event, arrived: now })
    this.#held.sort((a, b) => a.event.at - b.event.at || a.event.step - b.event.step)
  }

  /**
   * @param now monotonic, in milliseconds
   * @returns those whose turn it is: nothing that happened before them is missing, or it takes too long to come
   */
  take(now: number): readonly TraceEvent[] {
    return this.#takeWhile(({ event, arrived }) => this.#isDue(event) || now - arrived >= PATIENCE_MS)
  }

  /** @returns all that is left */
  takeAll(): readonly TraceEvent[] {
    return this.#takeWhile(() => true)
  }

  #takeWhile(
    due: (held: { readonly event: TraceEvent; readonly arrived: number }) => boolean,
  ): readonly TraceEvent[] {
    const taken: TraceEvent[] = []
    for (let next = this.#held[0]; next !== undefined && due(next); next = this.#held[0]) {
      this.#held = this.#held.slice(1)
      this.#highest = Math.max(this.#highest, next.event.step)
      this.#releasedUntil = Math.max(this.#releasedUntil, next.event.at)
      taken.push(next.event)
    }
    return taken
  }

  /** Of the earliest that is held: what has no number in the workflow goes by its time. */
  #isDue({ step, at }: TraceEvent): boolean {
    const wanted = this.#highest + 1
    if (step === wanted || at <= this.#releasedUntil) return true
    // With the next number at hand, no number is missing before it.
    return step < wanted && this.#held.some(({ event }) => event.step === wanted)
  }
}
