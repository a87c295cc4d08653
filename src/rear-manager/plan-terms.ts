/** Whether an offer, or a draft, is at least as good as what a plan showed. Pure. */
import type { PlanTerms } from '../objects/plan.ts'
import { shortages, type Amounts } from '../quantity/amounts.ts'
import { formatPrice, parsePrice, rateOf, type Price } from '../quantity/price.ts'
import { parseTime } from '../quantity/time.ts'
import { reject, type Rejection } from './rejection.ts'

/** The reason that everything has that is worse than planned. */
export const NOT_AS_PLANNED = 'not-as-planned'

/** @param offered as far as it is known; an end is only in a draft */
export function termsRejection(
  offered: {
    readonly owner: string
    readonly price: Price
    readonly amounts?: Amounts
    readonly until?: string
  },
  terms: PlanTerms | undefined,
): Rejection | undefined {
  if (terms === undefined) return undefined
  const worse = worseThan(offered, terms)
  return worse === undefined ? undefined : reject(NOT_AS_PLANNED, worse)
}

function worseThan(
  { owner, price, amounts, until }: Parameters<typeof termsRejection>[0],
  terms: PlanTerms,
): string | undefined {
  if (owner !== terms.owner) return `is of another node than the ${terms.owner} of the plan`
  if (parsePrice(price).billionths > 0n) {
    const isDearer = price.currency !== terms.price.currency || rateOf(price) > rateOf(terms.price)
    if (isDearer) return `costs ${textOf(price)}, planned was ${textOf(terms.price)}`
  }
  const short = amounts && shortages(terms.amounts, amounts)[0]
  if (short) return `gives ${short.available} ${short.resource}, planned was ${short.wanted}`
  return until !== undefined && parseTime(until) < parseTime(terms.until)
    ? `ends ${until}, planned was ${terms.until}`
    : undefined
}

function textOf(price: Price): string {
  return price.amount === '' ? 'nothing' : formatPrice(price)
}
