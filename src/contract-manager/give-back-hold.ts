/** Deletion of a Reservation: its hold is given back, and a contract that it came to is ended. */
import { remove } from '../kernel/object-store.ts'
import { removeFinalizer } from '../kernel/reconcile/finalizers.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { RESERVATION_FINALIZER, ReservationKind, type Reservation } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import type { BuyerOptions } from './buyer-options.ts'
import { transactionIdOf } from './contract-ids.ts'
import { isRefusal } from './seller-failure.ts'
import { sendPurchase } from './send-purchase.ts'

const CANCEL_TIMEOUT_MS = 2_000
const UNWIND_RETRY_MS = 5_000

/**
 * Where PURCHASE may have been sent and its answer was lost, the seller may have a contract that we do not know of:
 * it is asked until that is clear, and such a contract is closed.
 */
export async function giveBackHold(
  options: BuyerOptions,
  reservation: Reservation,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { store, self } = options
  const { spec, status, metadata } = reservation
  // Follows from the key, where the answer that names it was lost.
  const transactionID = status?.transactionID ?? transactionIdOf(self.id, spec.key ?? metadata.uid)
  const nothingHeld = status?.phase.phase === 'Failed' && isRefusal(status.message)
  if (status?.contract?.name !== undefined) {
    // Closed by now as a rule; not if a crash came between the contract and whoever wanted it.
    await options.closeContract(status.contract.name, 'given up')
  } else if (!nothingHeld) {
    const again = await cancel(options, reservation, transactionID, signal)
    if (again) return again
  }
  await remove(store, TransactionKind, inDefaultNamespace(transactionID))
  await removeFinalizer(store, ReservationKind, reservation, RESERVATION_FINALIZER)
}

/** @returns when to try again; `done` when nothing is held for us any more, or nothing can be done about it */
async function cancel(
  options: BuyerOptions,
  reservation: Reservation,
  transactionID: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { client, log, system } = options
  const { spec, status } = reservation
  try {
    await client.callNode(spec.seller, {
      method: 'DELETE',
      path: `/api/v2/transactions/${encodeURIComponent(transactionID)}`,
      timeoutMs: CANCEL_TIMEOUT_MS,
      signal,
    })
    return done
  } catch (error) {
    if (!isTransportError(error) && !isProblem(error)) throw error
    const refused = isProblem(error) && error.status < 500
    if (isProblem(error, 'conflict')) {
      // It was bought after all: learns the contract, to end it.
      const contract = await sendPurchase(options, reservation, signal)
      await options.closeContract(contract.metadata.name, 'given up before it was bought')
      return requeueAfter(0)
    }
    const over = Date.parse(spec.until ?? '') < system.clock.now()
    const mayBeBought = spec.purchase === true && status?.reservePhase === 'Solved' && !over
    log.info({ err: error, transactionID, mayBeBought }, 'hold not given back; it expires by itself')
    return mayBeBought && !refused ? requeueAfter(UNWIND_RETRY_MS) : done
  }
}
