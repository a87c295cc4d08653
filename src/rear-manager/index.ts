/**
 * REAR Manager: drives one acquisition (a Solver): look up candidates, discover, reserve, buy, peer. On the
 * providing side it reserves the resources and activates the allocation. Owns the table Solver.
 */
export { consider, DEFAULT_WEIGHTS, flavorAmounts, type Choice, type Wanted } from './consider.ts'
export { RearManager, type RearManagerOptions } from './rear-manager.ts'
export { virtualNodeName } from './solver-objects.ts'
export { selectorFor } from './selector-for.ts'
export { wantedOf } from './wanted.ts'
