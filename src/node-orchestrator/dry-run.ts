/** What would be done for an intent, and every offer that was looked at (`tributary plan`). Stores no decision. */
import { withSpareImage } from '../fabric/pod-images.ts'
import type { PodSpec } from '../objects/core/pod-spec.ts'
import { k8sliceOf } from '../objects/flavor.ts'
import type { Intent } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, keyOf } from '../objects/meta.ts'
import type { PlanTerms } from '../objects/plan.ts'
import type { Considered, Solver } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { selectorFor, wantedOf, type Consideration } from '../rear-manager/index.ts'
import { addCommitments } from '../spending/index.ts'
import { decompose, type WantedDeployment, type WorkloadRequest } from './decompose.ts'
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
  /** What is not as the manifest says. */
  readonly warnings?: readonly string[]
}

/**
 * Changes nothing but what is known of the offers of others.
 * @param terms by request: that an earlier plan showed, so that nothing worse is taken
 */
export async function dryRun(
  orchestration: Pick<Orchestration, 'options' | 'recent'>,
  intent: Pick<Intent, 'metadata' | 'spec'>,
  deployments: readonly WantedDeployment[],
  signal: AbortSignal,
  terms: ReadonlyMap<string, PlanTerms> = new Map(),
): Promise<readonly PlannedRequest[]> {
  const { discover, consider, leastCommitment, spentFor } = orchestration.options
  const planned: PlannedRequest[] = []
  const requests = decompose(deployments)
  const { places } = lookUpPlaces(orchestration, intent, requests, deployments)
  // Never stored: only their spec is looked at.
  const solvers = requests.map(
    (request) => solverOf(intent, request, false, undefined, terms.get(request.name)) as Solver,
  )
  for (const solver of solvers) await discover(selectorFor(wantedOf(solver)), signal)
  let spoken = spentFor({ namespace: DEFAULT_NAMESPACE, ...keyOf(intent) })
  for (const [index, request] of requests.entries()) {
    const solver = solvers[index]!
    const wanted = wantedOf(solver)
    const place = places[index]
    // As an acquisition does: what the parts after this one need at least is set aside.
    const later = solvers.slice(index + 1).filter((_, after) => places[index + 1 + after] === undefined)
    const others = later.map(leastCommitment).reduce(addCommitments, spoken)
    const common = {
      name: request.name,
      workload: request.workload,
      wanted: { amounts: wanted.amounts, requirements: wanted.requirements },
    }
    const { considered, choices } = consider(solver, { spoken: others })
    const [best] = choices
    const podSpec = podSpecOf(request, deployments)
    if (place) {
      planned.push({
        ...common,
        decision: place.placement,
        node: place.node,
        ...spareImages(podSpec, runsNoImages(orchestration, place.node)),
        considered: considered.map((each) =>
          each.verdict === 'taken' ? { ...each, verdict: 'fits', reason: 'own-resources-first' } : each,
        ),
      })
    } else {
      const mayBuy = best !== undefined && intent.spec.placement !== 'Local'
      if (mayBuy) spoken = addCommitments(spoken, best.commitment)
      const properties = best && k8sliceOf(best.candidate.spec.flavor)?.properties
      planned.push({
        ...common,
        decision: mayBuy ? 'Purchase' : 'None',
        considered,
        ...(mayBuy ? { purchase: await purchaseOf(orchestration, solver, best) } : {}),
        ...(mayBuy ? spareImages(podSpec, properties?.['images'] === false) : {}),
      })
    }
  }
  return planned
}

async function purchaseOf(
  { options }: Pick<Orchestration, 'options'>,
  solver: Solver,
  best: Consideration['choices'][number],
): Promise<PlannedPurchase> {
  const { sellerOf, obstacle, system } = options
  const seller = await sellerOf(best.candidate)
  return plannedPurchase(solver, best, system.clock.now(), {
    seller: seller.nodeID,
    obstacle: await obstacle(seller),
  })
}

function podSpecOf({ workload }: WorkloadRequest, deployments: readonly WantedDeployment[]): PodSpec {
  const found = deployments.find(({ metadata }) => metadata.name === workload)
  return found?.spec.template.spec ?? { containers: [] }
}

function runsNoImages({ options }: Pick<Orchestration, 'options'>, nodeName: string): boolean {
  const node = options.cluster.nodes().find(({ name }) => name === nodeName)
  return node?.labels['tributary.io/images'] === 'false'
}

function spareImages(podSpec: PodSpec, withoutImages: boolean): Pick<PlannedRequest, 'warnings'> {
  const names = withoutImages ? withSpareImage(podSpec) : []
  if (names.length === 0) return {}
  return {
    warnings: names.map(
      (name) => `its command runs without the image of container "${name}": no images there`,
    ),
  }
}
