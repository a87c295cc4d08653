/** What a ranking of offers takes into account besides the offers and what is wanted. */
import type { Requirements } from '../objects/requirements.ts'
import type { Commitment } from '../spending/index.ts'

/** What may be paid. */
export interface MoneyContext {
  /** What may be paid for all parts together, where that is not what the request says. */
  readonly limits?: Pick<Requirements, 'maxPrice' | 'budget'>
  /** What other parts of the same intent cost. */
  readonly spoken?: Commitment
}

/** What a ranking of offers takes into account besides the offers and what is wanted: time, place, experience. */
export interface RankingContext extends MoneyContext {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Our own node id: our own offers are not bought. */
  readonly self: string
  /** Our own domain: inside it owners are dealt with directly where they can be reached. */
  readonly domain?: string
  /** By our own facts, from 0 to 5, of a node id; undefined where there are none. */
  readonly ratingOf: (nodeID: string) => number | undefined
  /** Measured round trip to a node in milliseconds, when known. */
  readonly latencyOf?: (nodeID: string) => number | undefined
  /** Offers that were just refused or failed, with the reason. */
  readonly excluded?: ReadonlyMap<string, string>
  /**
   * @param reachedThroughOthers whether it does not matter that we cannot reach it ourselves
   * @returns why nothing is bought from or through a node for now, if so
   */
  readonly failedLately?: (nodeID: string, reachedThroughOthers: boolean) => string | undefined
}
