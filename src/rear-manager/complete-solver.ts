/** All that the spec of a Solver asks for is there. */
import type { Solver } from '../objects/solver.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { setSolverStatus } from './solver-status.ts'

/** @param message what the user is told that is there */
export async function completeSolver(
  context: AcquisitionContext,
  solver: Solver,
  message: string,
): Promise<void> {
  if (solver.status?.solverPhase?.phase === 'Solved') return
  await setSolverStatus(context, solver, {}, { event: 'completed', message })
}
