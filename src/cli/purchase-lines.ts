/** What a planned purchase costs, as lines of text: per part, and of all parts together. */
import type { NodeStatus } from '../node/node-status.ts'
import type { PlannedPurchase } from '../node-orchestrator/index.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { printable, shortId } from './printable.ts'

/** What is known of the nodes that are dealt with. */
export interface Known {
  readonly names: ReadonlyMap<string, string>
  readonly peers: NodeStatus['peers']
}

/** @returns of whom, for how much, until when, with which weights, and what is still in the way */
export function purchaseLines(purchase: PlannedPurchase, known: Known): readonly string[] {
  const { provider, price, cost, duration, until, weights } = purchase
  const who = printable(known.names.get(provider.nodeID) ?? shortId(provider.nodeID))
  const isFree = price.amount === ''
  const obstacle = obstacleOf(provider.nodeID, who, known)
  return [
    `    from       ${who} (${printable(provider.domain)})`,
    isFree
      ? `    costs      nothing, for ${duration}, until ${until}`
      : `    costs      ${priceText(price)}, ${moneyText(cost)} for ${duration}, until ${until}`,
    `    weights    (score = sum of weight × score / sum of weights) ${Object.entries(weights)
      .map(([name, weight]) => `${name} ${weight}`)
      .join(', ')}`,
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

const priceText = ({ amount, currency, period }: PlannedPurchase['price']): string =>
  printable(`${amount} ${currency}/${period}`)
const moneyText = ({ amount, currency }: PlannedPurchase['cost']): string =>
  printable(`${amount} ${currency}`)

/** A node that only others told us of is got to know when it is bought from. */
function obstacleOf(nodeID: string, who: string, { peers }: Known): string | undefined {
  const peer = peers.find(({ id }) => id === nodeID)
  if (peer?.phase === undefined || peer.phase === 'Accepted') return undefined
  const why = peer.message === undefined ? '' : `: ${printable(peer.message)}`
  return `${who} is no partner yet (${printable(peer.phase)}${why})`
}
