/**
 * How often something failed for each object, and when it is to be tried again.
 *
 * In memory only: after a restart everything is tried at once, which is harmless. For reconcilers whose attempts
 * do not end in an exception; those that throw are brought back by the work queue.
 */
import { keyOf, keyString, type ObjectKey } from '../../objects/meta.ts'
import { backOff } from '../back-off.ts'
import type { Informer } from '../informer.ts'
import type { Clock } from '../system.ts'

export interface BackoffsOptions {
  readonly clock: Clock
  /** The pause after the first failure, in milliseconds; it doubles with each further one. */
  readonly firstMs: number
  /** No pause is longer, in milliseconds; asked at each failure when it depends on how much there is to do. */
  readonly longestMs: number | (() => number)
  /** Failures of objects that this informer sees deleted are forgotten, whether counted by key or by uid. */
  readonly of?: Pick<Informer, 'onChange'>
}

interface Attempts {
  readonly failures: number
  /** On the monotonic clock. */
  readonly notBefore: number
}

/** A key of an object, its uid, or whatever else the attempts are counted by. */
export type BackoffKey = ObjectKey | string

export class Backoffs {
  readonly #options: BackoffsOptions
  readonly #attempts = new Map<string, Attempts>()

  constructor(options: BackoffsOptions) {
    this.#options = options
    options.of?.onChange(({ type, object }) => {
      if (type !== 'deleted') return
      this.forget(keyOf(object))
      this.forget(object.metadata.uid)
    })
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#attempts.size
  }

  /** Counts a failure. @returns how long to wait before the next attempt, in milliseconds */
  failed(key: BackoffKey): number {
    const { clock, firstMs, longestMs } = this.#options
    const before = this.failures(key)
    const pause = backOff(before, firstMs, typeof longestMs === 'number' ? longestMs : longestMs())
    this.#attempts.set(textOf(key), { failures: before + 1, notBefore: clock.monotonic() + pause })
    return pause
  }

  /** @returns how many attempts failed in a row */
  failures(key: BackoffKey): number {
    return this.#attempts.get(textOf(key))?.failures ?? 0
  }

  /** @returns how long it is until the next attempt is due, in milliseconds; 0 when it is due */
  remainingMs(key: BackoffKey): number {
    const notBefore = this.#attempts.get(textOf(key))?.notBefore
    return notBefore === undefined ? 0 : Math.max(0, notBefore - this.#options.clock.monotonic())
  }

  /** The next failure counts as the first: an attempt succeeded, or its object is gone. */
  forget(key: BackoffKey): void {
    this.#attempts.delete(textOf(key))
  }
}

function textOf(key: BackoffKey): string {
  return typeof key === 'string' ? key : keyString(key)
}
