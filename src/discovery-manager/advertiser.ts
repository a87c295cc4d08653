/**
 * Keeps catalogs, and the supernode of our domain, informed of what is on offer (workflow 4, step 0).
 *
 * Level-triggered: for each of them it compares what is on offer with what it was told, and sends the
 * difference; what fails is compared again later, so nothing that was once not heard stays unheard. What was told
 * is kept in memory only: after a restart everything is told again, and what is gone meanwhile taken back.
 */
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { FlavorKind, type Flavor, type Visibility } from '../objects/flavor.ts'
import { parseNodeId } from '../objects/ids.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { PeerKind, type Peer } from '../objects/peer.ts'
import type { NodeBase } from '../node-base.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { flavorToWire } from '../rear/wire/index.ts'
import type { AdvertisementResult } from './advertisement-handler.ts'

/** An offer to be told of. */
export interface Offer {
  readonly flavorID: string
  readonly visibility: Visibility
  /** The wire flavor with its signature, as JSON. */
  readonly encoded: string
}

/** Offers that are not our own: what a supernode tells catalogs of its domain. */
export interface OfferSource {
  list(): readonly Offer[]
  /** @returns ends it */
  onChange(changed: () => void): () => void
}

export interface AdvertiserOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  /** AdvertisedState to catalogs, beside our own. */
  readonly others?: OfferSource
  /** Whether a peer may be told of offers of a visibility; what `mayKnow` says unless given. */
  readonly mayKnow?: (peer: Peer, visibility: Visibility) => boolean
  /** For how long to ask to be believed, in milliseconds. */
  readonly validForMs?: number
}

interface AdvertisedState {
  /** Of which node id this is what it was told. */
  readonly nodeID: string
  /** Whether it was asked to forget what we told it in an earlier life. */
  tidied: boolean
  readonly offers: Map<string, { encoded: string; refreshAt: number; refreshFrom: number; refused?: string }>
}

const VALID_FOR_MS = 5 * 60_000
/** Changes that come in a burst are told together. */
const GATHER_MS = 50
const TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000
/** An offer goes with others that are refreshed when at least this part of its own time has passed. */
const ALONG = 0.7
/** An offer that was refused is tried again after this time: a quota may be free again. */
const REFUSED_RETRY_MS = 60_000
/** A peer that takes no advertisements may take them after its next update. */
const NOT_SUPPORTED_RETRY_MS = 10 * 60_000
/** Standing and role change without an event: a credential runs out. */
const LOOK_AGAIN_MS = 30_000
const MOST_BYTES = 512 * 1024
const MOST_FLAVORS = 500
const MOST_IDS = 5_000

export class Advertiser implements Component {
  readonly #options: AdvertiserOptions
  readonly #controller: Controller
  readonly #told = new Map<string, AdvertisedState>()
  readonly #backoffs: Backoffs
  /** Our own offers by name, as they are told, with the version of the flavor that they were made of. */
  readonly #encoded = new Map<string, { readonly version: string; readonly offer: Offer }>()
  #unsubscribe: (() => void)[] = []

  constructor(options: AdvertiserOptions) {
    this.#options = options
    options.informers.of(FlavorKind)
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: FIRST_RETRY_MS,
      longestMs: LONGEST_RETRY_MS,
    })
    this.#controller = new Controller({
      name: 'advertiser',
      system: options.system,
      log: options.log,
      concurrency: 8,
      watches: [{ informer: options.informers.of(PeerKind) }],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  async start(): Promise<void> {
    if (this.#unsubscribe.length > 0) return
    const { informers, others } = this.#options
    await this.#controller.start()
    this.#unsubscribe = [
      informers.of(FlavorKind).onChange(({ type, object }) => {
        if (type === 'deleted') this.#encoded.delete(object.metadata.name)
        this.#gather()
      }),
      others?.onChange(() => this.#gather()) ?? (() => undefined),
    ]
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
    await this.#controller.stop()
    for (const name of this.#told.keys()) this.#forget(name)
  }

  #forget(name: string): void {
    this.#told.delete(name)
    this.#backoffs.forget(name)
  }

  #gather(): void {
    for (const name of this.#told.keys()) this.#controller.enqueueAfter({ name }, GATHER_MS)
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { informers, log } = this.#options
    const peer = informers.of(PeerKind).get(key)
    const nodeID = peer?.spec.nodeID
    if (peer?.spec.address === undefined || nodeID === undefined || !this.#isTold(peer)) {
      this.#forget(key.name)
      return peer && roleOf(peer) !== 'node' ? requeueAfter(LOOK_AGAIN_MS) : undefined
    }
    const told = this.#toldTo(key.name, nodeID)
    try {
      await this.#bringInLine(peer, told, signal)
      this.#backoffs.forget(key.name)
      return requeueAfter(this.#nextLook(told))
    } catch (error) {
      if (signal.aborted || (!isTransportError(error) && !isProblem(error))) throw error
      if (isProblem(error, 'not-supported', 'route-not-found', 'method-not-allowed')) {
        log.info({ err: error, peer: nodeID }, 'a peer takes no advertisements')
        return requeueAfter(NOT_SUPPORTED_RETRY_MS)
      }
      const requeueAfterMs = this.#backoffs.failed(key.name)
      log[this.#backoffs.failures(key.name) === 1 ? 'warn' : 'debug'](
        { err: error, peer: nodeID },
        'offers not advertised; will try again',
      )
      return requeueAfter(requeueAfterMs)
    }
  }

  #toldTo(name: string, nodeID: string): AdvertisedState {
    const known = this.#told.get(name)
    if (known?.nodeID === nodeID) return known
    const told: AdvertisedState = { nodeID, tidied: false, offers: new Map() }
    this.#forget(name)
    this.#told.set(name, told)
    return told
  }

  /** Sends what is gone, what is new, what has to be refreshed; each part that is heard counts. */
  async #bringInLine(peer: Peer, told: AdvertisedState, signal: AbortSignal): Promise<void> {
    const offers = new Map(this.#offersFor(peer).map((offer) => [offer.flavorID, offer]))
    if (!told.tidied) {
      await this.#withdraw(peer, { keep: [...offers.keys()] }, signal)
      told.tidied = true
    }
    const now = this.#now()
    const unheard: Offer[] = []
    const due: string[] = []
    // One message for many costs the other side as much as one for a single offer.
    const isDue = [...told.offers.values()].some(
      ({ refreshAt, refused }) => refreshAt <= now && refused === undefined,
    )
    for (const offer of offers.values()) {
      const heard = told.offers.get(offer.flavorID)
      if (heard === undefined || heard.encoded !== offer.encoded) unheard.push(offer)
      else if (heard.refused !== undefined) {
        if (heard.refreshAt <= now) unheard.push(offer)
      } else if (isDue && heard.refreshFrom <= now) due.push(offer.flavorID)
    }
    for (const part of parts(unheard)) {
      const results = await this.#advertise(peer, { flavors: part.map(({ encoded }) => encoded) }, signal)
      for (const [index, { flavorID, encoded }] of part.entries())
        this.#heard(told, flavorID, encoded, results[index])
    }
    for (let from = 0; from < due.length; from += MOST_IDS) {
      const part = due.slice(from, from + MOST_IDS)
      const results = await this.#advertise(peer, { refresh: part }, signal)
      for (const [index, flavorID] of part.entries()) {
        // What it has forgotten is told in full, at once.
        if (results[index]?.outcome !== 'accepted') told.offers.delete(flavorID)
        else this.#heard(told, flavorID, offers.get(flavorID)!.encoded, results[index])
      }
    }
    const gone = [...told.offers.keys()].filter((flavorID) => !offers.has(flavorID))
    for (let from = 0; from < gone.length; from += MOST_IDS) {
      const flavorIDs = gone.slice(from, from + MOST_IDS)
      await this.#withdraw(peer, { flavorIDs }, signal)
      for (const flavorID of flavorIDs) told.offers.delete(flavorID)
    }
  }

  #heard(
    told: AdvertisedState,
    flavorID: string,
    encoded: string,
    result: AdvertisementResult | undefined,
  ): void {
    const { log, system } = this.#options
    const now = this.#now()
    if (result?.outcome === 'accepted') {
      const validFor = (Date.parse(result.validUntil ?? '') || now) - now
      // A third of the time is left for two more attempts; not all providers at the same moment.
      const share = 0.3 + 0.1 * (system.random.bytes(1)[0]! / 255)
      const pause = Math.max(1_000, validFor * share)
      told.offers.set(flavorID, { encoded, refreshAt: now + pause, refreshFrom: now + ALONG * pause })
      return
    }
    const refused = result?.reason ?? 'no result'
    if (told.offers.get(flavorID)?.refused !== refused) {
      log.warn(
        { peer: told.nodeID, flavorID, reason: refused, detail: result?.detail },
        'an offer was not taken',
      )
    }
    const refreshAt = now + REFUSED_RETRY_MS
    told.offers.set(flavorID, { encoded, refreshAt, refreshFrom: refreshAt, refused })
  }

  async #advertise(
    peer: Peer,
    message: { readonly flavors?: readonly string[]; readonly refresh?: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly AdvertisementResult[]> {
    const { client, validForMs = VALID_FOR_MS } = this.#options
    const flavors = message.flavors?.map((encoded) => JSON.parse(encoded) as unknown)
    const answer = await client.call(targetOf(peer), {
      method: 'POST',
      path: '/api/v2/advertisements',
      body: { ...message, ...(flavors ? { flavors } : {}), validForMs },
      timeoutMs: TIMEOUT_MS,
      signal,
    })
    const results = (answer.body as { results?: unknown } | undefined)?.results
    return Array.isArray(results) ? (results as AdvertisementResult[]) : []
  }

  async #withdraw(
    peer: Peer,
    body: { readonly flavorIDs?: readonly string[]; readonly keep?: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#options
    await client.call(targetOf(peer), {
      method: 'DELETE',
      path: '/api/v2/advertisements',
      body,
      timeoutMs: TIMEOUT_MS,
      signal,
    })
  }

  #offersFor(peer: Peer): readonly Offer[] {
    const { informers, others } = this.#options
    const own = informers
      .of(FlavorKind)
      .list()
      .filter(({ spec }) => spec.signature !== undefined && spec.availability)
      .map((flavor) => this.#offerOf(flavor))
    const all = roleOf(peer) === 'catalog' ? [...own, ...(others?.list() ?? [])] : own
    return all.filter(({ visibility }) => this.#mayKnow(peer, visibility))
  }

  #offerOf(flavor: Flavor): Offer {
    const { name, resourceVersion: version } = flavor.metadata
    const known = this.#encoded.get(name)
    if (known?.version === version) return known.offer
    const offer: Offer = {
      flavorID: flavor.metadata.name,
      visibility: flavor.spec.visibility ?? 'public',
      encoded: JSON.stringify(flavorToWire(flavor)),
    }
    this.#encoded.set(name, { version, offer })
    return offer
  }

  /** The supernode of our domain may know everything; a catalog tells anybody, so it is told what is public. */
  #mayKnow(peer: Peer, visibility: Visibility): boolean {
    const { mayKnow } = this.#options
    if (mayKnow) return mayKnow(peer, visibility)
    return roleOf(peer) === 'supernode' || visibility === 'public'
  }

  /** Catalogs, and the supernode of our own domain, as it proved or as the user configured it. */
  #isTold(peer: Peer): boolean {
    const { registry, self } = this.#options
    const nodeID = parseNodeId(peer.spec.nodeID!)
    if (registry.standing(nodeID) !== 'accepted') return false
    const membership = registry.membershipOf(nodeID)
    switch (roleOf(peer)) {
      case 'catalog':
        return true
      case 'supernode':
        return membership
          ? membership.role === 'supernode' && membership.domain === self.domain
          : peer.spec.role === 'supernode' && (peer.spec.domain ?? self.domain) === self.domain
      case 'node':
        return false
    }
  }

  #nextLook(told: AdvertisedState): number {
    const now = this.#now()
    let next = now + LOOK_AGAIN_MS
    for (const { refreshAt } of told.offers.values()) if (refreshAt < next) next = refreshAt
    return Math.max(1, next - now)
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}

function roleOf({ spec, status }: Peer): NonNullable<Peer['spec']['role']> {
  return spec.role ?? status?.role ?? 'node'
}

function targetOf(peer: Peer): { readonly address: string; readonly id: ReturnType<typeof parseNodeId> } {
  return { address: peer.spec.address!, id: parseNodeId(peer.spec.nodeID!) }
}

/** Cuts offers into messages. */
function* parts(offers: readonly Offer[]): Generator<readonly Offer[], void, undefined> {
  let part: Offer[] = []
  let bytes = 0
  for (const offer of offers) {
    const size = Buffer.byteLength(offer.encoded)
    if (part.length > 0 && (part.length === MOST_FLAVORS || bytes + size > MOST_BYTES)) {
      yield part
      part = []
      bytes = 0
    }
    part.push(offer)
    bytes += size
  }
  if (part.length > 0) yield part
}
