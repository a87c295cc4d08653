/** The ledger of an intent, as `describe` shows it. */
import type { Spending } from '../objects/spending.ts'
import { formatPrice } from '../quantity/price.ts'
import { printable } from './printable.ts'
import { formatTable } from './text-table.ts'

/** @returns what is reserved and bought, what was spent before, and what of the budget is left */
export function spendingLines({ entries, spent, ended, total, limit, left }: Spending): readonly string[] {
  const rows = entries.map(({ state, solver, seller, price, cost, until }) =>
    [state, solver, seller, formatPrice(price), `${cost} ${price.currency}`, until ?? '-'].map(printable),
  )
  const before = Object.entries(spent).map(([currency, amount]) => `${amount} ${currency}`)
  return [
    'Spending:',
    ...(rows.length === 0
      ? []
      : formatTable([['STATE', 'SOLVER', 'SELLER', 'PRICE', 'COST', 'UNTIL'], ...rows], { indent: 2 })),
    ...(ended === 0
      ? []
      : [`  of ${ended} contracts that have ended: ${printable(before.join(' + ') || 'nothing')}`]),
    `  in all: ${printable(total ?? 'nothing')}${limit === undefined ? '' : printable(`, of ${limit}; ${left} is left`)}`,
  ]
}
