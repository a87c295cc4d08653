/**
 * Calls back when things run out. What is prolonged meanwhile costs nothing: it is looked at when it would have
 * run out, and again at its new time. To the second, so that a hundred thousand of them are a few hundred timers.
 */
import type { Clock, Timer } from '../kernel/system.ts'

const GRAIN_MS = 1_000

export class ExpiryQueue {
  readonly #clock: Clock
  readonly #onDue: (key: string) => number | undefined
  readonly #buckets = new Map<number, Set<string>>()
  readonly #bucketOf = new Map<string, number>()
  #timer: { readonly bucket: number; readonly timer: Timer } | undefined
  #firing = false
  #stopped = false

  /** @param onDue returns until when (milliseconds since 1970) to wait again, undefined when the thing has run out */
  constructor(clock: Clock, onDue: (key: string) => number | undefined) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** @param until milliseconds since 1970; a later time than the one that is waited for changes nothing */
  add(key: string, until: number): void {
    const bucket = Math.ceil(until / GRAIN_MS)
    const before = this.#bucketOf.get(key)
    if (before !== undefined) {
      if (before <= bucket) return
      this.#take(key, before)
    }
    this.#bucketOf.set(key, bucket)
    const keys = this.#buckets.get(bucket)
    if (keys) keys.add(key)
    else this.#buckets.set(bucket, new Set([key]))
    if (!this.#firing && (this.#timer === undefined || bucket < this.#timer.bucket)) this.#arm()
  }

  delete(key: string): void {
    const bucket = this.#bucketOf.get(key)
    if (bucket !== undefined) this.#take(key, bucket)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.timer.cancel()
    this.#timer = undefined
    this.#buckets.clear()
    this.#bucketOf.clear()
  }

  #take(key: string, bucket: number): void {
    this.#bucketOf.delete(key)
    const keys = this.#buckets.get(bucket)
    keys?.delete(key)
    if (keys?.size === 0) this.#buckets.delete(bucket)
  }

  #arm(): void {
    if (this.#stopped || this.#buckets.size === 0) return
    let first = Infinity
    for (const bucket of this.#buckets.keys()) if (bucket < first) first = bucket
    this.#timer?.timer.cancel()
    const delay = Math.max(0, first * GRAIN_MS - this.#clock.now())
    this.#timer = { bucket: first, timer: this.#clock.after(delay, () => this.#fire()) }
  }

  #fire(): void {
    this.#timer = undefined
    this.#firing = true
    const now = this.#clock.now()
    for (const [bucket, keys] of [...this.#buckets]) {
      if (bucket * GRAIN_MS > now) continue
      this.#buckets.delete(bucket)
      for (const key of keys) {
        this.#bucketOf.delete(key)
        const again = this.#onDue(key)
        if (again !== undefined) this.add(key, Math.max(again, now + 1))
      }
    }
    this.#firing = false
    this.#arm()
  }
}
