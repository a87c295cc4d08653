/** Everything back that an intent has: the workloads first, then what was bought for them. May be repeated. */
import { removeFinalizer } from '../kernel/reconcile/finalizers.ts'
import { INTENT_FINALIZER, IntentKind, type Intent } from '../objects/intent.ts'
import { removeSolvers } from './intent-solvers.ts'
import type { Orchestration } from './orchestration.ts'
import { setStatus } from './set-status.ts'

export async function tearDown(orchestration: Orchestration, intent: Intent): Promise<void> {
  const { options, workloads } = orchestration
  if (intent.status?.phase !== 'Deleting')
    await setStatus(orchestration, intent, { event: 'deleted', message: 'stopping the workload' })
  await workloads.remove(intent)
  if (!(await removeSolvers(options, intent)))
    return setStatus(orchestration, intent, { event: 'deleted', message: 'giving the resources back' })
  await removeFinalizer(options.store, IntentKind, intent, INTENT_FINALIZER)
}
