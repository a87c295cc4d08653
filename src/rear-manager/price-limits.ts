/** Whether a price is within what the user is ready to pay, for this part and all others together. Pure. */
import type { Requirements } from '../objects/requirements.ts'
import { parseDuration } from '../quantity/duration.ts'
import { costOver, type Price } from '../quantity/price.ts'
import { limitFault, type Commitment } from '../spending/index.ts'
import { reject, type Rejection } from './rejection.ts'
import { DEFAULT_DURATION } from './resources-wanted.ts'

/**
 * @param duration how long it would be bought for, for example `24h`
 * @param spoken for by other parts; nothing unless given
 * @returns undefined when the price is within the limits
 */
export function priceRejection(
  price: Price,
  limits: Pick<Requirements, 'maxPrice' | 'budget'>,
  duration: string | undefined,
  spoken?: Commitment,
): Rejection | undefined {
  const fault = limitFault(
    price,
    costOver(price, parseDuration(duration ?? DEFAULT_DURATION)),
    limits,
    spoken,
  )
  return fault && reject(fault.reason, fault.detail, fault.numbers)
}
