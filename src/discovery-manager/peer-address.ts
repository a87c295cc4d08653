/** Addresses that others tell us: which of them can be dialled at all. */
import { isUnspecified, readHostPort } from '../objects/host-port.ts'

const LONGEST_HOST = 253

/** @returns whether `text` is host:port, and somebody may be there */
export function isPeerAddress(text: unknown): text is string {
  const read = readHostPort(text)
  if (read === undefined || read.port === 0 || isUnspecified(read)) return false
  // The zone of an IPv6 address means something on one machine only.
  return read.host.length <= LONGEST_HOST && !/^[-._]|%/.test(read.host)
}
