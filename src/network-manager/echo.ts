/**
 * The probe of the data path: a stream that gives back what it is given.
 *
 * More than one packet goes each way, over a stream like every other: a path that only lets small
 * packets or only requests through does not pass for a working one.
 */
import type { Duplex } from 'node:stream'
import type { Channel } from '../kernel/channel.ts'
import { deadline, type System } from '../kernel/system.ts'
import { echoPath } from './stream-paths.ts'

const PROBE_BYTES = 4 << 10
const ECHO_LIMIT_BYTES = 64 << 10
const ECHO_TIMEOUT_MS = 10_000

/**
 * @param timeoutMs how long the whole probe may take
 * @returns the time from the first byte out to the last byte back, in milliseconds
 * @throws what `Channel.openStream` throws; Error when other bytes came back
 */
export async function probe(
  channel: Channel,
  contractID: string,
  system: System,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  const limit = deadline(system.clock, timeoutMs, signal)
  try {
    const stream = await channel.openStream(echoPath(contractID), limit.signal)
    const onAbort = (): void => void stream.destroy(limit.signal.reason as Error)
    limit.signal.addEventListener('abort', onAbort, { once: true })
    if (limit.signal.aborted) onAbort()
    const sent = Buffer.from(system.random.bytes(PROBE_BYTES))
    const begin = system.clock.monotonic()
    stream.end(sent)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > PROBE_BYTES) break
    }
    if (!Buffer.concat(chunks).equals(sent)) throw new Error('the probe came back altered')
    return system.clock.monotonic() - begin
  } finally {
    limit.done()
  }
}

/** Serves one probe; an endless or very long one is cut. */
export function serveEcho(duplex: Duplex, system: System): void {
  let size = 0
  const timer = system.clock.after(ECHO_TIMEOUT_MS, () =>
    duplex.destroy(new Error('the probe took too long')),
  )
  duplex.on('error', () => undefined)
  duplex.once('close', () => timer.cancel())
  duplex.pipe(duplex)
  duplex.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > ECHO_LIMIT_BYTES) duplex.destroy(new Error('the probe is too long'))
  })
}
