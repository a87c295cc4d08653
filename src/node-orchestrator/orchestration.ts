/** What every step of the orchestrator works with. For the steps in this folder. */
import type { Cluster } from '../fabric/cluster.ts'
import type { Backoffs } from '../kernel/reconcile/backoffs.ts'
import type { NodeBase } from '../node-base.ts'
import type { Allocation } from '../objects/allocation.ts'
import type { Solver } from '../objects/solver.ts'
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { Consideration, MoneyContext } from '../rear-manager/index.ts'
import type { Selector } from '../rear/wire/index.ts'
import type { Commitment } from '../spending/index.ts'
import type { RecentPlacements } from './recent-placements.ts'
import type { Workloads } from './workloads.ts'

export interface NodeOrchestratorOptions extends NodeBase {
  readonly cluster: Cluster
  /** Asks all known endpoints; what they offer is in Peering Candidates afterwards. */
  readonly discover: (selector: Selector, signal: AbortSignal) => Promise<unknown>
  /** Looks at every offer for a request that is not stored. */
  readonly consider: (solver: Solver, money?: MoneyContext) => Consideration
  /** The least that a request that is not stored could cost now. */
  readonly leastCommitment: (solver: Solver) => Commitment
  /** Whom an offer would be bought of now. */
  readonly sellerOf: (candidate: PeeringCandidate) => Promise<NodeIdentity>
  /** Asks a seller; what is in the way of dealing with it, for people. */
  readonly obstacle: (seller: NodeIdentity) => Promise<string | undefined>
  /** What was spent for an intent so far. */
  readonly spentFor: (intent: ObjectKey) => Commitment
  /** Available Resources: the active allocations of what was bought. */
  readonly bought: () => readonly Allocation[]
  /** Ratings and Metrics: what a node is rated, from 0 to 5; undefined when nothing is known of it. */
  readonly ratingOf: (nodeID: string) => number | undefined
}

export interface Orchestration {
  readonly options: NodeOrchestratorOptions
  readonly workloads: Workloads
  /** What was placed so recently that an informer may not show it. */
  readonly recent: RecentPlacements
  /** How often several parts were not to be had at once. */
  readonly backoffs: Backoffs
}

/** Room that is free again is no event of a node: what waits for it looks again this often, in milliseconds. */
export const LOOK_AGAIN_MS = 10_000
