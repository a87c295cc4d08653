/**
 * Several purchases for one intent: all are reserved before any is bought, and all are bought or none. Pure.
 *
 * What a solver of a group may do is in its spec, so that a crash changes nothing: at first it only looks for an
 * offer (`reserveAndBuy: false`), then it reserves (`reserveOnly: true`), then it buys.
 */
import type { Solver } from '../objects/solver.ts'

export type GroupStep =
  /** All are bought, or there is only one: nothing to keep together any more. */
  | 'go-on'
  | 'wait'
  /** Everybody has found an offer: reserve. */
  | 'reserve'
  /** Everybody has reserved: buy. */
  | 'buy'
  /** Somebody finds nothing: what the others hold is given back until then. */
  | 'step-back'
  /** Too late for that, since something is bought: everything is given back, and all begin anew. */
  | 'give-up'

/** @returns what the solvers of one intent have to do next */
export function nextOfGroup(solvers: readonly Pick<Solver, 'spec' | 'status'>[]): GroupStep {
  if (solvers.length < 2 || solvers.every(isBought)) return 'go-on'
  if (solvers.some((solver) => !isBought(solver) && solver.status?.solverPhase?.phase === 'Failed'))
    return 'give-up'
  const nothingFound = solvers.some(
    (solver) => !isBought(solver) && solver.status?.findCandidate === 'Failed',
  )
  const buying = solvers.filter(({ spec }) => spec.reserveOnly !== true)
  if (buying.length === solvers.length) return nothingFound ? 'give-up' : 'wait'
  // A crash came between the one and the other: what was begun is finished.
  if (buying.length > 0) return 'buy'
  if (solvers.every(({ status }) => status?.reservationPhase === 'Solved')) return 'buy'
  const onlyLooking = solvers.every(({ spec }) => spec.reserveAndBuy === false)
  if (nothingFound) return onlyLooking ? 'wait' : 'step-back'
  const allFound = solvers.every(({ status }) => status?.findCandidate === 'Solved')
  return onlyLooking && allFound ? 'reserve' : 'wait'
}

function isBought({ status }: Pick<Solver, 'status'>): boolean {
  return status?.contract?.name !== undefined
}
