/** Writes the status of a Solver; its phase only along its life cycle. */
import { move } from '../kernel/lifecycle.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { SOLVER_LIFECYCLE } from '../objects/lifecycles/solver.ts'
import { SolverKind, type Solver, type SolverStatus } from '../objects/solver.ts'

/** What happened to a Solver. */
export type SolverEvent = keyof typeof SOLVER_LIFECYCLE.events

/** Where a Solver goes, and what the user is told. */
export interface SolverMove {
  readonly event: SolverEvent
  readonly message: string
}

/**
 * @param solver as it was read
 * @param change members to set; the others stay
 * @param next what happened, where that has a phase; when it may not happen nothing is written at all
 * @returns the Solver as it is stored; undefined when it is gone
 */
export function setSolverStatus(
  { store, system, log }: Pick<NodeBase, 'store' | 'system' | 'log'>,
  solver: Solver,
  change: Omit<SolverStatus, 'solverPhase'>,
  next?: SolverMove,
): Promise<Solver | undefined> {
  const now = rfc3339(system.clock.now())
  return amendStatus(store, SolverKind, solver, ({ metadata, status }) => {
    if (next === undefined) return { ...status, ...change }
    const { name } = metadata
    const phase = move(SOLVER_LIFECYCLE, next.event, { name, from: status?.solverPhase?.phase, log })
    if (phase === undefined) return undefined
    const startTime = status?.solverPhase?.startTime ?? now
    return {
      ...status,
      ...change,
      solverPhase: { startTime, phase, message: next.message, lastChangeTime: now },
    }
  })
}
