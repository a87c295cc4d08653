/** A token bucket: what anybody on the network can send us costs us only so much. */
import type { System } from './system.ts'

export class RateGate {
  readonly #system: System
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number
  /** How many were turned away so far. */
  refused = 0

  constructor(system: System, options: { readonly perSecond: number; readonly burst: number }) {
    this.#system = system
    this.#perSecond = options.perSecond
    this.#burst = options.burst
    this.#tokens = options.burst
    this.#at = system.clock.monotonic()
  }

  /** One that passed does not count after all. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1)
  }

  /** @returns whether one more may pass now */
  pass(): boolean {
    const now = this.#system.clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (this.#tokens < 1) {
      this.refused++
      return false
    }
    this.#tokens--
    return true
  }
}
