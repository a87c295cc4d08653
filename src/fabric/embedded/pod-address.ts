/**
 * Addresses of pods on this machine: each pod gets a loopback address of its own. Pure but for
 * `canUseLoopbackAddresses`.
 *
 * Any address in 127.0.0.0/8 can be listened on under Linux without configuring it. Pods live in
 * 127.64.0.0/10, far from what programs use by habit; which address depends on the pod's uid, so that
 * several nodes on one machine hardly ever meet.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'

/** What pods get where only one loopback address exists. */
export const SHARED_ADDRESS = '127.0.0.1'

/**
 * @param taken addresses of other pods
 * @param attempt counts up from 0 while addresses are taken
 */
export function podAddress(uid: string, taken: ReadonlySet<string>, attempt = 0): string {
  const digest = createHash('sha256').update(`${uid} ${attempt}`).digest()
  const second = 64 + (digest[0]! & 0x3f)
  // Neither 0 nor 255 at the end: some programs take these for networks and broadcasts.
  const address = `127.${second}.${digest[1]!}.${1 + (digest[2]! % 254)}`
  return taken.has(address) && attempt < 1_000 ? podAddress(uid, taken, attempt + 1) : address
}

/** @returns whether this machine lets programs listen on any address of 127.0.0.0/8 */
export function canUseLoopbackAddresses(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.64.0.1', port: 0, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
