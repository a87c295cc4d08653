/** A price in a column of a table: `0.05 EUR/hour`. Pure. */
import type { PrinterColumn } from './kind.ts'

/** @returns the price in one word; undefined without one, `free` where nothing is asked */
export function priceText(price: unknown): string | undefined {
  if (typeof price !== 'object' || price === null) return undefined
  const { amount, currency, period } = price as Readonly<Record<string, unknown>>
  if (typeof amount !== 'string') return undefined
  if (amount === '') return 'free'
  return typeof currency === 'string' && typeof period === 'string'
    ? `${amount} ${currency}/${period}`
    : amount
}

/** @param path of the price in the object */
export function priceColumn(...path: readonly string[]): NonNullable<PrinterColumn['render']> {
  return (object) => {
    let value: unknown = object
    for (const name of path) value = (value as Record<string, unknown> | null | undefined)?.[name]
    return priceText(value)
  }
}
