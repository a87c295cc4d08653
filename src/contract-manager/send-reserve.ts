/** RESERVE (step 14): asks the seller to hold what a Reservation is for, and keeps the draft that it answers with. */
import { ensure } from '../kernel/object-store.ts'
import { ensureFinalizer } from '../kernel/reconcile/finalizers.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { RESERVATION_FINALIZER, ReservationKind, type Reservation } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import {
  configurationToWire,
  decodeTransaction,
  nodeIdentityToWire,
  transactionFromWire,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceHeaders, traceOf } from '../trace/index.ts'
import type { BuyerOptions } from './buyer-options.ts'
import { checkDraft } from './check-draft.ts'
import { setReservationStatus } from './reservation-status.ts'
import { InvalidAnswer } from './seller-failure.ts'

const RESERVE_TIMEOUT_MS = 25_000
/** Where the same offer is to be had through a relay. */
const RESERVE_TIMEOUT_WITH_RELAY_MS = 5_000

/** @throws InvalidAnswer, WireError, Problem, TransportError */
export async function sendReserve(
  options: BuyerOptions,
  reservation: Reservation,
  signal: AbortSignal,
): Promise<void> {
  const { store, client, self, recorder } = options
  const { spec } = reservation
  const trace = traceOf(reservation)
  const since = recorder.now()
  // Before the message: what it makes the seller hold must be given back.
  const held = await ensureFinalizer(store, ReservationKind, reservation, RESERVATION_FINALIZER)
  if (held === undefined) return
  const sent = recorder.step(trace, 'reserve-sent', {
    peer: spec.seller.nodeID,
    since,
    detail: spec.flavorID,
  })
  const answer = await client.callNode(spec.seller, {
    method: 'POST',
    path: '/api/v2/reservations',
    headers: traceHeaders(sent),
    timeoutMs: spec.relayAlternative === true ? RESERVE_TIMEOUT_WITH_RELAY_MS : RESERVE_TIMEOUT_MS,
    signal,
    body: {
      flavorID: spec.flavorID,
      buyerID: nodeIdentityToWire(self.identity()),
      ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
      ...(spec.user === undefined ? {} : { user: spec.user }),
      key: spec.key ?? reservation.metadata.uid,
      ...(spec.from === undefined ? {} : { contractStartTime: spec.from }),
      ...(spec.until === undefined ? {} : { contractExpirationTime: spec.until }),
    },
  })
  const transaction = decodeTransaction(answer.body)
  // As it came: what is signed later is what is checked here, whatever else the answer says under similar names.
  const { contract } = answer.body as { readonly contract?: unknown }
  const checked = checkDraft(
    reservation,
    { ...transaction, contract },
    { self: self.id, now: options.system.clock.now() },
  )
  const wrong = checked.complaint ?? (await options.judgeDraft(reservation, checked.draft))
  if (wrong !== undefined) throw new InvalidAnswer(`the draft of the contract ${wrong}`)
  await ensure(store, TransactionKind, {
    metadata: { ...inDefaultNamespace(transaction.transactionID), annotations: traceAnnotations(trace) },
    spec: { ...transactionFromWire(transaction), contractDraft: contract },
  })
  const event = spec.purchase === true ? 'held-for-purchase' : 'held'
  await setReservationStatus(options, held, event, 'reserved', {
    reservePhase: 'Solved',
    transactionID: transaction.transactionID,
    transaction: answer.body,
  })
}
