/** What runners of processes do with the programs that they started, however they keep them apart. */
import type { Readable } from 'node:stream'
import { type Clock, sleep } from '../../../kernel/system.ts'
import type { ContainerSpec } from '../runner.ts'

const DEAD_POLL_MS = 2
const DEAD_LIMIT_MS = 5_000

/** Hands on what a program writes, until it writes no more. Never rejects. */
export async function drainOutput(stream: Readable, output: ContainerSpec['output']): Promise<void> {
  try {
    for await (const chunk of stream) {
      try {
        await output(chunk as Buffer)
      } catch {
        // What cannot be logged (a full disk) is lost, but the program must not block on it.
      }
    }
  } catch {
    // The stream was cut: nothing more comes.
  }
}

/** Signals a process; with a negative id, a process group. One that is gone, or not ours, is left alone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Nothing of that id is left, or it is not ours to signal.
  }
}

/**
 * Kills until nothing is left, for five seconds.
 * @param killAll kills what it finds, and says whether there was nothing
 * @returns whether nothing is left
 */
export async function killUntilGone(killAll: () => boolean, clock: Clock): Promise<boolean> {
  const end = clock.monotonic() + DEAD_LIMIT_MS
  while (!killAll()) {
    if (clock.monotonic() > end) return false
    await sleep(clock, DEAD_POLL_MS)
  }
  return true
}
