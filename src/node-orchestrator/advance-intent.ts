/** Steps 30 to 32, and what comes after: from what is being acquired to the workload that runs and is followed. */
import type { Pending } from '../fabric/fabric.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { Intent } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import type { TraceContext } from '../trace/index.ts'
import { knownSolvers, storedSolvers, type Solvers } from './intent-solvers.ts'
import { keepTogether } from './keep-together.ts'
import { onProviderFailure } from './on-provider-failure.ts'
import type { Orchestration } from './orchestration.ts'
import { restartIntent } from './restart-intent.ts'
import { setStatus } from './set-status.ts'
import type { RequestStatus } from './workloads.ts'

/** Until the local copies show what was just acquired, in milliseconds. */
const SOON_MS = 50

export async function advanceIntent(
  orchestration: Orchestration,
  intent: Intent,
  trace: TraceContext,
): Promise<ReconcileResult> {
  const { options, workloads } = orchestration
  const { recorder, cluster } = options
  const acquiring = intent.status?.phase === 'Acquiring'
  const solvers = await decisiveSolvers(orchestration, intent)
  const group = await keepTogether(orchestration, intent, solvers)
  if (group !== 'go-on') return group
  const failed = [...solvers].find(([, solver]) => solver === undefined || phaseOf(solver) === 'Failed')
  if (failed) return onProviderFailure(orchestration, intent, trace, ...failed)
  const unsolved = [...solvers.values()].find((solver) => phaseOf(solver) !== 'Solved')
  if (unsolved) {
    const message = unsolved.status?.solverPhase?.message ?? 'looking for resources of others'
    return setStatus(orchestration, intent, { event: 'acquiring', message })
  }

  const placed = (intent.status?.requests ?? []).map((request): RequestStatus => {
    const node =
      request.solver === undefined ? request.node : solvers.get(request.solver)?.status?.virtualNode?.name
    return node === undefined ? request : { ...request, node }
  })
  const gone = placed.filter(({ node }) => node !== undefined && !cluster.hasNode(node))
  if (acquiring && gone.length > 0) return requeueAfter(SOON_MS)
  // It was bought for another workload, whose end was the end of it.
  if (gone.some(({ solver }) => solver === undefined))
    return restartIntent(orchestration, intent, `node ${gone[0]!.node} is gone`)

  if (acquiring) {
    const since = recorder.now()
    const allocations = allocationsOf(orchestration, placed)
    if (allocations === undefined) return requeueAfter(SOON_MS)
    recorder.step(trace, 'intent-resumed')
    recorder.step(trace, 'place-found', { since, detail: allocations })
  }
  const ran = intent.status?.phase === 'Running' || intent.status?.phase === 'Degraded'
  const unprepared = await prepareNamespace(orchestration, intent, placed)
  if (unprepared) {
    const { message } = unprepared
    await setStatus(orchestration, intent, { event: ran ? 'not-ready' : 'placed', message, requests: placed })
    return requeueAfter(unprepared.retryAfterMs)
  }
  const since = recorder.now()
  const deployed = await workloads.deploy(intent, placed)
  if (acquiring || intent.status?.nodes === undefined) {
    const detail = placed.map(({ workload, node }) => `${workload} on ${node}`).join(', ')
    recorder.step(trace, 'workload-deployed', { since, detail })
  }
  const state = workloads.track(intent, placed, deployed)
  const { plan } = intent.status ?? {}
  await setStatus(orchestration, intent, {
    event: state.ready ? 'ready' : ran ? 'not-ready' : 'placed',
    message: state.message,
    requests: placed,
    nodes: placed.flatMap(({ node }) => node ?? []).join(','),
    ...(state.ready && plan?.met === false ? { plan: { ...plan, met: true } } : {}),
    endpoints: [...state.endpoints],
    ...(state.endpoints[0] ? { url: state.endpoints[0].url } : {}),
  })
  return undefined
}

/** @returns what is waited for before pods of the intent may run where they were placed */
async function prepareNamespace(
  { options: { cluster } }: Orchestration,
  { metadata: { namespace = DEFAULT_NAMESPACE } }: Intent,
  placed: readonly RequestStatus[],
): Promise<Pending | undefined> {
  for (const { node } of placed) {
    const answer = node === undefined ? undefined : await cluster.prepareNamespace(namespace, node)
    if (answer?.status === 'Pending') return answer
  }
  return undefined
}

/**
 * Step 31: looks up in Available Resources what was acquired.
 * @returns for people, what was found; undefined while an allocation is not there yet
 */
function allocationsOf({ options }: Orchestration, placed: readonly RequestStatus[]): string | undefined {
  const bought = options.bought()
  const found = placed.map(({ node, solver }) => {
    if (solver === undefined) return `${node}, of this node or bought before`
    const allocation = bought.find(({ spec }) => spec.virtualNode === node)
    return allocation && `${node}, allocation ${allocation.metadata.name}`
  })
  return found.includes(undefined) ? undefined : found.join('; ')
}

/**
 * A local copy will do while nothing follows from it. Before something is given up, deployed or bought, what is
 * stored counts: the copy may show a solver of the same name that is gone.
 */
async function decisiveSolvers({ options }: Orchestration, intent: Intent): Promise<Solvers> {
  const known = await knownSolvers(options, intent)
  const phases = [...known.values()].map(phaseOf)
  const settled = phases.every((phase) => phase === 'Solved')
  const decides =
    phases.includes('Failed') || (intent.status?.phase === 'Acquiring' && (settled || known.size > 1))
  return decides && known.size > 0 ? storedSolvers(options, intent) : known
}

function phaseOf(solver: Solvers extends ReadonlyMap<string, infer S> ? S : never): string | undefined {
  return solver?.status?.solverPhase?.phase
}
