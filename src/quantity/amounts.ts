/** Arithmetic on several resources at once: quantities by resource name. A resource that is absent counts as zero. */
import {
  add,
  compare,
  divideFloor,
  formatQuantity,
  isZero,
  multiply,
  parseQuantity,
  subtract,
} from './index.ts'

/** Kubernetes quantities by resource name. */
export type Amounts = Readonly<Record<string, string>>

const amountOf = (amounts: Amounts, resource: string) => parseQuantity(amounts[resource] ?? '0')

/** @returns `left + right`, for every resource of either, in canonical form */
export function addAmounts(left: Amounts, right: Amounts): Amounts {
  const sum: Record<string, string> = { ...left }
  for (const [resource, amount] of Object.entries(right)) {
    sum[resource] = formatQuantity(add(amountOf(left, resource), parseQuantity(amount)))
  }
  return sum
}

/** @returns `left - right`, for every resource of either; may be negative */
export function subtractAmounts(left: Amounts, right: Amounts): Amounts {
  const rest: Record<string, string> = { ...left }
  for (const [resource, amount] of Object.entries(right)) {
    rest[resource] = formatQuantity(subtract(amountOf(left, resource), parseQuantity(amount)))
  }
  return rest
}

/** @returns whether both are the same, however they are written; a resource that is absent counts as zero */
export function sameAmounts(left: Amounts, right: Amounts): boolean {
  return Object.values(subtractAmounts(left, right)).every((amount) => isZero(parseQuantity(amount)))
}

/** @returns `amounts` with zero in place of what is negative */
export function atLeastZero(amounts: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(amounts).map(([resource, amount]) => [
      resource,
      parseQuantity(amount).nanos < 0n ? '0' : amount,
    ]),
  )
}

/** @returns of each resource of both the smaller amount, without those of which that is nothing */
export function commonAmounts(left: Amounts, right: Amounts): Amounts {
  return somethingOf(
    Object.fromEntries(
      Object.entries(left).map(([resource, amount]) => [
        resource,
        compare(parseQuantity(amount), amountOf(right, resource)) <= 0 ? amount : (right[resource] ?? '0'),
      ]),
    ),
  )
}

/** @returns `amounts` without the resources of which there is nothing, or less */
export function somethingOf(amounts: Amounts): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => parseQuantity(amount).nanos > 0n))
}

/** @returns `amounts` times a whole number */
export function multiplyAmounts(amounts: Amounts, times: number): Amounts {
  return Object.fromEntries(
    Object.entries(amounts).map(([resource, amount]) => [
      resource,
      formatQuantity(multiply(parseQuantity(amount), BigInt(times))),
    ]),
  )
}

/** @returns the resources of which `wanted` is more than `available`, with both amounts; empty when it fits */
export function shortages(
  wanted: Amounts,
  available: Amounts,
): readonly { readonly resource: string; readonly wanted: string; readonly available: string }[] {
  return Object.entries(wanted)
    .filter(([resource, amount]) => compare(parseQuantity(amount), amountOf(available, resource)) > 0)
    .map(([resource, amount]) => ({ resource, wanted: amount, available: available[resource] ?? '0' }))
}

/** @returns whether `amount` is a whole multiple of `step`; a zero step allows everything */
export function isMultipleOf(amount: string, step: string): boolean {
  const size = parseQuantity(step)
  if (isZero(size)) return true
  const whole = parseQuantity(amount)
  return compare(multiply(size, divideFloor(whole, size)), whole) === 0
}

/** @returns the smallest multiple of `step` that is at least `amount` */
export function roundUpTo(amount: string, step: string): string {
  const size = parseQuantity(step)
  if (isZero(size) || isMultipleOf(amount, step)) return amount
  return formatQuantity(multiply(size, divideFloor(parseQuantity(amount), size) + 1n))
}
