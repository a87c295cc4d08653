/**
 * Peering Candidates: flavors of others, with where they came from, when they were seen and until when
 * they hold; in a catalog or supernode also what is told of them to others. Owns the tables PeeringCandidate
 * and RatingStatement.
 */
export { CandidateListing, type CandidateListingOptions, type ListingChange } from './candidate-listing.ts'
export { candidateName, compareOffers, lineageOf, type OfferHead } from './offer-version.ts'
export {
  PeeringCandidates,
  type CandidateChange,
  type CandidateEntry,
  type PeeringCandidatesOptions,
  type Taken,
} from './peering-candidates.ts'
export { PublishedRatings } from './published-ratings.ts'
export { flavorAmounts, offeredPrice } from './offered-price.ts'
export { cameFromCatalog, catalogOf, relaysOf } from './relays.ts'
export { isSameOffer, messageOf, type Sighting } from './stored-form.ts'
