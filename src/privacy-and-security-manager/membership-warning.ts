/** What the operator is warned of about the node's own membership. Pure. */
import type { Membership } from './membership.ts'

export interface MembershipWarning {
  readonly code: 'membership-ends' | 'membership-ended' | 'membership-revoked'
  readonly severity: 'high'
  readonly text: string
}

/** From this part of its life on, that it was not renewed is a warning. */
export const WARN_AFTER = 5 / 6

/**
 * @param revoked whether the authority said that the credential was taken back
 * @param now milliseconds since 1970
 */
export function membershipWarnings(
  own: Membership,
  revoked: boolean,
  now: number,
): readonly MembershipWarning[] {
  const end = new Date(own.expiresAt).toISOString()
  if (revoked) {
    const text = `the membership of ${own.domain} was revoked: ask for a new admission`
    return [{ code: 'membership-revoked', severity: 'high', text }]
  }
  if (own.expiresAt <= now) {
    const text = `the membership of ${own.domain} ended ${end} and was not renewed`
    return [{ code: 'membership-ended', severity: 'high', text }]
  }
  if (now < partOfLife(own, WARN_AFTER)) return []
  const text = `the membership of ${own.domain} ends ${end}; no supernode renewed it so far`
  return [{ code: 'membership-ends', severity: 'high', text }]
}

/** @returns the moment at which a part of the life of a credential has passed, milliseconds since 1970 */
export function partOfLife({ issuedAt, expiresAt }: Membership, part: number): number {
  return issuedAt + (expiresAt - issuedAt) * part
}
