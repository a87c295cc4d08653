/**
 * How much may be held, and by whom, without being bought: in number, of a pool, and how often. A hold costs its buyer
 * nothing and keeps all others from buying; what is bought is no hold any more.
 *
 * In memory, by this process: what was held before a restart ends within a hold's time. Who proves nothing is counted by
 * the address that it comes from, and all of those together as one domain.
 */
import { RateGate } from '../kernel/rate-gate.ts'
import type { System } from '../kernel/system.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { add, isZero, parseQuantity } from '../quantity/index.ts'
import { Problem } from '../rear/problem.ts'

export interface HoldLimitSettings {
  /** Holds that one buyer may have at a time. */
  readonly perBuyer: number
  /** Holds that all buyers of one domain may have at a time. */
  readonly perDomain: number
  /** Between 0 and 1: the part of a pool that a buyer may hold who lately let a hold of it run out unbought. */
  readonly share: number
  /** Holds a minute that a buyer may have without buying. */
  readonly perMinute: number
}

/** Who holds: a node, or whoever comes from an address. */
export interface Holder {
  readonly buyer: string
  readonly domain: string
}

interface Hold extends Holder {
  /** Milliseconds since 1970. */
  until: number
  pool: string | undefined
  amounts: Amounts
}

export interface HoldLimitsOptions {
  readonly system: System
  readonly settings: HoldLimitSettings
  /** How long a hold lasts, in milliseconds. */
  readonly holdMs: number
}

/** For so many times its length, a hold that ran out unbought still counts as a part of the pool. */
const REMEMBERED = 3
const MOST_BUYERS = 10_000

export class HoldLimits {
  readonly #options: HoldLimitsOptions
  readonly #holds = new Map<string, Hold>()
  readonly #rates = new Map<string, RateGate>()

  constructor(options: HoldLimitsOptions) {
    this.#options = options
  }

  /**
   * Counts a hold, before it is made; one that is counted already stays.
   * @returns whether it was counted now, so that whoever does not get it takes it back with `end`
   * @throws Problem `too-many-requests` when the buyer, or its domain, has too many, or asks too often
   */
  begin(id: string, holder: Holder): boolean {
    const { settings, system, holdMs } = this.#options
    const now = system.clock.now()
    this.#forget(now)
    if (this.#holds.has(id)) return false
    let ofBuyer = 0
    let ofDomain = 0
    for (const { buyer, domain, until } of this.#holds.values()) {
      if (until <= now) continue
      if (buyer === holder.buyer) ofBuyer++
      if (domain === holder.domain) ofDomain++
    }
    if (ofBuyer >= settings.perBuyer)
      throw tooMany(`a buyer may hold ${settings.perBuyer} parts at a time`, holdMs)
    if (ofDomain >= settings.perDomain)
      throw tooMany(`the buyers of a domain may hold ${settings.perDomain} parts at a time`, holdMs)
    if (!this.#rateOf(holder.buyer).pass())
      throw tooMany(`a buyer may hold ${settings.perMinute} parts a minute without buying them`, 60_000)
    this.#holds.set(id, { ...holder, until: now + holdMs, pool: undefined, amounts: {} })
    return true
  }

  /**
   * Says what of which pool a hold is for.
   * @throws Problem `wrong-configuration` when it is for nothing, `too-many-requests` when it is too large a part
   */
  ofPool(id: string, pool: string, capacity: Amounts, amounts: Amounts): void {
    if (Object.values(amounts).every((amount) => isZero(parseQuantity(amount))))
      throw new Problem('wrong-configuration', 'nothing is asked for')
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    const others = [...this.#holds.values()].filter(
      (other) => other !== hold && other.buyer === hold.buyer && other.pool === pool,
    )
    const { settings, system } = this.#options
    // An intent may need all of it in several parts: only who does not buy what it holds is limited.
    if (settings.share < 1 && others.some(({ until }) => until <= system.clock.now()))
      checkShare(settings.share, capacity, [amounts, ...others.map((other) => other.amounts)])
    hold.pool = pool
    hold.amounts = amounts
  }

  /** The hold was bought: it counts no more, and its buyer may have another one for it. */
  bought(id: string): void {
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    this.#holds.delete(id)
    this.#rates.get(hold.buyer)?.giveBack()
  }

  /** The hold was given back, or never came to be. */
  end(id: string): void {
    this.#holds.delete(id)
  }

  #forget(now: number): void {
    const { holdMs } = this.#options
    // The oldest first.
    for (const [id, { until, pool }] of this.#holds) {
      if (until + (pool === undefined ? 0 : REMEMBERED * holdMs) > now) break
      this.#holds.delete(id)
    }
  }

  #rateOf(buyer: string): RateGate {
    const known = this.#rates.get(buyer)
    if (known) return known
    const { settings, system } = this.#options
    if (this.#rates.size >= MOST_BUYERS) this.#rates.delete(this.#rates.keys().next().value!)
    const { perMinute } = settings
    const rate = new RateGate(system, { perSecond: perMinute / 60, burst: perMinute })
    this.#rates.set(buyer, rate)
    return rate
  }
}

/** @throws Problem `too-many-requests` when what is held together is more than `share` of the capacity */
function checkShare(share: number, capacity: Amounts, held: readonly Amounts[]): void {
  // What earlier holds had of other resources was looked at with them.
  for (const resource of Object.keys(held[0] ?? {})) {
    const whole = parseQuantity(capacity[resource] ?? '0')
    const total = held.map((amounts) => parseQuantity(amounts[resource] ?? '0')).reduce(add)
    if (total.nanos * 1_000n > whole.nanos * BigInt(Math.round(share * 1_000))) {
      const percent = Math.round(share * 100)
      throw tooMany(`who lets holds run out may hold ${percent} % of a pool (${resource})`, 60_000)
    }
  }
}

function tooMany(detail: string, ms: number): Problem {
  return new Problem('too-many-requests', detail, {
    headers: { 'retry-after': String(Math.ceil(ms / 1_000)) },
  })
}
