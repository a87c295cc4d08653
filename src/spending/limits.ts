/** Whether something more can be bought within what the user is ready to pay for all of an intent. Pure. */
import type { Requirements } from '../objects/requirements.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { formatPrice, parsePrice, ratePer, rateOf, type Price } from '../quantity/price.ts'

export type Limits = Pick<Requirements, 'maxPrice' | 'budget'>

/** @returns the limits that are set, and nothing else */
export function limitsOf({ maxPrice, budget }: Requirements = {}): Limits {
  return { ...(maxPrice && { maxPrice }), ...(budget && { budget }) }
}

/** What is spoken for: all that was spent and is reserved or bought, by currency; only what is not nothing. */
export interface Commitment {
  /** Billionths, until everything ends. */
  readonly cost: ReadonlyMap<string, bigint>
  /** As `rateOf` has it. */
  readonly rate: ReadonlyMap<string, bigint>
}

export const NOTHING: Commitment = { cost: new Map(), rate: new Map() }

/** Why something is over a limit; its members are those of a rejection. */
export interface LimitFault {
  readonly reason: 'currency-mismatch' | 'over-price' | 'over-budget'
  readonly detail: string
  readonly numbers?: Readonly<Record<string, string>>
}

/**
 * @param cost billionths, until it ends
 * @param spoken for by everything else
 * @returns undefined when it is within the limits; what costs nothing always is
 */
export function limitFault(
  price: Price,
  cost: bigint,
  { maxPrice, budget }: Limits,
  spoken: Commitment = NOTHING,
): LimitFault | undefined {
  if (parsePrice(price).billionths === 0n) return undefined
  if (maxPrice) {
    const { currency, period } = maxPrice
    const foreign = foreignTo(currency, price, spoken.rate)
    if (foreign) return foreign
    const others = spoken.rate.get(currency) ?? 0n
    if (rateOf(price) + others > rateOf(maxPrice)) {
      const beside = others === 0n ? '' : `, beside ${formatMoney(ratePer(others, period))} for other parts`
      return {
        reason: 'over-price',
        detail: `${formatPrice(price)}${beside}`,
        numbers: { wanted: formatPrice(maxPrice) },
      }
    }
  }
  if (budget) {
    const { currency } = budget
    const foreign = foreignTo(currency, price, spoken.cost)
    if (foreign) return foreign
    const others = spoken.cost.get(currency) ?? 0n
    const over = cost + others - parseMoney(budget.amount)
    if (over > 0n) {
      const beside =
        others === 0n ? '' : `, beside ${formatMoney(others)} that is spent or meant for other parts`
      return {
        reason: 'over-budget',
        detail: `${formatMoney(cost)} ${currency} in all${beside}`,
        numbers: { wanted: `${budget.amount} ${currency}`, over: formatMoney(over) },
      }
    }
  }
  return undefined
}

/** Currencies are not converted. */
function foreignTo(
  currency: string,
  price: Price,
  spoken: ReadonlyMap<string, bigint>,
): LimitFault | undefined {
  const foreign =
    price.currency === currency ? [...spoken.keys()].find((each) => each !== currency) : price.currency
  return foreign === undefined ? undefined : { reason: 'currency-mismatch', detail: foreign }
}

/** @returns both together */
export function addCommitments(a: Commitment, b: Commitment): Commitment {
  return { cost: addMoney(a.cost, b.cost), rate: addMoney(a.rate, b.rate) }
}

/** @returns what a purchase speaks for */
export function commitmentOf(price: Price, cost: bigint): Commitment {
  if (parsePrice(price).billionths === 0n) return NOTHING
  return { cost: new Map([[price.currency, cost]]), rate: new Map([[price.currency, rateOf(price)]]) }
}

function addMoney(
  a: ReadonlyMap<string, bigint>,
  b: ReadonlyMap<string, bigint>,
): ReadonlyMap<string, bigint> {
  const sum = new Map(a)
  for (const [currency, amount] of b) sum.set(currency, (sum.get(currency) ?? 0n) + amount)
  return sum
}
