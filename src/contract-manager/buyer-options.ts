/** What the buying half is given. */
import type { NodeBase } from '../node-base.ts'
import type { NodeKey } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'

/** The finalizer that keeps a Reservation until what the seller holds for it is given back. */
export const RESERVATION_FINALIZER = 'tributary.io/reservation'

export interface BuyerOptions extends NodeBase {
  readonly client: RearClient
  readonly key: NodeKey
  /** Asks for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}
