/** Who stands between us and the owner of an offer, read from the offer as it was received. Pure. */
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { withMargin, type Price } from '../quantity/price.ts'
import type { WireRelay } from '../rear/wire/index.ts'

type Passed = Pick<PeeringCandidate, 'spec'>

/** @returns the relays, nearest to us first; none when the owner is dealt with directly */
export function relaysOf({ spec }: Passed): readonly WireRelay[] {
  const relays = (spec.advertisement as { relays?: unknown } | undefined)?.relays
  return Array.isArray(relays) ? (relays as WireRelay[]) : []
}

/** @returns whether a catalog told of the offer, to us or to somebody before us */
export function cameFromCatalog({ spec }: Passed): boolean {
  return (spec.advertisement as { catalog?: unknown } | undefined)?.catalog !== undefined
}

/** @returns what the owner's price becomes with the margins of all that stand in between */
export function priceThrough(price: Price, relays: readonly WireRelay[]): Price {
  return relays.toReversed().reduce((sum, { margin }) => withMargin(sum, margin), price)
}
