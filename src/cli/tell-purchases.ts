/** Says what was bought for an intent that runs: of whom, for how much, until when, and in all. */
import type { Contract } from '../objects/contract.ts'
import type { Solver } from '../objects/solver.ts'
import { formatMoney } from '../quantity/money.ts'
import { formatPrice, priceFault } from '../quantity/price.ts'
import { plannedCost } from '../rear/contract-cost.ts'
import { type Context, note } from './context.ts'
import type { ControlClient } from './control-client.ts'
import { printable, shortId } from './printable.ts'

interface Named {
  readonly namespace: string
  readonly name: string
}

/** @param names of nodes, by id */
export async function tellPurchases(
  context: Context,
  client: ControlClient,
  intent: Named,
  names: ReadonlyMap<string, string>,
): Promise<void> {
  for (const line of await purchasesOf(client, intent, names)) note(context, line)
}

/** @returns a line for each part that was bought, and one for all of them together */
export async function purchasesOf(
  client: ControlClient,
  intent: Named,
  names: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const lines: string[] = []
  const selector = encodeURIComponent(`spec.intentID=${intent.name}`)
  const { items } = await client.get<{ items: readonly Solver[] }>(
    `/apis/nodecore.fluidos.eu/v1alpha1/namespaces/${intent.namespace}/solvers?fieldSelector=${selector}`,
  )
  const costs = new Map<string, bigint>()
  for (const { status } of items) {
    const { name, namespace = 'default' } = status?.contract ?? {}
    if (name === undefined) continue
    const contract = await client.get<Contract>(
      `/apis/reservation.fluidos.eu/v1alpha1/namespaces/${namespace}/contracts/${name}`,
    )
    const { seller, price, expirationTime = '' } = contract.spec
    const who = printable(names.get(seller.nodeID) ?? shortId(seller.nodeID))
    if (price === undefined || price.amount === '' || priceFault(price) !== undefined) {
      lines.push(printable(`bought of ${who} for nothing, until ${expirationTime}`))
      continue
    }
    const cost = plannedCost(contract)
    costs.set(price.currency, (costs.get(price.currency) ?? 0n) + cost)
    const inAll = `${formatMoney(cost)} ${price.currency} in all`
    lines.push(printable(`bought of ${who} at ${formatPrice(price)}, until ${expirationTime}: ${inAll}`))
  }
  if (items.length < 2 || costs.size === 0) return lines
  const sums = [...costs].map(([currency, cost]) => `${formatMoney(cost)} ${currency}`)
  return [...lines, printable(`all parts together: ${sums.join(' + ')}`)]
}
