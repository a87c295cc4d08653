/**
 * Records facts about past dealings, and keeps the rating of each node in line with them. How a rating is
 * computed is `rate`'s. Owns the tables Fact and Rating.
 */
import { createHash } from 'node:crypto'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, isStoreError, mutateStatus } from '../kernel/object-store.ts'
import { randomHex, rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { FactKind, type FactType } from '../objects/fact.ts'
import { DEFAULT_NAMESPACE, type ObjectKey } from '../objects/meta.ts'
import { RatingKind } from '../objects/rating.ts'
import { rate } from './rate.ts'

/** What makes one look for somebody else, at least for a while. */
const FAILURES: ReadonlySet<FactType> = new Set<FactType>([
  'Unreachable',
  'InvalidAnswer',
  'PeeringFailed',
  'Breached',
  'ClosedBySeller',
])

export class RatingsAndMetrics implements Component {
  readonly #base: NodeBase
  readonly #controller: Controller

  constructor(base: NodeBase) {
    this.#base = base
    const facts = base.informers.of(FactKind)
    facts.addIndex('about', (fact) => [fact.spec.about])
    facts.addIndex('rating', (fact) => [ratingKey(fact.spec.about).name])
    base.informers.of(RatingKind)
    this.#controller = new Controller({
      name: 'ratings',
      system: base.system,
      log: base.log,
      watches: [{ informer: facts, keys: ({ object }) => ratingKey(object.spec.about) }],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /**
   * Records a fact about a dealing.
   * @param about node id of the other side
   * @param once makes the fact unique: recording it again, after a crash, changes nothing
   */
  async record(
    about: string,
    type: FactType,
    options: { readonly contractID?: string; readonly detail?: string; readonly once?: string } = {},
  ): Promise<void> {
    const { store, system, log } = this.#base
    const suffix = options.once === undefined ? randomHex(system.random, 8) : hash(`${type} ${options.once}`)
    try {
      await ensure(
        store,
        FactKind,
        {
          metadata: { namespace: DEFAULT_NAMESPACE, name: `fact-${hash(about).slice(0, 8)}-${suffix}` },
          spec: {
            about,
            type,
            at: rfc3339(system.clock.now()),
            ...(options.contractID === undefined ? {} : { contractID: options.contractID }),
            ...(options.detail === undefined ? {} : { detail: options.detail }),
          },
        },
        { deferrable: true },
      )
    } catch (error) {
      // A dealing must not fail because it could not be noted.
      if (isStoreError(error)) log.warn({ err: error, about, type }, 'fact not recorded')
      else throw error
    }
  }

  /** @returns from 0 to 5, of a node id; undefined when no fact about it was noted */
  ownRatingOf(nodeID: string): number | undefined {
    return this.#base.informers.of(RatingKind).get(ratingKey(nodeID))?.status?.score
  }

  /**
   * @param withinMs how long ago a failure still counts, in milliseconds
   * @param except a failure that does not count: that it cannot be reached, where one deals with it through others
   * @returns what went wrong with a node lately, for people; undefined when nothing did
   */
  failedLately(nodeID: string, withinMs: number, except?: FactType): string | undefined {
    const { informers, system } = this.#base
    const since = system.clock.now() - withinMs
    const last = informers
      .of(FactKind)
      .byIndex('about', nodeID)
      .find(({ spec }) => FAILURES.has(spec.type) && spec.type !== except && Date.parse(spec.at) > since)
    return last && `${last.spec.type}${last.spec.detail === undefined ? '' : `: ${last.spec.detail}`}`
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const { store, system, informers } = this.#base
    const facts = informers.of(FactKind).byIndex('rating', key.name)
    const nodeID = facts[0]?.spec.about
    if (nodeID === undefined) return
    const now = system.clock.now()
    const { score, confidence } = rate(
      facts.map((each) => each.spec),
      now,
    )
    await ensure(
      store,
      RatingKind,
      { metadata: key as { name: string }, spec: { nodeID } },
      { deferrable: true },
    )
    await mutateStatus(
      store,
      RatingKind,
      key,
      (rating) =>
        rating.status?.score === score && rating.status.facts === facts.length
          ? undefined
          : { score, confidence, facts: facts.length, updated: rfc3339(now) },
      { deferrable: true },
    )
  }
}

function ratingKey(nodeID: string): ObjectKey {
  return { namespace: DEFAULT_NAMESPACE, name: `rating-${hash(nodeID)}` }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
