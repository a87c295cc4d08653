/**
 * Amounts of money: decimal text outside, whole billionths of the currency inside, never floating point. What cannot
 * be read is an error and never nothing: an amount that a program takes for 0 is one that a buyer signs unread.
 */
import { UnreadableError } from './unreadable.ts'

const DECIMALS = 9
/** One of the currency. */
export const MONEY_UNIT = 10n ** BigInt(DECIMALS)

const AMOUNT = /^([0-9]{1,18})(?:\.([0-9]{1,9}))?$/
const CURRENCY = /^[A-Z]{3}$/

/**
 * @param text for example `0.05`; at most nine decimals, no sign, exponent or separator
 * @returns billionths
 * @throws UnreadableError also for an empty text
 */
export function parseMoney(text: string): bigint {
  const match = typeof text === 'string' && text.length < 40 ? AMOUNT.exec(text) : null
  if (match === null)
    throw new UnreadableError('amount', text, 'a decimal number such as 0.05, with at most 9 decimals')
  return BigInt(match[1]!) * MONEY_UNIT + BigInt((match[2] ?? '').padEnd(DECIMALS, '0'))
}

/**
 * @param text three capital letters, as ISO 4217 has them
 * @throws UnreadableError
 */
export function parseCurrency(text: string): string {
  if (typeof text === 'string' && CURRENCY.test(text)) return text
  throw new UnreadableError('currency', text, 'three capital letters such as EUR')
}

/** @returns the shortest decimal text of an amount in billionths */
export function formatMoney(billionths: bigint): string {
  const fraction = (billionths % MONEY_UNIT).toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  return fraction === '' ? `${billionths / MONEY_UNIT}` : `${billionths / MONEY_UNIT}.${fraction}`
}

/** @returns `dividend / divisor`, rounded up */
export function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}
