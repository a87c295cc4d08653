/** What every step of an acquisition is given, and what it remembers of one between two reconciles. */
import type { AvailableResources } from '../available-resources/index.ts'
import type { Informer } from '../kernel/informer.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import type { Clock } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { keyOf, keyString, type KubeObject } from '../objects/meta.ts'
import type { Solver } from '../objects/solver.ts'
import type { PeeringCandidates } from '../peering-candidates/index.ts'
import type { RatingsAndMetrics } from '../ratings-and-metrics/index.ts'
import type { IntentSpending } from '../spending/index.ts'
import type { SellerOfOptions } from './seller-of.ts'

export interface RearManagerOptions extends NodeBase, Omit<SellerOfOptions, 'self'> {
  readonly available: AvailableResources
  readonly candidates: PeeringCandidates
  readonly ratings: RatingsAndMetrics
  readonly spending: IntentSpending
  /** Measured round trip to a node in milliseconds. */
  readonly latencyOf: (nodeID: string) => number | undefined
  /** Asks the Contract Manager for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}

/** An offer, or a node, that just failed is not taken again for this long. */
export const EXCLUDE_MS = 60_000

/** Until what an earlier acquisition of the same name left is gone. */
export const TAKEN_RETRY_MS = 200

/** Before asking everybody again when no offer fits. */
const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 60_000

interface Exclusion {
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly until: number
}

/** In memory only: forgotten on restart, which is harmless, and with its Solver. */
export class AcquisitionMemory {
  /** How often nobody had what is wanted, and when everybody is asked again. */
  readonly searches: Backoffs
  readonly #clock: Clock
  /** Solver → flavor. */
  readonly #excluded = new Map<string, Map<string, Exclusion>>()
  /** Solver → owner. */
  readonly #unreached = new Map<string, string>()

  constructor(clock: Clock, solvers: Informer<Solver>) {
    this.#clock = clock
    this.searches = new Backoffs({ clock, firstMs: RETRY_MS, longestMs: LONGEST_RETRY_MS, of: solvers })
    solvers.onChange(({ type, object }) => {
      if (type !== 'deleted') return
      this.#excluded.delete(idOf(object))
      this.#unreached.delete(idOf(object))
    })
  }

  /** An offer just failed: it is not taken again for a while. */
  exclude(solver: Solver, flavorID: string, reason: string): void {
    const before = this.#excluded.get(idOf(solver)) ?? new Map<string, Exclusion>()
    this.#excluded.set(idOf(solver), before.set(flavorID, { reason, until: this.#clock.now() + EXCLUDE_MS }))
  }

  /** @returns the flavors that are not taken now, with the reason */
  excluded(solver: Solver): ReadonlyMap<string, string> {
    const now = this.#clock.now()
    return new Map(
      [...(this.#excluded.get(idOf(solver)) ?? [])]
        .filter(([, { until }]) => until > now)
        .map(([flavor, { reason }]) => [flavor, reason]),
    )
  }

  /** An owner could not be reached, so it is dealt with through a relay. */
  notReached(solver: Solver, owner: string): void {
    this.#unreached.set(idOf(solver), owner)
  }

  /** @returns whether an owner is dealt with through a relay because it could not be reached */
  isUnreached(solver: Solver, owner: string): boolean {
    return this.#unreached.get(idOf(solver)) === owner
  }
}

/** A plan has no uid: it is for a Solver that is not there yet. */
function idOf(solver: KubeObject): string {
  return keyString(keyOf(solver))
}

/** What each step works with. */
export interface AcquisitionContext extends RearManagerOptions {
  readonly memory: AcquisitionMemory
}
