/** Who may see what: which of our flavors a caller is shown, by what it proved. Pure. */
import type { Audience } from '../rear/audience.ts'
import type { Standing } from '../privacy-and-security-manager/index.ts'

/**
 * @param facts.callerDomain of which it proved to be a member; undefined when it proved nothing
 * @param facts.listedDomains to whose members our flavors of visibility `listed` are shown
 * @returns `internal` for members of our own domain, `listed` for those of listed domains, `public` for everybody
 *   else; what a caller proved does not help it once it was rejected
 */
export function audienceOf(facts: {
  readonly callerDomain: string | undefined
  readonly callerStanding: Standing
  readonly ownDomain: string
  readonly listedDomains: readonly string[]
}): Audience {
  const { callerDomain, callerStanding, ownDomain, listedDomains } = facts
  if (callerDomain === undefined || callerStanding === 'unknown' || callerStanding === 'rejected')
    return 'public'
  if (callerDomain === ownDomain) return 'internal'
  return listedDomains.includes(callerDomain) ? 'listed' : 'public'
}
