/** What a planned purchase costs, as lines of text: per part, and of all parts together. */
import type { PlannedPurchase } from '../node-orchestrator/index.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { formatPrice } from '../quantity/price.ts'
import { printable, shortId } from './printable.ts'

/** What is known of the nodes that are dealt with. */
export interface Known {
  readonly names: ReadonlyMap<string, string>
}

/** @returns of whom, for how much, until when, with which weights, and what is still in the way */
export function purchaseLines(purchase: PlannedPurchase, known: Known): readonly string[] {
  const { provider, price, cost, duration, until, weights } = purchase
  const who = printable(known.names.get(provider.nodeID) ?? shortId(provider.nodeID))
  const isFree = price.amount === ''
  const nameOf = (id: string): string => printable(known.names.get(id) ?? shortId(id))
  const seller = purchase.through === undefined ? who : nameOf(purchase.through)
  const through = purchase.through === undefined ? '' : `, through ${seller}`
  const obstacle = purchase.obstacle && `${seller}: ${printable(purchase.obstacle)}`
  return [
    `    from       ${who} (${printable(provider.domain)})${through}`,
    isFree ? '    costs      nothing' : `    costs      ${priceText(price)}, ${moneyText(cost)} in all`,
    `    lasts      ${duration}, until ${until}`,
    `    weights    ${Object.entries(weights)
      .map(([name, weight]) => `${name} ${weight}`)
      .join(', ')}`,
    '               (score = sum of weight × score / sum of weights)',
    ...(obstacle === undefined ? [] : [`    in the way ${obstacle}`]),
  ]
}

/** @returns the sums of all parts, by currency and period; empty where nothing is asked */
export function totalLines(purchases: readonly PlannedPurchase[]): readonly string[] {
  const paid = purchases.filter(({ price }) => price.amount !== '')
  if (paid.length === 0) return []
  const rates = sums(paid.map(({ price }) => [`${price.currency}/${price.period}`, price.amount]))
  const costs = sums(paid.map(({ cost }) => [cost.currency, cost.amount]))
  const last = paid
    .map(({ until }) => until)
    .toSorted()
    .at(-1)
  return ['', `  in all     ${rates}, ${costs} until ${last}`]
}

function sums(amounts: readonly (readonly [string, string])[]): string {
  return [...Map.groupBy(amounts, ([unit]) => unit)]
    .map(([unit, of]) => {
      const sum = of.reduce((total, [, amount]) => total + parseMoney(amount), 0n)
      return printable(`${formatMoney(sum)} ${unit}`)
    })
    .join(' + ')
}

const priceText = (price: PlannedPurchase['price']): string => printable(formatPrice(price))
const moneyText = ({ amount, currency }: PlannedPurchase['cost']): string =>
  printable(`${amount} ${currency}`)
