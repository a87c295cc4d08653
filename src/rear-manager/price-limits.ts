/** Whether a price is within what the user is ready to pay. Pure. */
import type { Requirements } from '../objects/requirements.ts'
import { parseDuration } from '../quantity/duration.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { costOver, yearlyCost, type Price } from '../quantity/price.ts'
import { reject, type Rejection } from './rejection.ts'

/**
 * @param cost of a year, as `yearlyCost` says
 * @param duration how long it would be bought for, for example `24h`
 * @returns undefined when the price is within the limits
 */
export function priceRejection(
  price: Price,
  cost: bigint,
  { maxPrice, budget }: Requirements,
  duration: string | undefined,
): Rejection | undefined {
  if (cost === 0n) return undefined
  if (maxPrice) {
    if (maxPrice.currency !== price.currency) return reject('currency-mismatch', price.currency)
    const limit = yearlyCost(maxPrice)
    if (cost > limit) {
      return reject('over-price', `${price.amount} ${price.currency}/${price.period}`, {
        wanted: `${maxPrice.amount} ${maxPrice.currency}/${maxPrice.period}`,
      })
    }
  }
  if (budget) {
    if (budget.currency !== price.currency) return reject('currency-mismatch', price.currency)
    const spent = costOver(price, parseDuration(duration ?? '24h'))
    if (spent > parseMoney(budget.amount)) {
      return reject('over-budget', `${formatMoney(spent)} ${price.currency} in all`, {
        wanted: `${budget.amount} ${budget.currency}`,
        over: formatMoney(spent - parseMoney(budget.amount)),
      })
    }
  }
  return undefined
}
