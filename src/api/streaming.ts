/**
 * Long answers: watches and logs.
 */
import type { ServerResponse } from 'node:http'
import { once } from 'node:events'
import { type Clock, deadline } from '../kernel/system.ts'

/** How long to wait for an early error before the headers of an answer are sent. */
const PATIENCE_MS = 50
/** A client that reads nothing for so long is dropped; what waits for it costs memory. */
export const STALLED_CLIENT_MS = 30_000

/**
 * Starts the iteration and waits a moment, so that what fails at once can still become an HTTP status.
 * @throws whatever the source throws before it yields, if it does so at once
 */
export async function opened<T>(source: AsyncIterable<T>, clock: Clock): Promise<AsyncIterable<T>> {
  const iterator = source[Symbol.asyncIterator]()
  const first = iterator.next()
  await new Promise<void>((resolve, reject) => {
    const timer = clock.after(PATIENCE_MS, resolve)
    first.then(
      () => {
        timer.cancel()
        resolve()
      },
      (error: unknown) => {
        timer.cancel()
        reject(error as Error)
      },
    )
  })
  return (async function* () {
    try {
      for (let result = await first; result.done !== true; result = await iterator.next()) yield result.value
    } finally {
      await iterator.return?.()
    }
  })()
}

/**
 * Writes `chunks` as they come, no faster than the client reads.
 * @param signal ends the answer
 * @throws what the source throws, and when the client stalls; the connection is then destroyed
 */
export async function sendChunks(
  response: ServerResponse,
  chunks: AsyncIterable<string | Buffer>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  response.flushHeaders()
  try {
    for await (const chunk of chunks) {
      if (signal.aborted || response.destroyed) break
      if (response.write(chunk)) continue
      const limit = deadline(clock, STALLED_CLIENT_MS, signal)
      try {
        await once(response, 'drain', { signal: limit.signal })
      } finally {
        limit.done()
      }
    }
    response.end()
  } catch (error) {
    response.destroy()
    if (!signal.aborted) throw error
  }
}
