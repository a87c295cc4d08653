/**
 * Time, randomness and ids: the only module that takes them from the machine.
 *
 * Everything else gets a `System` from the composition root, so that a whole market
 * runs on a simulated clock (a lint rule forbids the globals elsewhere).
 */
import { randomBytes } from 'node:crypto'

/** A pending timer. `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall-clock time in milliseconds since 1970, with fractions. */
  now(): number
  /** Milliseconds from an arbitrary origin, never going back; for durations. */
  monotonic(): number
  /** Calls `callback` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, callback: () => void): Timer
}

export interface Random {
  /** @returns `count` unpredictable bytes. */
  bytes(count: number): Uint8Array
}

export interface System {
  readonly clock: Clock
  readonly random: Random
}

/** The longest delay that a Node timer takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The real machine. */
export const realSystem: System = {
  clock: {
    // With fractions of a millisecond, so that steps of two processes on one machine sort rightly;
    // the wall clock rules when it was set meanwhile.
    now() {
      const precise = performance.timeOrigin + performance.now()
      const wall = Date.now()
      return Math.abs(precise - wall) < 5 ? precise : wall
    },
    monotonic: () => performance.now(),
    after(ms, callback) {
      const deadline = performance.now() + ms
      let handle: NodeJS.Timeout
      const arm = (): void => {
        const left = Math.max(0, deadline - performance.now())
        handle = setTimeout(
          () => (left > LONGEST_TIMER_MS ? arm() : callback()),
          Math.min(left, LONGEST_TIMER_MS),
        )
        handle.unref()
      }
      arm()
      return { cancel: () => clearTimeout(handle) }
    },
  },
  random: { bytes: (count) => randomBytes(count) },
}

/** @returns `ms` as RFC 3339 in UTC with second precision, as Kubernetes writes times. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -'.000Z'.length)}Z`
}

/** @returns `count` random bytes as lower-case hexadecimal digits. */
export function randomHex(random: Random, count: number): string {
  return Buffer.from(random.bytes(count)).toString('hex')
}

/** @returns a random UUID (RFC 9562, version 4). */
export function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/**
 * Waits on the given clock.
 * @param ms how long, in milliseconds
 * @param signal ends the wait early
 * @throws the signal's reason when it aborts
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * @param ms milliseconds until the signal aborts
 * @param parent aborts it earlier
 * @returns a signal that aborts with a `TimeoutError` after `ms` on the given clock, and `done` which frees the timer
 */
export function deadline(
  clock: Clock,
  ms: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; done(): void } {
  const controller = new AbortController()
  const timer = clock.after(ms, () => {
    controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'))
  })
  const onParent = (): void => controller.abort(parent?.reason)
  if (parent?.aborted) onParent()
  parent?.addEventListener('abort', onParent, { once: true })
  return {
    signal: controller.signal,
    done() {
      timer.cancel()
      parent?.removeEventListener('abort', onParent)
    },
  }
}
