/**
 * The ledger of an intent: what is reserved, bought and spent for it, and how each of these comes to be. Pure.
 *
 * An entry is Reserved before the seller is asked for anything, Bought with the signed contract, and gone when its
 * reservation came to nothing. A contract that has ended is counted in `spent`, for the time that is to be paid.
 */
import type { Spending, SpendingEntry } from '../objects/spending.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { ratePer } from '../quantity/price.ts'
import {
  addCommitments,
  commitmentOf,
  limitFault,
  NOTHING,
  type Commitment,
  type LimitFault,
  type Limits,
} from './limits.ts'

/** What became of an entry. */
export type Outcome =
  | {
      readonly is: 'bought'
      readonly contract: string
      readonly price: SpendingEntry['price']
      readonly cost: bigint
      readonly until?: string
    }
  /** The contract is over. @param cost billionths that are to be paid */
  | { readonly is: 'ended'; readonly cost: bigint }
  /** Nothing was bought, and nothing will be. */
  | { readonly is: 'gone' }

type EntryId = Pick<SpendingEntry, 'solverUID' | 'attempt'>

/** @returns what tells an entry from all others */
export function entryId({ solverUID, attempt }: EntryId): string {
  return `${solverUID}/${attempt}`
}

/** @returns what is spoken for, without the entries of one that is looked at anew */
export function commitmentIn(spending: Spending, except?: (entry: SpendingEntry) => boolean): Commitment {
  const spent: Commitment = {
    cost: new Map(Object.entries(spending.spent).map(([currency, amount]) => [currency, parseMoney(amount)])),
    rate: new Map(),
  }
  return spending.entries
    .filter((entry) => except?.(entry) !== true)
    .map(({ price, cost }) => commitmentOf(price, parseMoney(cost)))
    .reduce(addCommitments, spent)
}

/** @returns the ledger with an entry more, in place of one of the same attempt; or why that would be too much */
export function reserve(
  spending: Spending,
  entry: Omit<SpendingEntry, 'state'>,
  limits: Limits,
): { readonly spending: Spending } | { readonly fault: LimitFault } {
  const isSame = (each: SpendingEntry): boolean => entryId(each) === entryId(entry)
  const fault = limitFault(entry.price, parseMoney(entry.cost), limits, commitmentIn(spending, isSame))
  if (fault) return { fault }
  return { spending: withEntry(spending, { ...entry, state: 'Reserved' }) }
}

/** @returns the ledger with an entry more, in place of one of the same attempt */
export function withEntry(spending: Spending, entry: SpendingEntry): Spending {
  const id = entryId(entry)
  const others = spending.entries.filter((each) => entryId(each) !== id)
  return { ...spending, entries: [...others, entry] }
}

/** @returns the ledger after what became of its entries, by their id; those that nothing is known of stay */
export function settle(spending: Spending, outcomes: ReadonlyMap<string, Outcome>): Spending {
  return spending.entries.reduce((ledger, entry) => {
    const outcome = outcomes.get(entryId(entry))
    switch (outcome?.is) {
      case undefined:
        return ledger
      case 'bought': {
        const { is: _, cost, until, ...bought } = outcome
        const { until: _before, ...kept } = entry
        return withEntry(ledger, {
          ...kept,
          ...bought,
          state: 'Bought',
          cost: formatMoney(cost),
          ...(until === undefined ? {} : { until }),
        })
      }
      case 'gone':
        return without(ledger, entry)
      case 'ended':
        return ended(without(ledger, entry), entry, outcome.cost)
    }
  }, spending)
}

function without(spending: Spending, entry: SpendingEntry): Spending {
  return { ...spending, entries: spending.entries.filter((each) => entryId(each) !== entryId(entry)) }
}

function ended(spending: Spending, { price: { currency } }: SpendingEntry, cost: bigint): Spending {
  const count = { ...spending, ended: spending.ended + 1 }
  if (cost === 0n) return count
  const sum = parseMoney(spending.spent[currency] ?? '0') + cost
  return { ...count, spent: { ...spending.spent, [currency]: formatMoney(sum) } }
}

/** @returns the ledger with what people and tables are told of it */
export function summed(spending: Spending, limits: Limits): Spending {
  const { entries, spent, ended: count } = spending
  const { cost, rate } = commitmentIn(spending)
  const { budget, maxPrice } = limits
  const period = maxPrice?.period ?? entries.find(({ price }) => rate.has(price.currency))?.price.period
  const total = textOf(cost, '')
  const left = budget && parseMoney(budget.amount) - (cost.get(budget.currency) ?? 0n)
  return {
    entries,
    spent,
    ended: count,
    ...(period === undefined || rate.size === 0
      ? {}
      : {
          rate: textOf(
            new Map([...rate].map(([currency, of]) => [currency, ratePer(of, period)])),
            `/${period}`,
          ),
        }),
    ...(total === '' ? {} : { total }),
    ...(budget && left !== undefined
      ? {
          limit: `${budget.amount} ${budget.currency}`,
          left: `${formatMoney(left > 0n ? left : 0n)} ${budget.currency}`,
        }
      : {}),
  }
}

function textOf(amounts: ReadonlyMap<string, bigint>, unit: string): string {
  return [...amounts].map(([currency, amount]) => `${formatMoney(amount)} ${currency}${unit}`).join(' + ')
}

/** @returns why what is bought is over limits that were set later; undefined when it is within them */
export function excess(spending: Spending, limits: Limits): LimitFault | undefined {
  // What was spent is spent: only what goes on can be too much.
  const [first, ...others] = spending.entries
  if (first === undefined) return undefined
  const rest = others
    .map(({ price, cost }) => commitmentOf(price, parseMoney(cost)))
    .reduce(addCommitments, NOTHING)
  const spent = commitmentIn({ ...spending, entries: [] })
  return limitFault(first.price, parseMoney(first.cost), limits, addCommitments(rest, spent))
}
