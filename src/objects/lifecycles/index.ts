/** All life cycles, in the order in which a reader meets them. For the pages that are drawn of them, and tests. */
import { CONTRACT_LIFECYCLE } from './contract.ts'
import { HOLD_LIFECYCLE } from './hold.ts'
import { INTENT_LIFECYCLE } from './intent.ts'
import type { Lifecycle } from './lifecycle.ts'
import { PEER_LIFECYCLE } from './peer.ts'
import { RESERVATION_LIFECYCLE } from './reservation.ts'
import { SOLVER_LIFECYCLE } from './solver.ts'
import { VIRTUAL_NODE_LIFECYCLE } from './virtual-node.ts'

export const LIFECYCLES: readonly Lifecycle[] = [
  INTENT_LIFECYCLE,
  SOLVER_LIFECYCLE,
  RESERVATION_LIFECYCLE,
  HOLD_LIFECYCLE,
  CONTRACT_LIFECYCLE,
  VIRTUAL_NODE_LIFECYCLE,
  PEER_LIFECYCLE,
]
