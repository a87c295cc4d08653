/**
 * The component: the table PeeringCandidate, and what of it is valid now.
 *
 * One entry for each flavor of each provider, whatever its version: a newer version takes the place of the
 * older, never the other way round, and what is left of an offer that is gone still knows its version. How long
 * an entry holds is kept in memory and written only now and then; after a restart it holds as long as was last
 * written.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Component } from '../kernel/component.ts'
import type { InformerEvent } from '../kernel/informer.ts'
import { isStoreError, remove } from '../kernel/object-store.ts'
import { rfc3339, type Timer } from '../kernel/system.ts'
import { Turns } from '../kernel/turns.ts'
import type { NodeBase } from '../node-base.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import {
  PeeringCandidateKind,
  type PeeringCandidate,
  type StoredPeeringCandidate,
  type StoredPeeringCandidateSpec,
} from '../objects/peering-candidate.ts'
import { ExpiryQueue } from './expiry-queue.ts'
import { NameIndex } from './name-index.ts'
import { candidateName, lineageOf, type OfferHead } from './offer-version.ts'
import { precedence } from './precedence.ts'
import { countsAgainstQuota, ProviderQuota } from './quota.ts'
import {
  headOfEntry,
  isSameMessage,
  isSameOffer,
  specOf,
  tombstoneOf,
  wholeOf,
  type Sighting,
} from './stored-form.ts'

export interface PeeringCandidatesOptions {
  /** Whether entries are stored in the compact form: for a table of very many that are passed on, not bought. */
  readonly compact?: boolean
  /** How many offers of one provider are taken that it, or a mirror, brought us by itself; no limit unless given. */
  readonly quota?: number
}

/** An entry as it is now; not to be kept. */
export interface CandidateEntry {
  readonly name: string
  readonly object: StoredPeeringCandidate
  readonly head: OfferHead
  /** Milliseconds since 1970, both. */
  readonly seenAt: number
  readonly validUntil: number
}

/** What happened to the valid entries. */
export type CandidateChange =
  | { readonly type: 'set'; readonly entry: CandidateEntry }
  | { readonly type: 'gone'; readonly entry: CandidateEntry; readonly reason: 'withdrawn' | 'expired' }

/** What became of an offer that somebody brought us. */
export type Taken =
  | {
      readonly outcome: 'stored' | 'replaced' | 'refreshed'
      readonly name: string
      /** Milliseconds since 1970. */
      readonly validUntil: number
    }
  | { readonly outcome: 'rejected'; readonly reason: 'replayed' | 'over-quota'; readonly detail: string }

interface Entry {
  readonly name: string
  object: StoredPeeringCandidate
  head: OfferHead
  seenAt: number
  validUntil: number
  /** Whether it was told of as valid. */
  live: boolean
  /** As it is shown, with the time until which it holds; made when it is asked for. */
  whole: { readonly until: number; readonly candidate: PeeringCandidate | undefined } | undefined
}

const SWEEP_EVERY_MS = 30_000
/** Stale entries stay for a while: they explain, and a refresh revives them. */
const KEEP_STALE_MS = 10 * 60_000
/** How long it is remembered which version of an offer was the last. */
const KEEP_VERSION_MS = 30 * 86_400_000
const PERSIST_EVERY_MS = 1_000
/** So many writes at a time: each batch is one commit, and nobody is answered until it is made. */
const BATCH = 32
/** So many entries are looked at before others get their turn. */
const STRIDE = 200

const key = (name: string) => inDefaultNamespace(name)

export class PeeringCandidates implements Component {
  readonly #base: NodeBase
  readonly #options: PeeringCandidatesOptions
  readonly #entries = new Map<string, Entry>()
  readonly #byLineage = new NameIndex()
  readonly #byTeller = new NameIndex()
  readonly #quota: ProviderQuota
  /** By node id of a catalog: what it pushes holds as long as it goes on pushing. Milliseconds since 1970. */
  readonly #leases = new Map<string, number>()
  readonly #handlers = new Set<(change: CandidateChange) => void>()
  readonly #unwritten = new Set<string>()
  #expiry: ExpiryQueue
  readonly #timers = new Map<'sweep' | 'persist', Timer>()
  #unsubscribe: (() => void) | undefined
  readonly #tidying = new Set<Promise<void>>()

  constructor(base: NodeBase, options: PeeringCandidatesOptions = {}) {
    this.#base = base
    this.#options = options
    this.#quota = new ProviderQuota(options.quota ?? Infinity)
    this.#expiry = this.#newExpiry()
    base.informers.of(PeeringCandidateKind)
  }

  async start(): Promise<void> {
    if (this.#unsubscribe) return
    this.#expiry = this.#newExpiry()
    this.#unsubscribe = this.#base.informers
      .of(PeeringCandidateKind)
      .onChange((event) => this.#onStored(event))
    this.#later(SWEEP_EVERY_MS, 'sweep')
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    this.#expiry.stop()
    await Promise.all(this.#tidying)
  }

  /** @returns all offers, also those that are valid no longer */
  list(): readonly PeeringCandidate[] {
    return Array.from(this.#entries.values(), (entry) => this.#candidate(entry)).filter(
      (candidate) => candidate !== undefined,
    )
  }

  /** @returns the entry for a provider's flavor, valid or not */
  find(nodeID: string, flavorID: string): PeeringCandidate | undefined {
    const entry = this.#entries.get(candidateName(nodeID, flavorID))
    return entry?.head.flavorID === flavorID ? this.#candidate(entry) : undefined
  }

  /**
   * @returns the entries for a flavor id or another version of the same flavor, of whatever provider: who asks
   *   for an older version means the pool that it was cut from
   */
  ofFlavor(flavorID: string): readonly PeeringCandidate[] {
    return this.#byLineage
      .get(lineageOf(flavorID))
      .map((name) => this.#candidate(this.#entries.get(name)!))
      .filter((candidate) => candidate !== undefined)
  }

  /** @returns the entry of this name, if it is valid now */
  valid(name: string): CandidateEntry | undefined {
    const entry = this.#entries.get(name)
    return entry?.live === true ? this.#shown(entry) : undefined
  }

  /**
   * @param handler is told `set` of everything that is valid before this returns, then of each change of what
   *   is valid; prolonging is no change
   * @returns ends it
   */
  onChange(handler: (change: CandidateChange) => void): () => void {
    const registered = (change: CandidateChange): void => handler(change)
    this.#handlers.add(registered)
    for (const entry of this.#entries.values()) {
      if (entry.live) this.#tell(registered, { type: 'set', entry: this.#shown(entry) })
    }
    return () => void this.#handlers.delete(registered)
  }

  /** Stores or refreshes an offer, unless a newer version of it is known. @returns the name of the entry */
  async put(sighting: Sighting): Promise<string> {
    await this.take(sighting)
    return candidateName(sighting.flavor.owner.ID, sighting.flavor.flavorID)
  }

  /**
   * Takes an offer whose signature was checked.
   * @throws StoreError
   */
  async take(sighting: Sighting): Promise<Taken> {
    const name = candidateName(sighting.flavor.owner.ID, sighting.flavor.flavorID)
    const known = this.#entries.get(name)
    if (known && this.#isRefresh(known, sighting)) return this.#refresh(known, sighting)
    const refusal = this.#overQuota(known, sighting)
    if (refusal) return refusal
    return this.#quota.whileComing(sighting.flavor.owner.ID, () => this.#store(name, sighting))
  }

  /**
   * Prolongs an offer that `teller` brought us, without repeating it.
   * @returns until when it holds now (milliseconds since 1970); undefined when we do not have it from there
   */
  extend(teller: string, flavorID: string, validForMs: number): number | undefined {
    for (const name of this.#byLineage.get(lineageOf(flavorID))) {
      const entry = this.#entries.get(name)!
      const { source, withdrawnAt } = entry.object.spec
      if (entry.head.flavorID !== flavorID || source?.nodeID !== teller || withdrawnAt !== undefined) continue
      this.#prolong(entry, validForMs)
      return entry.validUntil
    }
    return undefined
  }

  /**
   * What a catalog pushed to us holds for so many milliseconds more: we were told of all changes up to now.
   * What had run out because we were not comes back.
   */
  lease(catalog: string, forMs: number): void {
    const now = this.#now()
    const lapsed = (this.#leases.get(catalog) ?? 0) <= now
    this.#leases.set(catalog, now + forMs)
    if (!lapsed) return
    for (const name of this.#byTeller.get(catalog)) this.#settle(this.#entries.get(name)!)
  }

  /**
   * Takes offers off the table that `teller` brought us: they are sold, withdrawn or replaced.
   * @param which picks them by flavor id
   * @returns how many there were
   */
  async withdraw(teller: string, which: (flavorID: string) => boolean): Promise<number> {
    const names = this.#byTeller.get(teller).filter((name) => {
      const { head, object } = this.#entries.get(name)!
      return object.spec.withdrawnAt === undefined && which(head.flavorID)
    })
    await inBatches(names, (name) => this.#bury(name, teller))
    return names.length
  }

  /** A catalog that pushes to us has listed all that it has: takes off the table what else we have from it. */
  async confirm(catalog: string, told: ReadonlySet<string>): Promise<void> {
    const others = this.#byTeller.get(catalog).filter((name) => {
      const { origin } = this.#entries.get(name)!.object.spec
      return !told.has(name) && (origin === 'subscribed' || origin === 'mirrored')
    })
    await inBatches(others, (name) => this.#bury(name, catalog))
  }

  /** Forgets what `nodeID` does not offer any more: all of its entries but `kept`. */
  async forgetOthers(nodeID: string, kept: ReadonlySet<string>): Promise<void> {
    const gone = this.#byTeller.get(nodeID).filter((name) => !kept.has(name))
    await inBatches(gone, (name) => this.#remove(name))
  }

  /** Takes one offer off the table: it is sold, withdrawn or replaced. */
  async forget(nodeID: string, flavorID: string): Promise<void> {
    const name = candidateName(nodeID, flavorID)
    if (this.#entries.get(name)?.head.flavorID === flavorID) await this.#remove(name)
  }

  // Taking

  /** The same offer from the same side, still on the table. */
  #isRefresh({ object, live }: Entry, sighting: Sighting): boolean {
    const { spec } = object
    const origin = sighting.origin ?? 'discovered'
    return (
      live &&
      spec.source?.nodeID === sighting.source.nodeID &&
      // What is pushed to us stays so when we see it in an answer.
      (spec.origin === origin || origin === 'discovered') &&
      (sighting.solverID === undefined || spec.interestedSolverIDs.includes(sighting.solverID)) &&
      isSameOffer(object, sighting.raw)
    )
  }

  #refresh(entry: Entry, { validForMs }: Sighting): Taken {
    this.#prolong(entry, validForMs)
    return { outcome: 'refreshed', name: entry.name, validUntil: entry.validUntil }
  }

  #prolong(entry: Entry, validForMs: number): void {
    const now = this.#now()
    entry.seenAt = now
    entry.validUntil = Math.max(entry.validUntil, now + validForMs)
    const written = Date.parse(entry.object.spec.validUntil ?? '') || 0
    if (entry.validUntil - written > (entry.validUntil - now) / 2) {
      this.#unwritten.add(entry.name)
      this.#later(PERSIST_EVERY_MS, 'persist')
    }
    if (!entry.live) this.#settle(entry)
  }

  #overQuota(known: Entry | undefined, { flavor, origin }: Sighting): Taken | undefined {
    if (origin !== 'advertised' && origin !== 'mirrored') return undefined
    // It takes the place of one that counts already.
    if (known && countsAgainstQuota(known.object)) return undefined
    if (!this.#quota.isFull(flavor.owner.ID)) return undefined
    const detail = `at most ${this.#options.quota} offers of one provider are taken`
    return { outcome: 'rejected', reason: 'over-quota', detail }
  }

  async #store(name: string, sighting: Sighting): Promise<Taken> {
    const { store } = this.#base
    for (;;) {
      const before = await store.get(PeeringCandidateKind, key(name))
      const known = this.#entries.get(name)
      const stands = before ? precedence(before, known?.live === true, sighting) : 'take'
      if (typeof stands === 'object')
        return { outcome: 'rejected', reason: 'replayed', detail: stands.rejected }
      if (stands === 'known' && known) return { outcome: 'refreshed', name, validUntil: known.validUntil }
      const now = this.#now()
      const validUntil = now + sighting.validForMs
      const interested = [
        ...new Set([
          ...(before?.spec.interestedSolverIDs ?? []),
          ...(sighting.solverID === undefined ? [] : [sighting.solverID]),
        ]),
      ].slice(-32)
      const spec: StoredPeeringCandidateSpec = {
        ...specOf(sighting, this.#options.compact ?? false),
        interestedSolverIDs: interested,
        seenAt: rfc3339(now),
        validUntil: rfc3339(validUntil),
      }
      try {
        const stored = before
          ? await store.update(PeeringCandidateKind, { ...before, spec })
          : await store.create(PeeringCandidateKind, { metadata: key(name), spec })
        const entry = this.#remember(stored)
        entry.seenAt = now
        entry.validUntil = Math.max(entry.validUntil, validUntil)
        return { outcome: before === undefined ? 'stored' : 'replaced', name, validUntil }
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error
      }
    }
  }

  // What is remembered

  #onStored({ type, object }: InformerEvent<StoredPeeringCandidate>): void {
    if (type !== 'deleted') this.#remember(object)
    else if (this.#entries.get(object.metadata.name)?.object.metadata.uid === object.metadata.uid) {
      this.#drop(object.metadata.name)
    }
  }

  #remember(object: StoredPeeringCandidate): Entry {
    const { name, uid, resourceVersion } = object.metadata
    const before = this.#entries.get(name)
    const known = before?.object.metadata
    // Our own write was remembered at once; the informer tells of it, and of what was before it, later.
    const stale =
      known?.uid === uid &&
      (known.resourceVersion === resourceVersion ||
        this.#base.store.isNewer(known.resourceVersion, resourceVersion))
    if (stale) return before!
    const { spec } = object
    const seenAt = Date.parse(spec.seenAt ?? '') || 0
    const validUntil = Date.parse(spec.validUntil ?? '') || 0
    const head = headOfEntry(object)
    if (before === undefined) {
      const entry: Entry = { name, object, head, seenAt, validUntil, live: false, whole: undefined }
      this.#entries.set(name, entry)
      this.#index(entry)
      this.#settle(entry)
      return entry
    }
    this.#unindex(before)
    const sameMessage = isSameMessage(before.object, object)
    const sameOffer = sameMessage && isDeepStrictEqual(before.object.spec.source, spec.source)
    const changed = !sameMessage || spec.withdrawnAt !== undefined
    before.object = object
    before.whole = undefined
    before.head = head
    before.seenAt = sameOffer ? Math.max(before.seenAt, seenAt) : seenAt
    before.validUntil = sameOffer ? Math.max(before.validUntil, validUntil) : validUntil
    this.#index(before)
    this.#settle(before, changed)
    return before
  }

  #index(entry: Entry): void {
    this.#byLineage.add(lineageOf(entry.head.flavorID), entry.name)
    const teller = entry.object.spec.source?.nodeID
    if (teller !== undefined) this.#byTeller.add(teller, entry.name)
    if (countsAgainstQuota(entry.object)) this.#quota.add(entry.head.owner)
  }

  #unindex(entry: Entry): void {
    this.#byLineage.delete(lineageOf(entry.head.flavorID), entry.name)
    const teller = entry.object.spec.source?.nodeID
    if (teller !== undefined) this.#byTeller.delete(teller, entry.name)
    if (countsAgainstQuota(entry.object)) this.#quota.delete(entry.head.owner)
  }

  #drop(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    this.#unwritten.delete(name)
    this.#expiry.delete(name)
    this.#unindex(entry)
    if (entry.live) this.#announce({ type: 'gone', entry: this.#shown(entry), reason: 'withdrawn' })
  }

  /** Brings what was told of an entry in line with what it is. */
  #settle(entry: Entry, changed = false): void {
    const { advertisement, withdrawnAt, available, flavor } = entry.object.spec
    const offered = (advertisement ?? flavor) !== undefined && withdrawnAt === undefined && available
    const until = this.#until(entry)
    const live = offered && until > this.#now()
    if (live) this.#expiry.add(entry.name, until)
    if (live === entry.live && !(live && changed)) return
    entry.live = live
    this.#announce(
      live
        ? { type: 'set', entry: this.#shown(entry) }
        : { type: 'gone', entry: this.#shown(entry), reason: offered ? 'expired' : 'withdrawn' },
    )
  }

  /** Until when an entry holds: as was said of it, or as long as its teller goes on telling us of changes. */
  #until({ validUntil, object }: Entry): number {
    const { origin, source } = object.spec
    const leased = origin === 'subscribed' || origin === 'mirrored'
    return leased ? Math.max(validUntil, this.#leases.get(source?.nodeID ?? '') ?? 0) : validUntil
  }

  #shown(entry: Entry): CandidateEntry {
    const { name, object, head, seenAt } = entry
    return { name, object, head, seenAt, validUntil: this.#until(entry) }
  }

  #candidate(entry: Entry): PeeringCandidate | undefined {
    const until = this.#until(entry)
    const known = entry.whole
    if (known?.until === until) return known.candidate
    const whole = known?.candidate ?? wholeOf(entry.object)
    const validUntil = rfc3339(until)
    const candidate =
      whole === undefined || whole.spec.validUntil === validUntil
        ? whole
        : { ...whole, spec: { ...whole.spec, validUntil } }
    entry.whole = { until, candidate }
    return candidate
  }

  #announce(change: CandidateChange): void {
    for (const handler of [...this.#handlers]) this.#tell(handler, change)
  }

  #tell(handler: (change: CandidateChange) => void, change: CandidateChange): void {
    try {
      handler(change)
    } catch (error) {
      this.#base.log.error({ err: error, candidate: change.entry.name }, 'candidate handler failed')
    }
  }

  #newExpiry(): ExpiryQueue {
    return new ExpiryQueue(this.#base.system.clock, (name) => {
      const entry = this.#entries.get(name)
      if (entry === undefined) return undefined
      const until = this.#until(entry)
      if (until > this.#now()) return until
      this.#settle(entry)
      return undefined
    })
  }

  // What is written

  /** Leaves of an offer what tells its version. */
  async #bury(name: string, teller: string): Promise<void> {
    const { store } = this.#base
    for (;;) {
      const before = await store.get(PeeringCandidateKind, key(name))
      if (before?.spec.source?.nodeID !== teller || before.spec.withdrawnAt !== undefined) return
      const spec = tombstoneOf(before, rfc3339(this.#now()))
      try {
        this.#remember(await store.update(PeeringCandidateKind, { ...before, spec }))
        return
      } catch (error) {
        if (!isStoreError(error, 'Conflict', 'NotFound')) throw error
      }
    }
  }

  async #remove(name: string): Promise<void> {
    await remove(this.#base.store, PeeringCandidateKind, key(name))
    this.#drop(name)
  }

  /** Writes down how long entries hold that were prolonged. */
  async #persist(): Promise<void> {
    const { store } = this.#base
    const names = [...this.#unwritten]
    this.#unwritten.clear()
    await inBatches(names, async (name) => {
      const entry = this.#entries.get(name)
      if (entry === undefined) return
      const { object, seenAt, validUntil } = entry
      const spec = { ...object.spec, seenAt: rfc3339(seenAt), validUntil: rfc3339(validUntil) }
      try {
        this.#remember(await store.update(PeeringCandidateKind, { ...object, spec }))
      } catch (error) {
        // Conflict or gone: another writer came first: it is written again when it is prolonged the next time.
        if (!isStoreError(error, 'Conflict', 'NotFound')) throw error
      }
    })
  }

  /** Forgets what is long over; keeps the version of what others brought us. */
  async #sweep(): Promise<void> {
    const now = this.#now()
    const old: string[] = []
    const turns = new Turns(this.#base.system.clock)
    let looked = 0
    for (const entry of this.#entries.values()) {
      if (looked++ % STRIDE === 0) await turns.next()
      const { withdrawnAt, origin } = entry.object.spec
      const end = withdrawnAt === undefined ? this.#until(entry) : Date.parse(withdrawnAt)
      const versioned = origin === 'advertised' || origin === 'mirrored'
      const keep = withdrawnAt !== undefined && versioned ? KEEP_VERSION_MS : KEEP_STALE_MS
      if (end + keep < now) old.push(entry.name)
    }
    await inBatches(old, async (name) => {
      const spec = this.#entries.get(name)?.object.spec
      if (spec === undefined) return
      const versioned = spec.origin === 'advertised' || spec.origin === 'mirrored'
      if (versioned && spec.withdrawnAt === undefined) await this.#bury(name, spec.source?.nodeID ?? '')
      else await this.#remove(name)
    })
  }

  /** Does a piece of tidying later, once for all who ask meanwhile. */
  #later(ms: number, work: 'sweep' | 'persist'): void {
    const { system, log } = this.#base
    if (this.#unsubscribe === undefined || this.#timers.has(work)) return
    const timer = system.clock.after(ms, () => {
      this.#timers.delete(work)
      const tidying: Promise<void> = (work === 'sweep' ? this.#sweep() : this.#persist())
        .catch((error: unknown) => {
          if (!isStoreError(error, 'Unavailable')) log.warn({ err: error }, 'peering candidates not tidied')
        })
        .finally(() => {
          this.#tidying.delete(tidying)
          if (work === 'sweep') this.#later(SWEEP_EVERY_MS, 'sweep')
        })
      this.#tidying.add(tidying)
    })
    this.#timers.set(work, timer)
  }

  #now(): number {
    return this.#base.system.clock.now()
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += BATCH) {
    await Promise.all(items.slice(from, from + BATCH).map(work))
  }
}
