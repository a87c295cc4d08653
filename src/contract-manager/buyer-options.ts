/** What the buying half is given. */
import type { NodeBase } from '../node-base.ts'
import type { Reservation } from '../objects/reservation.ts'
import type { NodeKey } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import type { WireContractTerms } from '../rear/wire/index.ts'

export interface BuyerOptions extends NodeBase {
  readonly client: RearClient
  readonly key: NodeKey
  /**
   * Whether the flavor and the price of a draft are such that what chose the offer would have chosen it.
   * @returns what is wrong, for people; undefined when nothing is
   */
  readonly judgeDraft: (reservation: Reservation, draft: WireContractTerms) => Promise<string | undefined>
  /** Asks for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}
