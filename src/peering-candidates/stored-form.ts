/**
 * Between an offer as it was received and an entry as it is stored: whole, or, in a catalog, compact. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type {
  CandidateOrigin,
  PeeringCandidate,
  StoredPeeringCandidate,
  StoredPeeringCandidateSpec,
} from '../objects/peering-candidate.ts'
import type { EmbeddedFlavor } from '../objects/flavor.ts'
import { decodeFlavor, embeddedFlavorFromWire, type WireFlavor } from '../rear/wire/index.ts'
import type { OfferHead } from './offer-version.ts'

/** An offer as it was received. */
export interface Sighting {
  readonly flavor: WireFlavor
  /** The message exactly as it came, for its signature. */
  readonly raw: unknown
  readonly source: { readonly nodeID: string; readonly address: string }
  readonly via?: readonly string[]
  /** Whether the supernode of our own domain told us. */
  readonly viaSupernode?: boolean
  readonly solverID?: string
  /** How long it may be relied on, in milliseconds. */
  readonly validForMs: number
  /** How we came to know of it; we asked unless given. */
  readonly origin?: CandidateOrigin
  /** Catalogs that it went through, the nearest first. */
  readonly mirroredFrom?: readonly string[]
}

/** @returns which offer it is */
export function headOf({ flavor }: Pick<Sighting, 'flavor'>): OfferHead {
  return {
    flavorID: flavor.flavorID,
    owner: flavor.owner.ID,
    domain: flavor.owner.domain,
    timestamp: flavor.timestamp,
  }
}

/** @returns the spec of an entry, without its times */
export function specOf(
  sighting: Sighting,
  compact: boolean,
): Omit<StoredPeeringCandidateSpec, 'interestedSolverIDs'> {
  const { flavor, raw, source, via, viaSupernode, origin = 'discovered', mirroredFrom = [] } = sighting
  const rating = flavor.catalog?.rating
  return {
    ...(compact
      ? { advertisement: textOf(raw) }
      : { flavor: embeddedFlavorFromWire(flavor), advertisement: raw }),
    available: flavor.availability,
    source,
    ...(via ? { via: [...via] } : {}),
    ...(viaSupernode === undefined ? {} : { viaSupernode }),
    ...(rating !== undefined && rating >= 0 && rating <= 5 ? { rating } : {}),
    origin,
    ...(mirroredFrom.length > 0 ? { mirroredFrom: [...mirroredFrom] } : {}),
    offer: { ...headOf(sighting), ...(compact && isPlain(sighting) ? { plain: true } : {}) },
  }
}

/** Whether the message says everything the way we do, so that it need not be read tolerantly again. */
function isPlain({ flavor, raw }: Sighting): boolean {
  return textOf(flavor) === textOf(raw)
}

/** @returns the flavor of an entry, without what else is in `wholeOf`; undefined when nothing is left of it */
export function flavorOfEntry(entry: StoredPeeringCandidate): EmbeddedFlavor | undefined {
  const { flavor, offer } = entry.spec
  if (flavor !== undefined) return flavor
  const message = messageOf(entry)
  if (message === undefined) return undefined
  return embeddedFlavorFromWire(
    offer?.plain === true ? (message as unknown as WireFlavor) : decodeFlavor(message),
  )
}

/** @returns the message as text, without what the catalog that told us says of it */
export function textOf(raw: unknown): string {
  const { catalog: _, ...rest } = raw as Record<string, unknown>
  return JSON.stringify(rest)
}

/** @returns the message of an entry, undefined when nothing is left of it */
export function messageOf({
  spec,
}: Pick<StoredPeeringCandidate, 'spec'>): Record<string, unknown> | undefined {
  const { advertisement } = spec
  if (advertisement === undefined) return undefined
  return (typeof advertisement === 'string' ? JSON.parse(advertisement) : advertisement) as Record<
    string,
    unknown
  >
}

/** @returns which offer an entry is, also of one that was stored by an earlier version of this program */
export function headOfEntry({ spec }: Pick<StoredPeeringCandidate, 'spec'>): OfferHead {
  const { offer, flavor } = spec
  return (
    offer ?? {
      flavorID: flavor?.metadata.name ?? '',
      owner: flavor?.spec.owner.nodeID ?? '',
      domain: flavor?.spec.owner.domain ?? '',
      timestamp: flavor?.status?.creationTime ?? '',
    }
  )
}

/** @returns whether two stored forms of an entry hold the same message; a message as text may be very long */
export function isSameMessage(
  a: Pick<StoredPeeringCandidate, 'spec'>,
  b: Pick<StoredPeeringCandidate, 'spec'>,
): boolean {
  return isDeepStrictEqual(a.spec.advertisement, b.spec.advertisement)
}

/** @returns whether an entry and a message are the same words of the same owner, passed on the same way */
export function isSameOffer(entry: StoredPeeringCandidate, raw: unknown): boolean {
  const { advertisement } = entry.spec
  const text = textOf(raw)
  if (advertisement === text) return true
  const before = messageOf(entry)
  if (before === undefined) return false
  const after = raw as Record<string, unknown>
  return (
    before['signature'] === after['signature'] &&
    JSON.stringify(before['relays']) === JSON.stringify(after['relays'])
  )
}

/** @returns the entry with its flavor and message read, undefined when nothing is left of it */
export function wholeOf(entry: StoredPeeringCandidate): PeeringCandidate | undefined {
  const { spec } = entry
  if (spec.flavor !== undefined) return entry as PeeringCandidate
  const flavor = flavorOfEntry(entry)
  return flavor && { ...entry, spec: { ...spec, flavor, advertisement: messageOf(entry) } }
}

/** @returns what stays of an entry whose offer is gone */
export function tombstoneOf(entry: StoredPeeringCandidate, withdrawnAt: string): StoredPeeringCandidateSpec {
  const { source, origin, seenAt, validUntil } = entry.spec
  return {
    interestedSolverIDs: [],
    available: false,
    ...(source ? { source } : {}),
    ...(origin ? { origin } : {}),
    ...(seenAt === undefined ? {} : { seenAt }),
    ...(validUntil === undefined ? {} : { validUntil }),
    offer: headOfEntry(entry),
    withdrawnAt,
  }
}
