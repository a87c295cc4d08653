/** Addresses that others tell us: which of them can be dialled at all. */

const ADDRESS = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252})):([0-9]{1,5})$/
const UNSPECIFIED = /^(0\.0\.0\.0|\[::\]|\[::0\])$/

/** @returns whether `text` is host:port, and somebody may be there */
export function isPeerAddress(text: unknown): text is string {
  const match = typeof text === 'string' ? ADDRESS.exec(text) : null
  if (match === null) return false
  const port = Number(match[3])
  return port > 0 && port < 65_536 && !UNSPECIFIED.test(match[1]!)
}

/** @returns whether host:port is on this machine only */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
