/** The way back from a reservation: the seller refused or failed, or the acquisition is only to look, for now. */
import { remove } from '../kernel/object-store.ts'
import { DiscoveryKind } from '../objects/discovery.ts'
import { keyOf } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import type { Solver } from '../objects/solver.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { discoveryKeyOf } from './solver-objects.ts'
import { setSolverStatus } from './solver-status.ts'

/** The next best offer is tried, this one not again for a while; or the same offer, through a relay. */
export async function tryNextOffer(
  context: AcquisitionContext,
  solver: Solver,
  reservation: Reservation,
): Promise<void> {
  const { store, candidates, memory } = context
  const { flavorID = '', seller, owner = seller.nodeID, relayAlternative } = reservation.spec
  const why = reservation.status?.phase.message
  if (relayAlternative === true && reservation.status?.message === 'unreachable') {
    memory.notReached(solver, owner)
    return startOver(context, solver, reservation, `trying the same offer through a relay: ${why ?? ''}`)
  }
  memory.exclude(solver, flavorID, why ?? 'failed')
  await candidates.forget(owner, flavorID)
  await remove(store, DiscoveryKind, discoveryKeyOf(solver))
  await startOver(context, solver, reservation, `trying the next offer: ${why ?? ''}`)
}

/** It is only to look for an offer, for now: what it holds is given back. */
export async function stepBack(
  context: AcquisitionContext,
  solver: Solver,
  reservation: Reservation,
): Promise<void> {
  const message = 'gave back what it held'
  const idle = { reservation: {}, reservationPhase: 'Idle', reserveAndBuy: 'Idle' }
  await setSolverStatus(context, solver, idle, { event: 'stepped-back', message })
  await remove(context.store, ReservationKind, keyOf(reservation))
}

async function startOver(
  context: AcquisitionContext,
  solver: Solver,
  reservation: Reservation,
  message: string,
): Promise<void> {
  const running = { reservation: {}, reservationPhase: 'Failed', reserveAndBuy: 'Running' }
  await setSolverStatus(context, solver, running, { event: 'offer-failed', message })
  await remove(context.store, ReservationKind, keyOf(reservation))
}
