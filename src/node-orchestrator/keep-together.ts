/** Several purchases of one intent: all or none. What is to be done next is decided in `purchase-group.ts`. */
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { Intent } from '../objects/intent.ts'
import { keyOf } from '../objects/meta.ts'
import { patchGroup, type Solvers } from './intent-solvers.ts'
import type { Orchestration } from './orchestration.ts'
import { nextOfGroup } from './purchase-group.ts'
import { restartIntent } from './restart-intent.ts'
import { setStatus } from './set-status.ts'

/**
 * @param solvers as they are stored
 * @returns 'go-on' when there is nothing to be kept together
 */
export async function keepTogether(
  orchestration: Orchestration,
  intent: Intent,
  solvers: Solvers,
): Promise<'go-on' | ReconcileResult> {
  const { options, backoffs } = orchestration
  const group = [...solvers.values()].filter((solver) => solver !== undefined)
  const key = keyOf(intent)
  const step = group.length < solvers.size ? 'go-on' : nextOfGroup(group)
  if (step === 'go-on') return step
  const message = group
    .map(({ metadata, status }) => `${metadata.name}: ${status?.solverPhase?.message ?? 'begins'}`)
    .join('; ')
  switch (step) {
    case 'wait':
      break
    case 'reserve': {
      const wait = backoffs.remainingMs(key)
      if (wait > 0) return requeueAfter(wait)
      await patchGroup(options, group, { reserveAndBuy: true })
      break
    }
    case 'buy':
      await patchGroup(options, group, { reserveOnly: false })
      break
    case 'step-back':
      backoffs.failed(key)
      await patchGroup(options, group, { reserveAndBuy: false })
      break
    case 'give-up':
      backoffs.failed(key)
      return restartIntent(orchestration, intent, `not all of it is to be had at once (${message})`)
  }
  return setStatus(orchestration, intent, { event: 'acquiring', message })
}
