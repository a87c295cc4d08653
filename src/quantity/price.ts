/**
 * Prices, exact: what is asked per period, parts of a price by the share that is bought, margins, costs.
 *
 * The price of a flavor is that of the whole of it. A part costs the sum of its unit prices. Where a flavor, of an
 * upstream node, states none, a part pays its dominant share: the largest, over all resources, of what is bought over
 * what there is. Results are rounded up to nine decimals.
 * Everything here throws UnreadableError for a price that cannot be read.
 */
import type { Amounts } from './amounts.ts'
import { compare, divideFloor, isZero, multiply, parseQuantity } from './index.ts'
import { ceilDivide, formatMoney, parseCurrency, parseMoney } from './money.ts'
import { sumOf, type UnitPrices } from './unit-prices.ts'
import { UnreadableError } from './unreadable.ts'

/** A price per period, as on the wire; an empty amount means that nothing is asked. */
export interface Price {
  readonly amount: string
  readonly currency: string
  readonly period: string
  /** What the amount is the sum of, where that is stated: then any part has an exact price. */
  readonly units?: UnitPrices
}

/** A price that was read. */
export interface ParsedPrice {
  /** Billionths of the currency per period. */
  readonly billionths: bigint
  /** Empty where nothing is asked. */
  readonly currency: string
  /** Of the period, in seconds. */
  readonly seconds: bigint
}

/**
 * Seconds in a billing period: fixed numbers, so that a price means the same in every month. Upstream leaves the
 * words open; these are the ones that are understood, in any case.
 */
const PERIOD_SECONDS: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    second: 1n,
    minute: 60n,
    hour: 3_600n,
    hourly: 3_600n,
    day: 86_400n,
    daily: 86_400n,
    week: 604_800n,
    weekly: 604_800n,
    month: 2_592_000n,
    monthly: 2_592_000n,
    year: 31_536_000n,
    yearly: 31_536_000n,
  }),
)
const YEAR_SECONDS = 31_536_000n

/** Shares are computed in parts of this; finer than any quantity that is sold. */
const SHARE_SCALE = 10n ** 12n

/**
 * @returns seconds in a billing period
 * @throws UnreadableError
 */
export function parsePeriod(text: string): bigint {
  const seconds = typeof text === 'string' ? PERIOD_SECONDS.get(text.toLowerCase()) : undefined
  if (seconds !== undefined) return seconds
  throw new UnreadableError('period', text, 'second, minute, hour, day, week, month or year')
}

/**
 * @throws UnreadableError for an amount, a currency or a period that cannot be read; where nothing is asked, the other
 *   two may be empty
 */
export function parsePrice({ amount, currency, period, units = {} }: Price): ParsedPrice {
  for (const unit of Object.values(units)) parseMoney(unit)
  const billionths = amount === '' ? 0n : parseMoney(amount)
  const asked = billionths > 0n
  return {
    billionths,
    currency: asked || currency !== '' ? parseCurrency(currency) : '',
    seconds: asked || period !== '' ? parsePeriod(period) : 1n,
  }
}

/** @returns the price as people read it, for example `0.05 EUR/hour` */
export function formatPrice({
  amount,
  currency,
  period,
}: Pick<Price, 'amount' | 'currency' | 'period'>): string {
  return `${amount} ${currency}/${period}`
}

/** @returns what makes a price unreadable, for people; undefined when it can be read */
export function priceFault(price: Price): string | undefined {
  try {
    parsePrice(price)
    return undefined
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    return error.message
  }
}

/** @returns the price of `part` of something that costs `price` as a `whole` */
export function partialPrice(price: Price, part: Amounts, whole: Amounts): Price {
  const { units, ...plain } = price
  if (units !== undefined) return { ...plain, amount: formatMoney(sumOf(units, part)) }
  const { billionths } = parsePrice(price)
  if (price.amount === '') return price
  let share = 0n
  for (const [resource, amount] of Object.entries(part)) {
    const all = parseQuantity(whole[resource] ?? '0')
    if (isZero(all)) continue
    const wanted = multiply(parseQuantity(amount), SHARE_SCALE)
    const quotient = divideFloor(wanted, all)
    const exact = compare(multiply(all, quotient), wanted) === 0
    const of = exact ? quotient : quotient + 1n
    if (of > share) share = of
  }
  if (share > SHARE_SCALE) share = SHARE_SCALE
  return { ...price, amount: formatMoney(ceilDivide(billionths * share, SHARE_SCALE)) }
}

const MARGIN = /^([0-9]{1,3})(?:\.([0-9]{1,4}))?%$/
const MILLION = 1_000_000n

/**
 * @param text for example `2.5%`
 * @returns parts in a million
 * @throws UnreadableError
 */
export function parseMargin(text: string): bigint {
  const match = MARGIN.exec(text)
  if (match === null)
    throw new UnreadableError(
      'margin',
      text,
      'a percentage such as 2.5%, below 1000% and with at most 4 decimals',
    )
  return BigInt(match[1]!) * 10_000n + BigInt((match[2] ?? '').padEnd(4, '0'))
}

/** @returns unit prices with the margin of somebody who stands in between, each rounded up */
export function unitsWithMargin(units: UnitPrices, margin: string | undefined): UnitPrices {
  if (margin === undefined || margin === '') return units
  const factor = MILLION + parseMargin(margin)
  return Object.fromEntries(
    Object.entries(units).map(([resource, unit]) => [
      resource,
      formatMoney(ceilDivide(parseMoney(unit) * factor, MILLION)),
    ]),
  )
}

/**
 * For a price that states no unit prices.
 * @param margin for example `2.5%`; nothing is added without one
 * @returns the price with the margin of somebody who stands in between, rounded up
 */
export function withMargin(price: Price, margin: string | undefined): Price {
  const { billionths } = parsePrice(price)
  if (margin === undefined || margin === '' || price.amount === '') return price
  const amount = ceilDivide(billionths * (MILLION + parseMargin(margin)), MILLION)
  return { ...price, amount: formatMoney(amount) }
}

/** @returns billionths per year, which compares prices of different periods */
export function yearlyCost(price: Price): bigint {
  const { billionths, seconds } = parsePrice(price)
  return ceilDivide(billionths * YEAR_SECONDS, seconds)
}

/** A multiple of every period, in seconds: in it each price is a whole number of billionths. */
const COMMON_SECONDS = 1_324_512_000n

/** @returns what a price comes to in a time that is the same for all prices: exact, so that rates can be added */
export function rateOf(price: Price): bigint {
  const { billionths, seconds } = parsePrice(price)
  return billionths * (COMMON_SECONDS / seconds)
}

/**
 * @param rate as `rateOf` says, or a sum of such
 * @param period for example `hour`
 * @returns billionths per period, rounded up
 */
export function ratePer(rate: bigint, period: string): bigint {
  return ceilDivide(rate * parsePeriod(period), COMMON_SECONDS)
}

/**
 * @param seconds of use
 * @returns billionths, rounded up
 */
export function costOver(price: Price, seconds: number): bigint {
  const { billionths, seconds: period } = parsePrice(price)
  return ceilDivide(billionths * BigInt(Math.ceil(seconds)), period)
}
