/** What would be done for an intent, and every offer that was looked at (`tributary plan`). Stores no decision. */
import type { Intent } from '../objects/intent.ts'
import type { Considered, Solver } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { selectorFor, wantedOf } from '../rear-manager/index.ts'
import { decompose, type WantedDeployment } from './decompose.ts'
import { lookUpPlaces } from './look-up-places.ts'
import type { Orchestration } from './orchestration.ts'
import { plannedPurchase, type PlannedPurchase } from './planned-purchase.ts'
import { solverOf } from './solver-of-request.ts'

export interface PlannedRequest {
  readonly name: string
  readonly workload: string
  readonly wanted: { readonly amounts: Amounts; readonly requirements: unknown }
  readonly decision: 'Local' | 'ExistingVirtualNode' | 'Purchase' | 'None'
  readonly node?: string
  readonly considered: readonly Considered[]
  /** Of the decision `Purchase`. */
  readonly purchase?: PlannedPurchase
}

/** Changes nothing but what is known of the offers of others. */
export async function dryRun(
  orchestration: Pick<Orchestration, 'options' | 'recent'>,
  intent: Pick<Intent, 'metadata' | 'spec'>,
  deployments: readonly WantedDeployment[],
  signal: AbortSignal,
): Promise<readonly PlannedRequest[]> {
  const { discover, consider, system } = orchestration.options
  const planned: PlannedRequest[] = []
  const requests = decompose(deployments)
  const { places } = lookUpPlaces(orchestration, intent, requests, deployments)
  for (const [index, request] of requests.entries()) {
    // Never stored: only its spec is looked at.
    const solver = solverOf(intent, request, false, undefined) as Solver
    const wanted = wantedOf(solver)
    const place = places[index]
    const common = {
      name: request.name,
      workload: request.workload,
      wanted: { amounts: wanted.amounts, requirements: wanted.requirements },
    }
    await discover(selectorFor(wanted), signal)
    const { considered, choices } = consider(solver)
    const [best] = choices
    if (place) {
      planned.push({
        ...common,
        decision: place.placement,
        node: place.node,
        considered: considered.map((each) =>
          each.verdict === 'taken' ? { ...each, verdict: 'fits', reason: 'own-resources-first' } : each,
        ),
      })
    } else {
      const mayBuy = best !== undefined && intent.spec.placement !== 'Local'
      planned.push({
        ...common,
        decision: mayBuy ? 'Purchase' : 'None',
        considered,
        ...(mayBuy ? { purchase: plannedPurchase(solver, best, system.clock.now()) } : {}),
      })
    }
  }
  return planned
}
