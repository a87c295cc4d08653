/** Gives everything back that was placed and bought, and begins as if the intent were new. May be repeated. */
import type { Intent } from '../objects/intent.ts'
import { keyOf } from '../objects/meta.ts'
import { removeSolvers } from './intent-solvers.ts'
import type { Orchestration } from './orchestration.ts'
import { setStatus } from './set-status.ts'

export async function restartIntent(
  orchestration: Orchestration,
  intent: Intent,
  why: string,
): Promise<void> {
  const { options, workloads, recent } = orchestration
  // A Pending intent with requests is on its way here: that survives a crash.
  if (intent.status?.phase !== 'Pending')
    await setStatus(orchestration, intent, { event: 'restarted', message: why }, ['specHash', 'wish'])
  await workloads.remove(intent)
  if (!(await removeSolvers(options, intent))) return
  recent.forget(keyOf(intent))
  await setStatus(orchestration, intent, { event: 'restarted', message: why }, [
    ...(['requests', 'endpoints', 'url', 'nodes', 'specHash', 'wish'] as const),
  ])
}
