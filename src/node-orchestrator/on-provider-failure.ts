/** The other side broke its promise, or its contract ended: replace, keep or stop, as the intent says. */
import { ensure, remove } from '../kernel/object-store.ts'
import type { Intent } from '../objects/intent.ts'
import { SolverKind, type Solver } from '../objects/solver.ts'
import type { TraceContext } from '../trace/index.ts'
import { decompose } from './decompose.ts'
import { removeSolvers } from './intent-solvers.ts'
import type { Orchestration } from './orchestration.ts'
import { restartIntent } from './restart-intent.ts'
import { setStatus } from './set-status.ts'
import { solverKey, solverOf } from './solver-of-request.ts'

/** @param name of the solver, which may be gone */
export async function onProviderFailure(
  orchestration: Orchestration,
  intent: Intent,
  trace: TraceContext,
  name: string,
  solver: Solver | undefined,
): Promise<void> {
  const { options, workloads } = orchestration
  const why = solver?.status?.solverPhase?.message ?? 'its acquisition is gone'
  const policy = intent.spec.onFailure ?? 'Keep'
  switch (policy) {
    case 'Keep': {
      const parts = (intent.status?.requests ?? [])
        .filter((request) => request.solver === name)
        .map(({ workload }) => `Deployment ${workload}`)
      const kept = `${parts.join(', ') || 'the workload'} is kept and waits (onFailure: Keep)`
      const remedy = 'set onFailure to Replace to buy elsewhere, or delete the intent'
      return setStatus(orchestration, intent, {
        event: 'provider-failed',
        message: `${why}; ${kept}; ${remedy}`,
      })
    }
    case 'Stop': {
      await workloads.remove(intent)
      await removeSolvers(options, intent)
      const message = `${why}; the workload is removed (onFailure: Stop); change the intent to begin anew`
      return setStatus(orchestration, intent, { event: 'stopped', message }, ['specHash', 'wish'])
    }
    case 'Replace':
      return replace(orchestration, intent, trace, name, why)
  }
}

/** Acquires anew what one request needs. What runs elsewhere for the intent goes on. */
async function replace(
  orchestration: Orchestration,
  intent: Intent,
  trace: TraceContext,
  name: string,
  why: string,
): Promise<void> {
  const { options, workloads } = orchestration
  const { store } = options
  const key = solverKey(intent, name)
  await remove(store, SolverKind, key)
  if (await store.get(SolverKind, key))
    return setStatus(orchestration, intent, {
      event: 'provider-failed',
      message: `${why}; giving up the old provider`,
    })
  const lost = intent.status?.requests?.find(({ solver }) => solver === name)
  const deployments = (await workloads.wanted(intent)) ?? []
  const request = decompose(deployments).find((each) => each.name === lost?.name)
  if (request === undefined) return restartIntent(orchestration, intent, why)
  await ensure(store, SolverKind, solverOf(intent, request, false, trace))
  return setStatus(orchestration, intent, { event: 'acquiring', message: 'looking for another provider' })
}
