/** By which name somebody takes turns and is counted: its own, or that of all for whom nobody vouches. */
import type { RearHandler, TransportPeer } from './transport.ts'

/** Who all that nobody vouches for are together: keys cost nothing. */
export const STRANGERS = 'strangers'
/** Who is accepted may be so no longer: it is looked at again after so many times, for that is not quite free. */
const LOOK_AGAIN_AFTER = 64

/** @returns what tells the name of a connection's other end */
export function callerNames(handler: RearHandler, peer: TransportPeer | undefined): () => string {
  let name = STRANGERS
  let asked = 0
  return () => {
    if (asked++ % LOOK_AGAIN_AFTER === 0) name = nameOf(handler, peer)
    return name
  }
}

/** @returns its name, now */
export function nameOf({ isStranger }: RearHandler, peer: TransportPeer | undefined): string {
  return peer === undefined || isStranger?.(peer) ? STRANGERS : peer.id
}
