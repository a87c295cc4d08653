/**
 * The stages that a node is made in. Each takes the handles of those before and names nothing of those after, so
 * that the order of this list is the order in which things depend on each other.
 */
import { createControl } from './control.ts'
import { createDeals } from './deals.ts'
import { createMarket } from './market.ts'
import { createPeering } from './peering.ts'
import { createTrust } from './trust.ts'
import { createWorkloads } from './workloads.ts'

export { withoutControl } from './control.ts'
export { createFoundation, type NodeEdges } from './foundation.ts'
export type { Part } from './part.ts'

export const PARTS = {
  trust: createTrust,
  market: createMarket,
  deals: createDeals,
  peering: createPeering,
  workloads: createWorkloads,
  control: createControl,
}

/** What a test may put in the place of a stage; it may call the real one and change what that gives. */
export type Parts = typeof PARTS
