/**
 * Money, exact: decimal amounts as text, parts of a price by the share that is bought.
 *
 * The price of a flavor is that of the whole of it. A part pays its dominant share: the largest,
 * over all resources, of what is bought over what there is. Results are rounded up to six decimals.
 */
import type { Amounts } from './amounts.ts'
import { compare, divideFloor, isZero, multiply, parseQuantity } from './index.ts'

/** A price per period, as on the wire; an empty amount means that nothing is asked. */
export interface Price {
  readonly amount: string
  readonly currency: string
  readonly period: string
}

const DECIMALS = 6
const UNIT = 10n ** BigInt(DECIMALS)
/** Shares are computed in parts of this; finer than any quantity that is sold. */
const SHARE_SCALE = 10n ** 12n

/** @returns millionths; 0 for an empty or malformed amount */
export function parseMoney(amount: string): bigint {
  const match = /^([0-9]{1,30})(?:\.([0-9]{1,18}))?$/.exec(amount.trim())
  if (!match) return 0n
  const fraction = (match[2] ?? '').padEnd(18, '0')
  // What is finer than a millionth is rounded up: a seller never asks less than it says.
  const fine = BigInt(match[1]!) * 10n ** 18n + BigInt(fraction)
  return ceilDivide(fine, 10n ** 12n)
}

/** @returns the shortest decimal text of an amount in millionths */
export function formatMoney(millionths: bigint): string {
  const fraction = (millionths % UNIT).toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  return fraction === '' ? `${millionths / UNIT}` : `${millionths / UNIT}.${fraction}`
}

/** @returns the price of `part` of something that costs `price` as a `whole` */
export function partialPrice(price: Price, part: Amounts, whole: Amounts): Price {
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
  return { ...price, amount: formatMoney(ceilDivide(parseMoney(price.amount) * share, SHARE_SCALE)) }
}

/**
 * @param margin for example `2.5%`; what is no percentage adds nothing
 * @returns the price with the margin of somebody who stands in between, rounded up
 */
export function withMargin(price: Price, margin: string | undefined): Price {
  const match = /^([0-9]{1,3}(?:\.[0-9]{1,4})?)%$/.exec(margin ?? '')
  if (!match || price.amount === '') return price
  const hundred = 100n * UNIT
  return {
    ...price,
    amount: formatMoney(ceilDivide(parseMoney(price.amount) * (hundred + parseMoney(match[1]!)), hundred)),
  }
}

/** Seconds in a billing period; upstream leaves the words open, these are the ones that we understand. */
const PERIOD_SECONDS: Readonly<Record<string, bigint>> = {
  second: 1n,
  minute: 60n,
  hour: 3_600n,
  hourly: 3_600n,
  day: 86_400n,
  daily: 86_400n,
  week: 604_800n,
  month: 2_592_000n,
  monthly: 2_592_000n,
  year: 31_536_000n,
}

/** @returns millionths per year, which compares prices of different periods; undefined for an unknown period */
export function yearlyCost(price: Price): bigint | undefined {
  const amount = parseMoney(price.amount)
  if (amount === 0n) return 0n
  const seconds = PERIOD_SECONDS[price.period.toLowerCase()]
  return seconds === undefined ? undefined : ceilDivide(amount * 31_536_000n, seconds)
}

/** @returns millionths for `seconds` of use; undefined for an unknown period */
export function costOver(price: Price, seconds: number): bigint | undefined {
  const amount = parseMoney(price.amount)
  if (amount === 0n) return 0n
  const period = PERIOD_SECONDS[price.period.toLowerCase()]
  return period === undefined ? undefined : ceilDivide(amount * BigInt(Math.ceil(seconds)), period)
}

/** @returns seconds in a duration such as `90s`, `30m`, `24h`, `7d`; undefined when malformed */
export function durationSeconds(text: string): number | undefined {
  const match = /^([0-9]{1,9})(s|m|h|d)$/.exec(text)
  return match
    ? Number(match[1]) * { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd']
    : undefined
}

function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}
