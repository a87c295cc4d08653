/**
 * When a question that went to many endpoints at once has been waited for long enough.
 *
 * A round is over a moment after the first useful answer, or as soon as nobody is waited for any more. Who did not
 * answer the last time is not waited for once somebody has what is wanted, and who was late only a little: so a
 * dead endpoint delays one discovery, not every one. What comes later is still taken.
 */
import { sleep, type Clock } from '../kernel/system.ts'

/** How long the others are waited for after the first useful answer. Who takes longer is late. */
export const GRACE_MS = 150
/** How long those are waited for who were late before, as a part of what the others took. */
const COURTESY = 0.5

export interface DiscoveryRound {
  /** Never without a useful answer: then the end is that of all questions. */
  readonly over: Promise<void>
  /** @param isUseful whether there was anything wanted in the answer */
  answered(nodeID: string, isUseful: boolean): void
}

export function beginRound(options: {
  readonly clock: Clock
  /** Whose answers are waited for, once there is a useful one. */
  readonly awaited: Iterable<string>
  /** Who was late the last time. */
  readonly tardy: ReadonlySet<string>
  readonly signal: AbortSignal
}): DiscoveryRound {
  const { clock, tardy, signal } = options
  const since = clock.monotonic()
  const awaited = new Set(options.awaited)
  const over = Promise.withResolvers<void>()
  const endAfter = (ms: number): void => {
    sleep(clock, ms, signal).then(over.resolve, over.resolve)
  }
  let hasUseful = false
  let isCourteous = false
  return {
    over: over.promise,
    answered(nodeID, isUseful) {
      awaited.delete(nodeID)
      if (isUseful && !hasUseful) {
        hasUseful = true
        endAfter(GRACE_MS)
      }
      if (!hasUseful) return
      if (awaited.size === 0) over.resolve()
      else if (!isCourteous && [...awaited].every((late) => tardy.has(late))) {
        isCourteous = true
        endAfter((clock.monotonic() - since) * COURTESY)
      }
    },
  }
}
