/** Quantities in filters: needed when a question is read, compiled and looked up, parsed once. */
import { parseQuantity, type Quantity } from '../../quantity/index.ts'

const MOST_KEPT = 64

let kept = new Map<string, Quantity>()

/** @throws QuantityError as `parseQuantity` */
export function filterQuantity(text: string): Quantity {
  const known = kept.get(text)
  if (known !== undefined) return known
  const quantity = parseQuantity(text)
  // Not `clear()`: what a Map held before is kept from the garbage collector by it for long.
  if (kept.size >= MOST_KEPT) kept = new Map()
  kept.set(text, quantity)
  return quantity
}
