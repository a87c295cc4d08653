/** Deletion: from the virtual node back to the hold. The Virtual Fabric and the Contract Manager do their parts. */
import { remove } from '../kernel/object-store.ts'
import { removeFinalizer } from '../kernel/reconcile/finalizers.ts'
import { ContractKind, hasEnded } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf } from '../objects/meta.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { SOLVER_FINALIZER, SolverKind, type Solver } from '../objects/solver.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { reservationOf } from './solver-objects.ts'

/** Ends the contract, gives the hold back, and lets the Solver go. Comes back with the contract's end. */
export async function releaseAcquisition(context: AcquisitionContext, solver: Solver): Promise<void> {
  const { store, closeContract } = context
  const contractID = solver.status?.contract?.name
  if (contractID !== undefined) {
    const contract = await store.get(ContractKind, inDefaultNamespace(contractID))
    const phase = contract?.status?.phase?.phase
    if (contract && (phase === undefined || phase === 'Active'))
      await closeContract(contractID, 'no longer needed')
    if (contract && !hasEnded(contract)) return
  }
  const reservation = await reservationOf(store, solver)
  if (reservation) await remove(store, ReservationKind, keyOf(reservation))
  await removeFinalizer(store, SolverKind, solver, SOLVER_FINALIZER)
}
