/**
 * Sums facts that are not kept any more into the Rating of the node that they are about.
 *
 * The sum says until when it reaches: what happened before counts in there and nowhere else, whether its fact is still
 * in the store or not. So writing the sum and removing the facts need not be one thing.
 */
import type { Informers } from '../kernel/informer.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import type { Summing } from '../kernel/retention/index.ts'
import type { System } from '../kernel/system.ts'
import { FactKind, type Fact } from '../objects/fact.ts'
import { RatingKind } from '../objects/rating.ts'
import { sumFacts } from './rate.ts'
import { ratingKey } from './rating-key.ts'

export interface FactSummingOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  /** How long facts are kept one by one, in milliseconds. */
  readonly keptMs: number
}

export class FactSumming implements Summing<Fact> {
  readonly kind = FactKind
  readonly #options: FactSummingOptions

  constructor(options: FactSummingOptions) {
    this.#options = options
  }

  async sum(facts: readonly Fact[]): Promise<readonly Fact[]> {
    const byNode = Map.groupBy(facts, ({ spec }) => spec.about)
    const summed = await Promise.all(Array.from(byNode, ([nodeID, each]) => this.#sumOf(nodeID, each)))
    return summed.flat()
  }

  async #sumOf(nodeID: string, facts: readonly Fact[]): Promise<readonly Fact[]> {
    const { store, informers, system, keptMs } = this.#options
    const rating = await store.get(RatingKind, ratingKey(nodeID))
    // It is about to be written, or was removed by hand: then it is written anew when there is a fact more.
    if (rating?.status === undefined) return []
    const { summed } = rating.status
    const last = Math.max(...facts.map(({ spec }) => Date.parse(spec.at)))
    if (summed !== undefined && last < Date.parse(summed.until)) return facts
    // All that is not kept any more, at once: adding up few at a time would read all of them each time.
    const until = Math.max(last + 1, system.clock.now() - keptMs)
    // All of that time, and not only those that were asked for: the others would never count.
    const about = informers.of(FactKind).byIndex('about', nodeID)
    const specs = [...new Map([...about, ...facts].map((fact) => [fact.metadata.uid, fact.spec])).values()]
    try {
      await store.update(RatingKind, {
        ...rating,
        status: { ...rating.status, summed: sumFacts(specs, until, system.clock.now(), summed) },
      })
      return facts
    } catch (error) {
      if (isStoreError(error, 'Conflict', 'NotFound')) return []
      throw error
    }
  }
}
