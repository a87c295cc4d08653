/** The life of a Reservation: the buyer's RESERVE and PURCHASE of one flavor. */
import type { ReservationPhase } from '../reservation.ts'
import { lifecycle } from './lifecycle.ts'

export const RESERVATION_LIFECYCLE = lifecycle({
  kind: 'Reservation',
  description: "The buyer's record of reserving and buying one flavor.",
  field: 'status.phase.phase',
  states: {
    Running: 'The seller is being asked.',
    Solved: 'What was asked for is done: held, or bought.',
    Failed: 'The seller refused, lied or could not be reached.',
  } satisfies Record<ReservationPhase, string>,
  // A purchase whose answer was lost may turn out to have been made.
  terminal: [],
  events: {
    unanswered: { by: 'Contract Manager', meaning: 'the seller did not answer; it is asked again' },
    held: { by: 'the seller', meaning: 'the part is held, and nobody has said yet that it is to be bought' },
    'held-for-purchase': { by: 'the seller', meaning: 'the part is held, and is to be bought' },
    bought: { by: 'the seller', meaning: 'the contract is there, signed by both' },
    failed: { by: 'Contract Manager', meaning: 'the seller refused, lied, or was asked often enough' },
  },
  moves: {
    New: { unanswered: 'Running', held: 'Solved', 'held-for-purchase': 'Running', failed: 'Failed' },
    Running: {
      unanswered: 'Running',
      held: 'Solved',
      'held-for-purchase': 'Running',
      bought: 'Solved',
      failed: 'Failed',
    },
    Solved: { unanswered: 'Running', bought: 'Solved', failed: 'Failed' },
    Failed: { bought: 'Solved' },
  },
})
