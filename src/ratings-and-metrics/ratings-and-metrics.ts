/**
 * Derives facts about past dealings from what the objects of reservations, contracts and virtual nodes say, and keeps
 * the rating of each node in line with the facts. How a rating is computed is `rate`'s. Owns the tables Fact
 * (through the recorder's sink `FactObjects`) and Rating.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { Informer } from '../kernel/informer.ts'
import { isStoreError } from '../kernel/object-store.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind } from '../objects/contract.ts'
import { CONTRACT_ENDS, FactKind, type FactType } from '../objects/fact.ts'
import { inDefaultNamespace, keyString, type KubeObject, type ObjectKey } from '../objects/meta.ts'
import { RatingKind, type Rating } from '../objects/rating.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { factName, type FactObjects } from './fact-objects.ts'
import {
  factOfEnd,
  factOfPeering,
  factOfReservation,
  factOfSale,
  type DerivedFact,
  type FactsOf,
} from './facts-of.ts'
import { notSummed, rate } from './rate.ts'
import { ratingKey } from './rating-key.ts'

/** What makes one look for somebody else, at least for a while. */
const FAILURES: ReadonlySet<FactType> = new Set<FactType>([
  'Unreachable',
  'InvalidAnswer',
  'PeeringFailed',
  'Breached',
  'ClosedBySeller',
])

/** A rating is written at most this often: facts often come several at a time. */
const RATE_EVERY_MS = 1_000
/** The informer will show what another writer made by then. */
const RETRY_MS = 100
/** What happened longer ago was noted then; that its fact is not here any more is the work of retention. */
const DERIVED_WITHIN_MS = 7 * 86_400_000

export interface RatingsAndMetricsOptions extends NodeBase {
  /** The sink of the recorder that stores facts. */
  readonly facts: FactObjects
}

export class RatingsAndMetrics implements Component {
  readonly #options: RatingsAndMetricsOptions
  readonly #controller: Controller
  /** By rating: when it was written last, on the monotonic clock. */
  readonly #written = new Map<string, number>()
  #unsubscribe: (() => void)[] = []

  constructor(options: RatingsAndMetricsOptions) {
    this.#options = options
    const { informers, system, log } = options
    const facts = informers.of(FactKind)
    facts.addIndex('rating', (fact) => [ratingKey(fact.spec.about).name])
    informers.of(RatingKind)
    informers.of(ContractKind)
    informers.of(ReservationKind)
    informers.of(VirtualNodeKind)
    this.#controller = new Controller({
      name: 'ratings',
      system,
      log,
      watches: [
        {
          informer: facts,
          keys: ({ type, object }) => {
            const key = ratingKey(object.spec.about)
            // One that retention removes is in the sum: nothing changes by that, and all facts would be read for it.
            const summed = informers.of(RatingKind).get(key)?.status?.summed
            return type === 'deleted' && notSummed([object.spec], summed).length === 0 ? undefined : key
          },
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  async start(): Promise<void> {
    const { informers } = this.#options
    // First all facts that are there, then what they are derived from: nothing is written that is stored already.
    await this.#controller.start()
    if (this.#unsubscribe.length > 0) return
    await Promise.all([
      this.#derive(informers.of(ReservationKind), (object) => [factOfReservation(object)]),
      this.#derive(informers.of(ContractKind), (object) => [factOfSale(object), factOfEnd(object)]),
      this.#derive(informers.of(VirtualNodeKind), (object) => [factOfPeering(object)]),
    ])
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
    await this.#controller.stop()
  }

  /** @returns from 0 to 5, of a node id; undefined when no fact about it was noted */
  ownRatingOf(nodeID: string): number | undefined {
    return this.#options.informers.of(RatingKind).get(ratingKey(nodeID))?.status?.score
  }

  /**
   * @param withinMs how long ago a failure still counts, in milliseconds
   * @param except a failure that does not count: that it cannot be reached, where one deals with it through others
   * @returns what went wrong with a node lately, for people; undefined when nothing did
   */
  failedLately(nodeID: string, withinMs: number, except?: FactType): string | undefined {
    const { facts, system } = this.#options
    const since = system.clock.now() - withinMs
    const last = facts
      .about(nodeID)
      .find(({ type, at }) => FAILURES.has(type) && type !== except && Date.parse(at) > since)
    return last && `${last.type}${last.detail === undefined ? '' : `: ${last.detail}`}`
  }

  /** Notes what the objects of a kind say, and what they come to say. */
  async #derive<T extends KubeObject>(informer: Informer<T>, factsOf: FactsOf<T>): Promise<void> {
    const look = (object: T): void => factsOf(object).forEach((fact) => fact && this.#note(fact))
    this.#unsubscribe.push(informer.onChange(({ object }) => look(object)))
    await informer.start()
    informer.list().forEach(look)
  }

  #note(fact: DerivedFact): void {
    const { facts, recorder, system } = this.#options
    const types = CONTRACT_ENDS.includes(fact.type) ? CONTRACT_ENDS : [fact.type]
    if (types.some((type) => facts.isKnown(factName({ ...fact, type }, system)))) return
    if ((fact.at ?? Infinity) < system.clock.now() - DERIVED_WITHIN_MS) return
    recorder.fact(fact.about, fact.type, fact)
  }

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { system, informers } = this.#options
    const { clock } = system
    const facts = informers.of(FactKind).byIndex('rating', key.name)
    const nodeID = facts[0]?.spec.about
    if (nodeID === undefined) return
    const name = keyString(key)
    const wait = (this.#written.get(name) ?? -Infinity) + RATE_EVERY_MS - clock.monotonic()
    if (wait > 0) return requeueAfter(wait)
    const before = informers.of(RatingKind).get(key)
    const summed = before?.status?.summed
    const specs = facts.map(({ spec }) => spec)
    const { score, confidence } = rate(specs, clock.now(), summed)
    const count = notSummed(specs, summed).length + (summed?.facts ?? 0)
    if (before?.status?.score === score && before.status.facts === count) return
    this.#written.set(name, clock.monotonic())
    const updated = rfc3339(clock.now())
    const status = { score, confidence, facts: count, updated, ...(summed ? { summed } : {}) }
    return this.#write(key, before, { nodeID }, status)
  }

  /** One call; where the informer lags behind, it is made again when it has caught up. */
  async #write(
    key: ObjectKey,
    before: Rating | undefined,
    spec: Rating['spec'],
    status: NonNullable<Rating['status']>,
  ): Promise<ReconcileResult> {
    const { store } = this.#options
    try {
      if (before === undefined) {
        const metadata = inDefaultNamespace(key.name)
        await store.create(RatingKind, { metadata, spec, status }, { deferrable: true })
      } else {
        await store.update(RatingKind, { ...before, spec, status }, { deferrable: true })
      }
    } catch (error) {
      if (!isStoreError(error)) throw error
      this.#written.delete(keyString(key))
      if (!isStoreError(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error
      return requeueAfter(RETRY_MS)
    }
  }
}
