/** Steps 19 to 29: from the reservation over the contract to the virtual node. */
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { amend } from '../kernel/reconcile/amend.ts'
import { ContractKind } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import type { Solver } from '../objects/solver.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { completeSolver } from './complete-solver.ts'
import { establishPeering } from './establish-peering.ts'
import { setSolverStatus } from './solver-status.ts'
import { tryNextOffer } from './try-next-offer.ts'

export async function trackReservation(
  context: AcquisitionContext,
  solver: Solver,
  reservation: Reservation,
): Promise<ReconcileResult> {
  const { store } = context
  const { status } = reservation
  if (status?.phase.phase === 'Failed') return tryNextOffer(context, solver, reservation)
  const wantsPurchase = solver.spec.reserveOnly !== true
  if (wantsPurchase && reservation.spec.purchase !== true) {
    await amend(store, ReservationKind, reservation, (each) => ({
      ...each,
      spec: { ...each.spec, purchase: true },
    }))
    return done
  }
  if (status?.reservePhase === 'Solved' && solver.status?.reservationPhase !== 'Solved') {
    const held = { event: 'held', message: 'reserved; waiting to be bought' } as const
    await setSolverStatus(context, solver, { reservationPhase: 'Solved' }, wantsPurchase ? undefined : held)
    return done
  }
  const contractID = status?.contract?.name
  if (contractID === undefined) return wantsPurchase ? done : keepHold(context, solver, reservation)
  return trackContract(context, solver, contractID, reservation.metadata.name)
}

async function trackContract(
  context: AcquisitionContext,
  solver: Solver,
  contractID: string,
  reservation: string,
): Promise<ReconcileResult> {
  const contract = await context.store.get(ContractKind, inDefaultNamespace(contractID))
  const phase = contract?.status?.phase
  if (contract === undefined || (phase !== undefined && phase.phase !== 'Active')) {
    // By expiry, or by the other side.
    const message = `contract ${contractID} ended: ${phase?.message ?? 'its record is gone'}`
    await setSolverStatus(context, solver, { peering: 'Failed' }, { event: 'contract-ended', message })
    return done
  }
  if (solver.status?.contract?.name !== contractID) {
    const attempt = Number(solver.status?.attempts ?? 0)
    await context.spending.bought(solver, { reservation, attempt }, contract)
    await setSolverStatus(context, solver, {
      reserveAndBuy: 'Solved',
      contract: inDefaultNamespace(contractID),
    })
    return done
  }
  const isSlice = contract.spec.flavor.spec.flavorType.typeIdentifier === 'K8Slice'
  if (solver.spec.establishPeering === false || !isSlice) return completeSolver(context, solver, 'bought')
  return establishPeering(context, solver, contract)
}

/** Until somebody else says that it is to be bought; but no longer than it is held. */
async function keepHold(
  context: AcquisitionContext,
  solver: Solver,
  reservation: Reservation,
): Promise<ReconcileResult> {
  const { transaction } = reservation.status ?? {}
  const end = Date.parse((transaction as { expirationTime?: string } | undefined)?.expirationTime ?? '')
  const left = end - context.system.clock.now()
  if (Number.isNaN(left)) return done
  if (left > 0) return requeueAfter(left + 1)
  await setSolverStatus(
    context,
    solver,
    { reservationPhase: 'Failed', reserveAndBuy: 'Failed' },
    { event: 'hold-ended', message: 'the hold ended before it was bought' },
  )
}
