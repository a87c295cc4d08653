/**
 * Keeps the table that a supernode or catalog answers LIST_FLAVORS from, beyond its own flavors: of others, what
 * is valid now.
 *
 * The owner's words and signature go out as they came. A catalog adds what it knows of the offer; a supernode
 * adds itself as the one through whom it is bought.
 */
import type { Component } from '../kernel/component.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import type { Visibility } from '../objects/flavor.ts'
import type { PeerRole } from '../objects/peer.ts'
import { FlavorTable } from '../flavor-index/index.ts'
import { nodeIdentityToWire, WireError, type FlavorLike, type WireFlavor } from '../rear/wire/index.ts'
import type { OfferHead } from './offer-version.ts'
import type { CandidateEntry, PeeringCandidates } from './peering-candidates.ts'
import { flavorOfEntry, messageOf, textOf } from './stored-form.ts'

export interface CandidateListingOptions extends NodeBase {
  readonly role: PeerRole
  /** What we add to the price of what is bought through us, for example `2.5%`. */
  readonly margin: string | undefined
  readonly candidates: PeeringCandidates
  /** @returns what is published of a provider's past dealings, from 0 to 5, and by how many parties */
  readonly ratingOf?: (nodeID: string) => { readonly score: number; readonly parties: number } | undefined
}

/** A change of what is listed. */
export interface ListingChange {
  readonly name: string
  readonly head: OfferHead
  /** Who could see it before, and who can now; undefined where nobody. */
  readonly before: Visibility | undefined
  readonly after: Visibility | undefined
  /** Why it is gone, if it is. */
  readonly reason?: 'withdrawn' | 'expired'
}

/** What a catalog tells of an entry beside the entry may be so old. */
const KEEP_ANSWERS_MS = 2_000

export class CandidateListing implements Component {
  readonly table: FlavorTable
  readonly #options: CandidateListingOptions
  readonly #handlers = new Set<(change: ListingChange) => void>()
  #unsubscribe: (() => void) | undefined

  constructor(options: CandidateListingOptions) {
    const { role, system } = options
    this.#options = options
    this.table = new FlavorTable(
      role === 'catalog'
        ? {
            encode: (name, encoded) => this.#withCatalog(name, encoded),
            keep: { ms: KEEP_ANSWERS_MS, now: () => system.clock.monotonic() },
          }
        : {},
    )
  }

  async start(): Promise<void> {
    if (this.#options.role === 'node') return
    this.#unsubscribe ??= this.#options.candidates.onChange((change) => {
      const { name, head } = change.entry
      const before = this.table.visibility(name)
      if (change.type === 'gone' || !this.#put(change.entry)) this.table.delete(name)
      const after = this.table.visibility(name)
      if (before === undefined && after === undefined) return
      const reason = change.type === 'gone' ? { reason: change.reason } : {}
      for (const handler of this.#handlers) handler({ name, head, before, after, ...reason })
    })
  }

  /** @returns ends it */
  onChange(handler: (change: ListingChange) => void): () => void {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** @returns whether the entry is one that is told to others */
  #put({ name, object }: CandidateEntry): boolean {
    const { role, self, log } = this.#options
    let flavor: FlavorLike | undefined
    try {
      flavor = flavorOfEntry(object)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      log.warn({ err: error, candidate: name }, 'an entry cannot be read any more')
    }
    if (flavor === undefined || flavor.spec.owner.nodeID === self.id) return false
    const { advertisement } = object.spec
    if (role === 'catalog') {
      this.table.set(name, flavor, typeof advertisement === 'string' ? advertisement : textOf(advertisement))
      return true
    }
    const { relays = [], ...rest } = messageOf(object) as { relays?: WireFlavor['relays'] }
    // Bought through us it would come back to us.
    if (relays.some(({ ID }) => ID === self.id)) return false
    this.table.set(name, this.#shown(flavor), JSON.stringify({ ...rest, relays: [this.#relay(), ...relays] }))
    return true
  }

  /** A supernode passes the offers of other domains to its own domain only. */
  #shown(flavor: FlavorLike): FlavorLike {
    return flavor.spec.owner.domain === this.#options.self.domain
      ? flavor
      : { metadata: flavor.metadata, spec: { ...flavor.spec, visibility: 'internal' } }
  }

  #relay(): NonNullable<WireFlavor['relays']>[number] {
    const { self, margin } = this.#options
    const { ID, IP, domain } = nodeIdentityToWire(self.identity())
    return { ID, IP, domain, ...(margin === undefined ? {} : { margin }) }
  }

  #withCatalog(name: string, encoded: string): string {
    const { candidates, self, ratingOf } = this.#options
    const entry = candidates.valid(name)
    if (entry === undefined) return encoded
    const rating = ratingOf?.(entry.head.owner)
    const { mirroredFrom } = entry.object.spec
    const catalog = {
      ID: self.id,
      name: self.name,
      seenAt: rfc3339(entry.seenAt),
      validUntil: rfc3339(entry.validUntil),
      ...(rating ? { rating: rating.score, ratedBy: rating.parties } : {}),
      ...(mirroredFrom ? { mirroredFrom } : {}),
    }
    return `${encoded.slice(0, -1)},"catalog":${JSON.stringify(catalog)}}`
  }
}
