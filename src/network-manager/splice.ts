/**
 * Joins two byte streams end to end. What is slow to be written is slow to be read; an end on one
 * side becomes an end on the other while the other direction goes on; a failure resets both.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface SpliceCounters {
  /** Bytes from `near` to `far`. */
  readonly forward?: (bytes: number) => void
  /** Bytes from `far` to `near`. */
  readonly back?: (bytes: number) => void
}

/**
 * @param counters told of every chunk as it passes
 * @returns resolves when both directions have ended
 * @throws what broke it; both streams have been reset then, so that nobody takes a torn stream for a whole one
 */
export function splice(near: Duplex, far: Duplex, counters: SpliceCounters = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    let settled = false
    let directions = 2
    const fail = (error: Error): void => {
      if (settled) return
      settled = true
      reset(near, error)
      reset(far, error)
      reject(error)
    }
    const join = (from: Duplex, to: Duplex, count: ((bytes: number) => void) | undefined): void => {
      // Stays for good: an error that comes after the end must not end the process.
      from.on('error', fail)
      from.once('close', () => {
        if (!from.readableEnded || !from.writableFinished)
          fail(new Error('the stream was cut before its end'))
      })
      to.once('finish', () => {
        if (--directions > 0 || settled) return
        settled = true
        resolve()
      })
      if (from.destroyed) return fail(new Error('the stream was cut before it began'))
      from.pipe(to)
      if (count) from.on('data', (chunk: Buffer) => count(chunk.length))
    }
    join(near, far, counters.forward)
    join(far, near, counters.back)
  })
}

/** Ends a stream in a way that the other side can tell from a proper end. */
export function reset(stream: Duplex, error: Error): void {
  if (stream.destroyed) return
  if (stream instanceof Socket) stream.resetAndDestroy()
  else stream.destroy(error)
}
