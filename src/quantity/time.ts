/** Times as they stand in messages and objects: RFC 3339. */
import { UnreadableError } from './unreadable.ts'

const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/

/**
 * @returns milliseconds since 1970
 * @throws UnreadableError also for a day that there is not, such as the 30th of February
 */
export function parseTime(text: string): number {
  const match = typeof text === 'string' ? TIME.exec(text) : null
  const ms = match === null ? NaN : Date.parse(text)
  if (match === null || Number.isNaN(ms) || !isDay(match)) {
    throw new UnreadableError('time', text, 'an RFC 3339 time such as 2027-01-31T12:00:00Z')
  }
  return ms
}

function isDay([, year, month, day]: RegExpExecArray): boolean {
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number(day) >= 1 && Number(day) <= last
}
