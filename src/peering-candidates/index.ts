/**
 * Peering Candidates: flavors of others, with where they came from, when they were seen and until when
 * they hold. Owns the table PeeringCandidate. Entries are keyed by provider and flavor together, since two
 * providers may use the same flavor id.
 */
import { createHash } from 'node:crypto'
import type { Component } from '../kernel/component.ts'
import { isStoreError, mutate, remove } from '../kernel/object-store.ts'
import { rfc3339, type Timer } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { PeeringCandidateKind, type PeeringCandidate } from '../objects/peering-candidate.ts'
import { embeddedFlavorFromWire, type WireFlavor } from '../rear/wire/index.ts'

export { CandidateListing, type CandidateListingOptions } from './candidate-listing.ts'
export { cameFromCatalog, priceThrough, relaysOf } from './relays.ts'

/** An offer as it was received. */
export interface Sighting {
  readonly flavor: WireFlavor
  /** The message exactly as it came, for its signature. */
  readonly raw: unknown
  readonly source: { readonly nodeID: string; readonly address: string }
  readonly via?: readonly string[]
  readonly solverID?: string
  /** How long it may be relied on, in milliseconds. */
  readonly validForMs: number
}

const SWEEP_EVERY_MS = 30_000
/** Stale entries stay for a while: they explain, and a refresh revives them. */
const KEEP_STALE_MS = 10 * 60_000

export class PeeringCandidates implements Component {
  readonly #base: NodeBase
  #timer: Timer | undefined

  constructor(base: NodeBase) {
    this.#base = base
    base.informers.of(PeeringCandidateKind).addIndex('flavor', (entry) => [entry.spec.flavor.metadata.name])
  }

  async start(): Promise<void> {
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  list(): readonly PeeringCandidate[] {
    return this.#base.informers.of(PeeringCandidateKind).list()
  }

  /** @returns the entry for a provider's flavor, valid or not */
  find(nodeID: string, flavorID: string): PeeringCandidate | undefined {
    const name = candidateName(nodeID, flavorID)
    return this.#base.informers.of(PeeringCandidateKind).get({ namespace: DEFAULT_NAMESPACE, name })
  }

  /** @returns the entries for a flavor id, of whatever provider */
  ofFlavor(flavorID: string): readonly PeeringCandidate[] {
    return this.#base.informers.of(PeeringCandidateKind).byIndex('flavor', flavorID)
  }

  /** Stores or refreshes an offer. @returns the name of the entry */
  async put(sighting: Sighting): Promise<string> {
    const { store, system } = this.#base
    const flavor = embeddedFlavorFromWire(sighting.flavor)
    const now = system.clock.now()
    const name = candidateName(sighting.flavor.owner.ID, sighting.flavor.flavorID)
    const key = { namespace: DEFAULT_NAMESPACE, name }
    const spec = {
      flavor,
      available: sighting.flavor.availability,
      advertisement: sighting.raw,
      source: sighting.source,
      ...(sighting.via ? { via: [...sighting.via] } : {}),
      seenAt: rfc3339(now),
      validUntil: rfc3339(now + sighting.validForMs),
    }
    const interested = sighting.solverID === undefined ? [] : [sighting.solverID]
    for (;;) {
      const updated = await mutate(store, PeeringCandidateKind, key, (before) => ({
        ...before,
        spec: {
          ...spec,
          interestedSolverIDs: [...new Set([...before.spec.interestedSolverIDs, ...interested])].slice(-32),
        },
      }))
      if (updated) return name
      try {
        await store.create(PeeringCandidateKind, {
          metadata: key,
          spec: { ...spec, interestedSolverIDs: interested },
        })
        return name
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists')) throw error
      }
    }
  }

  /** Forgets what `nodeID` does not offer any more: all of its entries but `kept`. */
  async forgetOthers(nodeID: string, kept: ReadonlySet<string>): Promise<void> {
    const gone = this.list().filter(
      (entry) => entry.spec.source?.nodeID === nodeID && !kept.has(entry.metadata.name),
    )
    await Promise.all(gone.map((entry) => this.#remove(entry.metadata.name)))
  }

  /** Takes one offer off the table: it is sold, withdrawn or replaced. */
  async forget(nodeID: string, flavorID: string): Promise<void> {
    await this.#remove(candidateName(nodeID, flavorID))
  }

  async #remove(name: string): Promise<void> {
    await remove(this.#base.store, PeeringCandidateKind, { namespace: DEFAULT_NAMESPACE, name })
  }

  #arm(): void {
    this.#timer = this.#base.system.clock.after(SWEEP_EVERY_MS, () => {
      this.#arm()
      void this.#sweep().catch((error: unknown) =>
        this.#base.log.warn({ err: error }, 'candidate sweep failed'),
      )
    })
  }

  async #sweep(): Promise<void> {
    const limit = this.#base.system.clock.now() - KEEP_STALE_MS
    const stale = this.list().filter(
      (entry) => entry.spec.validUntil !== undefined && Date.parse(entry.spec.validUntil) < limit,
    )
    await Promise.all(stale.map((entry) => this.#remove(entry.metadata.name)))
  }
}

/** @returns the name of the entry for a provider's flavor */
export function candidateName(nodeID: string, flavorID: string): string {
  const provider = createHash('sha256').update(nodeID).digest('hex').slice(0, 8)
  return `peeringcandidate-${provider}-${flavorID.toLowerCase().replace(/[^a-z0-9.-]/g, '-')}`.slice(0, 253)
}
