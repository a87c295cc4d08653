/** Steps 5 to 12: looks for an offer among those that are known, and has everybody asked when none fits. */
import { ensure, remove } from '../kernel/object-store.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { DiscoveryKind, type Discovery } from '../objects/discovery.ts'
import { keyOf, ownedBy } from '../objects/meta.ts'
import type { Considered, Solver } from '../objects/solver.ts'
import { selectorToObject } from '../rear/wire/index.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import { TAKEN_RETRY_MS, type AcquisitionContext } from './acquisition.ts'
import { completeSolver } from './complete-solver.ts'
import { considerFor } from './consider-for.ts'
import { moneyFor } from './money-for.ts'
import { noOfferMessage } from './no-offer-message.ts'
import { reserveOffer } from './reserve-offer.ts'
import { wantedOf } from './resources-wanted.ts'
import { selectorFor } from './selector-for.ts'
import { discoveryKeyOf, isOwnedBy } from './solver-objects.ts'
import { setSolverStatus } from './solver-status.ts'

/** Finds an offer and goes on to reserve it, as far as the spec of the Solver says. */
export async function findOffer(context: AcquisitionContext, solver: Solver): Promise<ReconcileResult> {
  const { store, recorder } = context
  const trace = traceOf(solver)
  const since = recorder.now()
  const discoveryKey = discoveryKeyOf(solver)
  const discovery = await store.get(DiscoveryKind, discoveryKey)
  if (discovery && !isOwnedBy(discovery, solver)) {
    await remove(store, DiscoveryKind, discoveryKey)
    return requeueAfter(TAKEN_RETRY_MS)
  }
  if (solver.spec.findCandidate === false && solver.spec.reserveAndBuy !== true)
    return completeSolver(context, solver, 'no need to find a candidate')
  const { considered, choices } = considerFor(context, solver, await moneyFor(context, solver))
  const best = choices[0]
  if (discovery === undefined)
    recorder.step(trace, 'candidates-looked-up', { since, detail: `${considered.length} known` })
  if (best === undefined) return askEverybody(context, solver, discovery, considered)
  if (discovery && !isOver(discovery)) return done
  if (discovery)
    recorder.step(trace, 'candidate-found', { since, detail: best.candidate.spec.flavor.metadata.name })
  const found = { findCandidate: 'Solved', considered: [...considered] }
  const stored = await setSolverStatus(context, solver, found)
  if (stored === undefined) return done
  if (stored.spec.reserveAndBuy === false) {
    await context.spending.giveBack(solver)
    return completeSolver(context, stored, 'a candidate was found')
  }
  return reserveOffer(context, stored, best)
}

/** Nothing that is known fits: everybody is asked, and asked again after a while. */
async function askEverybody(
  context: AcquisitionContext,
  solver: Solver,
  discovery: Discovery | undefined,
  considered: readonly Considered[],
): Promise<ReconcileResult> {
  const { memory, spending } = context
  await spending.giveBack(solver)
  if (discovery === undefined) {
    const wait = memory.searches.remainingMs(keyOf(solver))
    return wait > 0 ? requeueAfter(wait) : beginDiscovery(context, solver)
  }
  if (!isOver(discovery)) return done
  // Nobody has what is wanted: say so, and ask again later.
  const pause = memory.searches.failed(keyOf(solver))
  const answer = discovery.status?.phase.message
  await setSolverStatus(
    context,
    solver,
    { findCandidate: 'Failed', considered: [...considered] },
    {
      event: 'nothing-fits',
      message: noOfferMessage(considered, selectorFor(wantedOf(solver)), answer),
    },
  )
  await remove(context.store, DiscoveryKind, keyOf(discovery))
  return requeueAfter(pause)
}

/** Step 6. */
async function beginDiscovery(context: AcquisitionContext, solver: Solver): Promise<ReconcileResult> {
  const { store, recorder } = context
  const trace = traceOf(solver)
  const selector = selectorFor(wantedOf(solver))
  const object = selectorToObject(selector)
  const built = recorder.step(trace, 'selector-built', { detail: JSON.stringify(selector.filters) })
  await ensure(store, DiscoveryKind, {
    metadata: {
      ...discoveryKeyOf(solver),
      ownerReferences: [ownedBy(solver)],
      annotations: traceAnnotations(built),
    },
    spec: { solverID: solver.metadata.name, subscribe: false, ...(object ? { selector: object } : {}) },
  })
  await setSolverStatus(context, solver, { findCandidate: 'Running', discoveryPhase: 'Running' })
}

function isOver({ status }: Discovery): boolean {
  return status?.phase.phase === 'Solved' || status?.phase.phase === 'Failed'
}
