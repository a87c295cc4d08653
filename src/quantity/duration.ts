/** Durations as users write them: `90s`, `30m`, `24h`, `7d`. */
import { UnreadableError } from './unreadable.ts'

const DURATION = /^([0-9]{1,10})(s|m|h|d)$/
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const
/** A hundred years: what is longer is a slip, and does not fit into a date. */
const LONGEST_SECONDS = 36_500 * SECONDS.d

/**
 * @returns seconds
 * @throws UnreadableError also for what is longer than a hundred years
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text)
  const seconds = match === null ? Infinity : Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS]
  if (seconds <= LONGEST_SECONDS) return seconds
  throw new UnreadableError(
    'duration',
    text,
    'a whole number of s, m, h or d, such as 24h, and at most 36500d',
  )
}
