/**
 * Kubernetes quantities as values: exact amounts that remember how they were written. Pure.
 *
 * An amount is a whole number of nano-units, the finest that Kubernetes knows, so that no operation
 * here rounds or overflows.
 */

/** How a quantity is written: `12M`, `12Mi` or `12e6`. A result keeps the family of its operand. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

export interface Quantity {
  /** The amount, in units of 10⁻⁹. */
  readonly nanos: bigint
  readonly format: QuantityFormat
}

export type QuantityErrorCode =
  /** Not a number with an optional suffix. */
  | 'Syntax'
  /** The number is one, but no suffix of this name exists. */
  | 'Suffix'
  | 'TooLarge'
  | 'DivisionByZero'

/** What cannot be read or computed; the message names the text. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError'
  readonly code: QuantityErrorCode

  constructor(code: QuantityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const NANOS_PER_UNIT = 1_000_000_000n
const NANOS_PER_MILLI = 1_000_000n

/** @returns the quantity of so many nano-units. */
export function quantityOf(nanos: bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return Object.freeze({ nanos, format })
}

export const ZERO: Quantity = quantityOf(0n)

/** @returns -1, 0 or 1 as `a` is less than, equal to or more than `b`; the format does not count. */
export function compare(a: Quantity, b: Quantity): -1 | 0 | 1 {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
}

/** The sum, in the format of `a`, or in that of `b` when `a` is zero. */
export function add(a: Quantity, b: Quantity): Quantity {
  return quantityOf(a.nanos + b.nanos, formatOfResult(a, b))
}

/** `a - b`, which may be negative, in the format of `a`, or in that of `b` when `a` is zero. */
export function subtract(a: Quantity, b: Quantity): Quantity {
  return quantityOf(a.nanos - b.nanos, formatOfResult(a, b))
}

/**
 * @param factor an integer
 * @throws RangeError when `factor` is a number but not an integer
 */
export function multiply(quantity: Quantity, factor: bigint | number): Quantity {
  return quantityOf(quantity.nanos * BigInt(factor), quantity.format)
}

/**
 * How often `b` fits into `a`, rounded down.
 * @throws QuantityError `DivisionByZero`
 */
export function divideFloor(a: Quantity, b: Quantity): bigint {
  if (b.nanos === 0n) throw new QuantityError('DivisionByZero', 'a quantity cannot be divided by zero')
  return floorDivision(a.nanos, b.nanos)
}

export function isZero(quantity: Quantity): boolean {
  return quantity.nanos === 0n
}

export function isNegative(quantity: Quantity): boolean {
  return quantity.nanos < 0n
}

/** The smaller one; `a` when they are equal. */
export function min(a: Quantity, b: Quantity): Quantity {
  return b.nanos < a.nanos ? b : a
}

/** The larger one; `a` when they are equal. */
export function max(a: Quantity, b: Quantity): Quantity {
  return b.nanos > a.nanos ? b : a
}

/** @returns the amount in whole units (bytes, cores, …), rounded up */
export function wholeUnits(quantity: Quantity): bigint {
  return -floorDivision(-quantity.nanos, NANOS_PER_UNIT)
}

/** @returns the amount in thousandths of a unit (millicores), rounded up */
export function milliUnits(quantity: Quantity): bigint {
  return -floorDivision(-quantity.nanos, NANOS_PER_MILLI)
}

/** @returns the amount in units as a floating-point number: for charts and metrics, not for decisions */
export function approximate(quantity: Quantity): number {
  return Number(quantity.nanos) / Number(NANOS_PER_UNIT)
}

function formatOfResult(a: Quantity, b: Quantity): QuantityFormat {
  return a.nanos === 0n ? b.format : a.format
}

/** BigInt division rounds toward zero; this one toward negative infinity. */
function floorDivision(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  return dividend % divisor !== 0n && dividend < 0n !== divisor < 0n ? quotient - 1n : quotient
}
