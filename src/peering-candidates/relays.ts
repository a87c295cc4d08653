/** Who stands between us and the owner of an offer, read from the offer as it was received. Pure. */
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { withMargin, type Price } from '../quantity/price.ts'
import type { WireFlavor, WireRelay } from '../rear/wire/index.ts'

const MOST_NAME = 100

type Passed = Pick<PeeringCandidate, 'spec'>

/** @returns the relays, nearest to us first; none when the owner is dealt with directly */
export function relaysOf({ spec }: Passed): readonly WireRelay[] {
  const relays = (spec.advertisement as { relays?: unknown } | undefined)?.relays
  return Array.isArray(relays) ? (relays as WireRelay[]) : []
}

/** @returns whether a catalog told of the offer, to us or to somebody before us */
export function cameFromCatalog(candidate: Passed): boolean {
  return saidByCatalog(candidate) !== undefined
}

/** @returns what the catalog that told of an offer calls itself, its id where it has no name; undefined without one */
export function catalogOf(candidate: Passed): string | undefined {
  const catalog = saidByCatalog(candidate)
  return (catalog?.name ?? catalog?.ID)?.slice(0, MOST_NAME)
}

function saidByCatalog({ spec }: Passed): WireFlavor['catalog'] {
  return (spec.advertisement as { catalog?: WireFlavor['catalog'] } | undefined)?.catalog
}

/** @returns what the owner's price becomes with the margins of all that stand in between */
export function priceThrough(price: Price, relays: readonly Pick<WireRelay, 'margin'>[]): Price {
  return relays.toReversed().reduce((sum, { margin }) => withMargin(sum, margin), price)
}
