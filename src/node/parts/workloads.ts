/** Workloads: what users ask for, and the traces of how they got it. */
import { NodeOrchestrator } from '../../node-orchestrator/index.ts'
import { parseNodeId } from '../../objects/ids.ts'
import { ServiceHandler } from '../../service-handler/index.ts'
import { TraceGathering } from '../../telemetry/index.ts'
import type { DealsHandles } from './deals.ts'
import type { FoundationHandles } from './foundation.ts'
import type { MarketHandles } from './market.ts'
import type { Part } from './part.ts'
import type { PeeringHandles } from './peering.ts'
import type { TrustHandles } from './trust.ts'

export interface WorkloadsHandles {
  readonly orchestrator: NodeOrchestrator
  readonly traces: TraceGathering
}

export function createWorkloads(
  before: FoundationHandles & TrustHandles & MarketHandles & DealsHandles & PeeringHandles,
): Part<WorkloadsHandles> {
  const { base, client, registry, discoverer, rearManager, available, ratings, fabric, spending, connector } =
    before
  const traces = new TraceGathering({ ...base, client, registry, self: base.self.id })
  const orchestrator = new NodeOrchestrator({
    ...base,
    cluster: fabric,
    discover: (selector, signal) => discoverer.discover(selector, { signal }),
    consider: (solver, money) => rearManager.consider(solver, money),
    leastCommitment: (solver) => rearManager.leastCommitment(solver),
    sellerOf: (candidate) => rearManager.sellerOf(candidate),
    obstacle: ({ nodeID, ip }) => connector.obstacle({ id: parseNodeId(nodeID), address: ip }),
    spentFor: (intent) => spending.spentFor(intent),
    bought: () => available.bought(),
    ratingOf: (nodeID) => ratings.ownRatingOf(nodeID),
  })
  return {
    handles: { orchestrator, traces },
    components: [orchestrator, new ServiceHandler(base)],
    routes: [traces.route],
  }
}
