/** Which of two offers of one lineage stands: the one that is here, or the one that somebody brings. Pure. */
import type { StoredPeeringCandidate } from '../objects/peering-candidate.ts'
import { compareOffers } from './offer-version.ts'
import { headOf, headOfEntry, messageOf, type Sighting } from './stored-form.ts'

/**
 * @param before the entry that is here
 * @param isLive whether it holds now
 * @returns what to do with the offer that was brought: `take` it in the place of the one here, keep what is
 *   here as `known`, or reject it, and why
 */
export function precedence(
  before: StoredPeeringCandidate,
  isLive: boolean,
  sighting: Sighting,
): 'take' | 'known' | { readonly rejected: string } {
  const { spec } = before
  const known = headOfEntry(before)
  const head = headOf(sighting)
  const order = compareOffers(head, known)
  if (order < 0) return { rejected: `${known.flavorID} of ${known.timestamp} is known, which is newer` }
  if (order > 0) return 'take'
  const teller = sighting.source.nodeID
  const firstHand = teller === head.owner
  if (spec.withdrawnAt !== undefined) {
    return firstHand || spec.source?.nodeID === teller
      ? 'take'
      : { rejected: `it was withdrawn at ${spec.withdrawnAt}` }
  }
  // What its owner told us itself is not replaced by hearsay while it holds.
  if (isLive && !firstHand && spec.source?.nodeID === head.owner) {
    const same = messageOf(before)?.['signature'] === sighting.flavor.signature
    return same || sighting.origin === undefined ? 'known' : { rejected: 'its owner says otherwise' }
  }
  return 'take'
}
