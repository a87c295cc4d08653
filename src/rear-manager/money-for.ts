/** What a Solver may pay: the limits of its intent, less what is spoken for by the other parts of it. */
import { isOfAnIntent, SolverKind, type Solver } from '../objects/solver.ts'
import { addCommitments } from '../spending/index.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { leastCommitment } from './consider-for.ts'
import type { MoneyContext } from './ranking-context.ts'
import { namespaceOf } from './solver-objects.ts'

/**
 * For a part that has nothing reserved yet the least is set aside that it could cost: so that the first of several parts
 * does not take what the others cannot do without.
 */
export async function moneyFor(context: AcquisitionContext, solver: Solver): Promise<MoneyContext> {
  const standing = await context.spending.standingOf(solver)
  if (standing === undefined) return {}
  const { limits, spoken, counted } = standing
  const { uid } = solver.metadata
  const others = context.informers
    .of(SolverKind)
    .list()
    .filter(
      (each) =>
        isOfAnIntent(each) &&
        each.spec.intentID === solver.spec.intentID &&
        namespaceOf(each) === namespaceOf(solver) &&
        each.metadata.uid !== uid &&
        each.metadata.deletionTimestamp === undefined &&
        each.status?.contract?.name === undefined &&
        !counted.has(each.metadata.uid),
    )
  return {
    limits,
    spoken: others.map((each) => leastCommitment(context, each)).reduce(addCommitments, spoken),
  }
}
