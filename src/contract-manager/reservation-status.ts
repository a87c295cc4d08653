/** Writes the status of a Reservation, its phase along its life cycle only. */
import { move } from '../kernel/lifecycle.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { RESERVATION_LIFECYCLE } from '../objects/lifecycles/reservation.ts'
import { ReservationKind, type Reservation, type ReservationStatus } from '../objects/reservation.ts'

/** What happened to a Reservation. */
export type ReservationEvent = keyof typeof RESERVATION_LIFECYCLE.events

/**
 * @param reservation as it was read
 * @param message for people
 * @param change members to set; the others stay
 * @returns the Reservation as it is stored; undefined when it is gone
 */
export function setReservationStatus(
  { store, system, log }: Pick<NodeBase, 'store' | 'system' | 'log'>,
  reservation: Reservation,
  event: ReservationEvent,
  message: string,
  change: Omit<ReservationStatus, 'phase'> = {},
): Promise<Reservation | undefined> {
  const lastChangeTime = rfc3339(system.clock.now())
  return amendStatus(store, ReservationKind, reservation, ({ metadata, status }) => {
    const { name } = metadata
    const phase = move(RESERVATION_LIFECYCLE, event, { name, from: status?.phase?.phase, log })
    return phase === undefined
      ? undefined
      : { ...status, ...change, phase: { phase, message, lastChangeTime } }
  })
}
