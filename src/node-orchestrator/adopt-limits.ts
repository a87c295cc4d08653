/** The user changed what may be paid for an intent: what is bought is kept if it is within that. */
import { sameJson } from '../kernel/json.ts'
import { mutate } from '../kernel/object-store.ts'
import type { Intent } from '../objects/intent.ts'
import { keyOf } from '../objects/meta.ts'
import { SolverKind, type Solver } from '../objects/solver.ts'
import { excess, limitsOf } from '../spending/index.ts'
import { storedSolvers } from './intent-solvers.ts'
import type { Orchestration } from './orchestration.ts'

/** @returns why it has to begin anew, for people; undefined when it goes on */
export async function adoptLimits(
  { options }: Pick<Orchestration, 'options'>,
  intent: Intent,
): Promise<string | undefined> {
  const limits = limitsOf(intent.spec.requirements)
  const solvers = [...(await storedSolvers(options, intent)).values()].filter(
    (solver) => solver !== undefined,
  )
  const changed = solvers.filter(({ spec }) => !sameJson(limitsOf(spec.requirements), limits))
  if (changed.length === 0) return undefined
  // What still looks, or is reserved, was chosen by the old limits.
  if (changed.some(({ status }) => status?.contract?.name === undefined))
    return 'what may be paid was changed, before all of it was bought'
  const { spending } = intent.status ?? {}
  const over = spending && excess(spending, limits)
  if (over) return `what is bought is more than may be paid now (${over.reason}: ${over.detail})`
  for (const solver of changed)
    await mutate(options.store, SolverKind, keyOf(solver), (each) => withLimits(each, limits))
  return undefined
}

function withLimits(solver: Solver, limits: object): Solver {
  const { maxPrice: _, budget: _budget, ...others } = solver.spec.requirements ?? {}
  return { ...solver, spec: { ...solver.spec, requirements: { ...others, ...limits } } }
}
