/** Step 13: hands the best offer to the Contract Manager, as a Reservation. */
import { ensure, remove } from '../kernel/object-store.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { rfc3339 } from '../kernel/system.ts'
import { k8sliceOf } from '../objects/flavor.ts'
import { inDefaultNamespace, ownedBy } from '../objects/meta.ts'
import { RESERVATION_FINALIZER, ReservationKind } from '../objects/reservation.ts'
import type { Solver } from '../objects/solver.ts'
import { relaysOf } from '../peering-candidates/index.ts'
import { parseDuration } from '../quantity/duration.ts'
import { configurationOf } from '../rear/configured-amounts.ts'
import { configurationFromWire } from '../rear/wire/index.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import { TAKEN_RETRY_MS, type AcquisitionContext } from './acquisition.ts'
import type { Choice } from './consider.ts'
import { DEFAULT_DURATION } from './resources-wanted.ts'
import { sellerOf, workflowOf } from './seller-of.ts'
import { isOwnedBy, namespaceOf } from './solver-objects.ts'
import { setSolverStatus } from './solver-status.ts'

/** After something else was reserved for the same intent. */
const CONSIDER_AGAIN_MS = 50

export async function reserveOffer(
  context: AcquisitionContext,
  solver: Solver,
  { candidate, amounts, price }: Choice,
): Promise<ReconcileResult> {
  const { store, self, system, recorder, memory, spending } = context
  const { flavor } = candidate.spec
  const received = traceOf(solver)
  const trace = received && { ...received, workflow: workflowOf(candidate, context) }
  if (trace) recorder.workflow(trace)
  const { nodeID: owner } = flavor.spec.owner
  const seller = await sellerOf(candidate, { ...context, viaRelay: memory.isUnreached(solver, owner) })
  // Dealt with directly an owner has no margin, whoever else passed its offer on.
  const margin = relaysOf(candidate).find(({ ID }) => ID === seller.nodeID)?.margin
  const attempt = Number(solver.status?.attempts ?? 0) + 1
  const seconds = parseDuration(solver.spec.duration ?? DEFAULT_DURATION)
  const name = nameOf(solver, attempt)
  // Who died between letting go of the last attempt and removing it left it there.
  if (attempt > 1)
    await remove(store, ReservationKind, {
      namespace: namespaceOf(solver),
      name: nameOf(solver, attempt - 1),
    })
  const now = system.clock.now()
  const until = rfc3339(now + seconds * 1000)
  const begun = await store.get(ReservationKind, { namespace: namespaceOf(solver), name })
  // Who died after it was made had reserved for it what it may cost.
  if (begun === undefined || !isOwnedBy(begun, solver)) {
    const fault = await spending.reserve(solver, {
      ...{ reservation: name, attempt, seller: seller.nodeID, price, seconds, until },
    })
    // Another part of the intent was quicker: what is left decides which offer is the best now.
    if (fault !== undefined) return requeueAfter(CONSIDER_AGAIN_MS)
  }
  const reservation = await ensure(store, ReservationKind, {
    metadata: {
      namespace: namespaceOf(solver),
      name,
      ownerReferences: [ownedBy(solver)],
      annotations: traceAnnotations(recorder.child(trace)),
      finalizers: [RESERVATION_FINALIZER],
    },
    spec: {
      solverID: solver.metadata.name,
      buyer: self.identity(),
      seller,
      ...(k8sliceOf(flavor) ? { configuration: configurationFromWire(configurationOf(amounts)) } : {}),
      reserve: true,
      purchase: solver.spec.reserveOnly !== true,
      peeringCandidate: inDefaultNamespace(candidate.metadata.name),
      flavorID: flavor.metadata.name,
      owner,
      ...(seller.nodeID === owner && relaysOf(candidate).length > 0 ? { relayAlternative: true } : {}),
      price,
      ...(margin === undefined ? {} : { margin }),
      from: rfc3339(now),
      until,
    },
  })
  // That of an earlier acquisition of the same name is still being given back.
  if (!isOwnedBy(reservation, solver)) return requeueAfter(TAKEN_RETRY_MS)
  recorder.step(trace, 'reserve-asked', {
    peer: seller.nodeID,
    detail: flavor.metadata.name,
    // What the reservation brings about names this span as its parent already, also that of an earlier life.
    span: traceOf(reservation),
  })
  await setSolverStatus(
    context,
    solver,
    {
      reserveAndBuy: 'Running',
      reservationPhase: 'Running',
      attempts: attempt,
      reservation: { name: reservation.metadata.name, namespace: namespaceOf(solver) },
    },
    { event: 'reserve-asked', message: `waiting for ${seller.nodeID} to answer the reservation` },
  )
  return done
}

function nameOf({ metadata }: Solver, attempt: number): string {
  return `reservation-${metadata.name}${attempt === 1 ? '' : `-${attempt}`}`
}
