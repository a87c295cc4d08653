/** What a failed message says of the seller, and whether it is worth to be sent again. Pure. */
import { isProblem, PROBLEMS, type ProblemCode } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { WireError } from '../rear/wire/index.ts'

/** The seller answered, but not with what it must. */
export class InvalidAnswer extends Error {
  override readonly name = 'InvalidAnswer'
}

export interface Failure {
  /** Stable, for programs: `unreachable`, `invalid-answer`, or the code of the problem that the seller refused with. */
  readonly code: string
  /** Whether the same message may be answered another time. */
  readonly mayPass: boolean
}

/** @returns what it says of the seller; undefined for a fault of our own */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof InvalidAnswer || error instanceof WireError)
    return { code: 'invalid-answer', mayPass: false }
  if (isTransportError(error)) return { code: 'unreachable', mayPass: !isTransportError(error, 'wrong-peer') }
  if (!isProblem(error)) return undefined
  // That it is in trouble, or the next one behind it, it says itself: that is no lie.
  const said = error.extensions['code'] !== undefined
  if (error.status >= 500 && !said) return { code: 'invalid-answer', mayPass: false }
  return { code: error.code, mayPass: error.status >= 500 }
}

/** @returns whether a failed reservation was refused, so that nothing is held under it */
export function isRefusal(code: string | undefined): boolean {
  return code !== undefined && Object.hasOwn(PROBLEMS, code) && PROBLEMS[code as ProblemCode].status < 500
}
