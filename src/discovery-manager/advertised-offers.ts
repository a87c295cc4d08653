/** The offers of a domain's nodes, as their supernode tells catalogs of them: with itself as the one in between. */
import type { NodeBase } from '../node-base.ts'
import type { CandidateListing, PeeringCandidates } from '../peering-candidates/index.ts'
import type { OfferSource } from './advertiser.ts'

/** What the nodes of our domain advertised to us themselves. */
export function domainOffers(
  options: Pick<NodeBase, 'self'> & {
    readonly candidates: PeeringCandidates
    readonly listing: Pick<CandidateListing, 'table' | 'onChange'>
  },
): OfferSource {
  const { self, candidates, listing } = options
  return {
    list: () =>
      listing.table.page({ filters: {} }, 'internal', '', Infinity).flatMap((name) => {
        const entry = candidates.valid(name)
        const encoded = listing.table.encoded(name)
        const visibility = listing.table.visibility(name)
        if (entry === undefined || encoded === undefined || visibility === undefined) return []
        const { head, object } = entry
        const theirs = object.spec.origin === 'advertised' && object.spec.source?.nodeID === head.owner
        return theirs && head.domain === self.domain ? [{ flavorID: head.flavorID, visibility, encoded }] : []
      }),
    onChange: (changed) => listing.onChange(changed),
  }
}
