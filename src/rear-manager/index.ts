/**
 * REAR Manager: drives one acquisition (a Solver): look up candidates, discover, reserve, buy, peer. On the
 * providing side it reserves the resources and activates the allocation. Owns the table Solver.
 */
export type { RearManagerOptions } from './acquisition.ts'
export { consider, DEFAULT_WEIGHTS, type Consideration } from './consider.ts'
export { draftRejection } from './judge-draft.ts'
export { RearManager } from './rear-manager.ts'
export type { MoneyContext } from './ranking-context.ts'
export { virtualNodeName } from './solver-objects.ts'
export { selectorFor } from './selector-for.ts'
export { DEFAULT_DURATION, wantedOf, type Wanted } from './resources-wanted.ts'
