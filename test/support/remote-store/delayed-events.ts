/**
 * The events of a watch as they arrive far away: each some time after it happened, in order. One who reads too slowly
 * loses the watch.
 */
import { StoreError } from '../../../src/kernel/object-store.ts'
import { sleep, type Clock } from '../../../src/kernel/system.ts'

export interface DelayedEventsOptions<T> {
  readonly source: AsyncIterable<T>
  readonly clock: Clock
  /** @returns by how many milliseconds the next one is late */
  readonly lagMs: () => number
  /** So many that have arrived may wait to be read. */
  readonly limit: number
  readonly signal: AbortSignal
}

type Arrival<T> = { readonly due: number; readonly event: T } | { readonly end: unknown }

/** Ends when the source does, with its error if it has one, and without one when the signal aborts. */
export async function* delayedEvents<T>(
  options: DelayedEventsOptions<T>,
): AsyncGenerator<T, void, undefined> {
  const { source, clock, lagMs, limit, signal } = options
  const underWay: Arrival<T>[] = []
  let last = 0
  let wake = (): void => undefined
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort)
  const arrive = (arrival: Arrival<T>): void => {
    underWay.push(arrival)
    wake()
  }
  const gather = async (): Promise<void> => {
    try {
      for await (const event of source) {
        const now = clock.monotonic()
        const unread = underWay[limit - 1]
        if (unread !== undefined && 'due' in unread && unread.due <= now) {
          underWay.length = 0
          throw new StoreError('Expired', 'the watch was too slow')
        }
        // None overtakes another.
        last = Math.max(last, now + lagMs())
        arrive({ due: last, event })
      }
      arrive({ end: undefined })
    } catch (error) {
      arrive({ end: error })
    }
  }
  void gather()
  try {
    while (!signal.aborted) {
      const next = underWay.shift()
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      if ('end' in next) {
        if (next.end !== undefined) throw next.end as Error
        return
      }
      const wait = next.due - clock.monotonic()
      if (wait > 0) await sleep(clock, wait, signal).catch(() => undefined)
      if (!signal.aborted) yield next.event
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
