/** Why an offer is not taken. */
import type { Considered } from '../objects/solver.ts'

export type Rejection = Pick<Considered, 'reason' | 'detail' | 'numbers'>

/**
 * @param reason a stable code
 * @param detail for people
 * @param numbers what was compared
 */
export function reject(reason: string, detail: string, numbers?: Record<string, string>): Rejection {
  return { reason, detail, ...(numbers ? { numbers } : {}) }
}
