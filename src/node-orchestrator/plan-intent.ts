/** Steps 2 and 3: decides where each part of an intent goes, and has acquired what does not fit anywhere. */
import { ensure } from '../kernel/object-store.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { Intent } from '../objects/intent.ts'
import { keyOf } from '../objects/meta.ts'
import type { PlanTerms } from '../objects/plan.ts'
import { SolverKind } from '../objects/solver.ts'
import type { TraceContext } from '../trace/index.ts'
import { decompose, type WantedDeployment } from './decompose.ts'
import { lookUpPlaces } from './look-up-places.ts'
import { LOOK_AGAIN_MS, type Orchestration } from './orchestration.ts'
import { planFor, termsFor } from './intent-plan.ts'
import { setStatus } from './set-status.ts'
import { solverName, solverOf } from './solver-of-request.ts'
import { specHash } from './spec-hash.ts'
import type { RequestStatus } from './workloads.ts'

/** To be called for one intent at a time: each decision counts on those before it. */
export async function planIntent(
  orchestration: Orchestration,
  intent: Intent,
  trace: TraceContext,
  deployments: readonly WantedDeployment[],
): Promise<ReconcileResult> {
  const { options, workloads, recent, backoffs } = orchestration
  const { recorder, store } = options
  const wait = backoffs.remainingMs(keyOf(intent))
  if (wait > 0) return requeueAfter(wait)
  const observedGeneration = intent.metadata.generation
  const pending = async (message: string): Promise<ReconcileResult> => {
    recent.forget(keyOf(intent))
    await setStatus(orchestration, intent, { event: 'waiting', message, observedGeneration })
    return requeueAfter(LOOK_AGAIN_MS)
  }
  const obstacle = await workloads.obstacle(intent)
  if (obstacle !== undefined) return pending(obstacle)

  const since = recorder.now()
  const requests = decompose(deployments)
  recorder.step(trace, 'intent-decomposed', {
    since,
    detail: requests.map(({ name, amounts }) => `${name}: ${JSON.stringify(amounts)}`).join('; '),
  })
  const sinceLook = recorder.now()
  const { places, consulted, shortageOf } = lookUpPlaces(orchestration, intent, requests, deployments)
  const placed = requests.map(({ name, workload }, index): RequestStatus => {
    const place = places[index]
    return place
      ? { name, workload, ...place }
      : { name, workload, placement: 'Purchase', solver: solverName(intent, name) }
  })
  const missing = requests.filter((_, index) => places[index] === undefined)
  const found =
    missing.length === 0
      ? `fits on ${placed.map(({ node }) => node).join(', ')}`
      : `no place for ${missing.map(({ name }) => name).join(', ')}`
  recorder.step(trace, 'places-looked-up', { since: sinceLook, detail: `${found}; ${consulted}` })
  if (missing.length > 0 && intent.spec.placement === 'Local')
    return pending(`does not fit on this node, and the intent allows no other: ${shortageOf(missing[0]!)}`)

  const plan = await planFor(options, intent)
  if (typeof plan === 'string') return pending(plan)
  const terms = missing.map(({ name }) => termsFor(plan, name))
  const unplanned = terms.find((each) => typeof each === 'string')
  if (typeof unplanned === 'string') return pending(unplanned)
  recent.decide(intent, placed)
  const together = missing.length > 1
  await Promise.all(
    missing.map((request, index) => {
      const at = terms[index] as PlanTerms | undefined
      return ensure(store, SolverKind, solverOf(intent, request, together, trace, at))
    }),
  )
  await setStatus(orchestration, intent, {
    event: missing.length > 0 ? 'acquiring' : 'placed',
    message: missing.length > 0 ? 'looking for resources of others' : 'deploying',
    requests: placed,
    specHash: specHash(intent, requests),
    observedGeneration,
    ...(plan === undefined ? {} : { plan }),
  })
  return undefined
}
