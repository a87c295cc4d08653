/**
 * Writes quantities in the canonical form of Kubernetes (apimachinery's `resource.Quantity`): the
 * largest suffix that leaves no fraction, in the format that the quantity came in.
 *
 * One difference, on purpose: Kubernetes prints amounts for which it has no suffix (1000E and more)
 * with none at all, which makes 1000E a 1. Here the largest suffix stands with a larger number.
 */
import { parseQuantity } from './parse-quantity.ts'
import { NANOS_PER_UNIT, type Quantity } from './quantity.ts'
import { BINARY_SUFFIXES, DECIMAL_SUFFIXES } from './suffixes.ts'

const LARGEST_DECIMAL_EXPONENT = DECIMAL_SUFFIXES[0]![1]

/** @returns the canonical text, for example `1500m`, `8Gi` or `12e6` */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0'
  if (format === 'BinarySI') {
    const units = nanos / NANOS_PER_UNIT
    // Fractions and what is below 1Ki have no binary form.
    if (nanos % NANOS_PER_UNIT === 0n && (units >= 1024n || units <= -1024n)) return binary(units)
  }
  return decimal(nanos, format === 'DecimalExponent')
}

/**
 * @returns the canonical form of a quantity's text
 * @throws QuantityError as `parseQuantity`
 */
export function canonical(text: string | number): string {
  return formatQuantity(parseQuantity(text))
}

function binary(units: bigint): string {
  let mantissa = units
  let power = 0
  while (mantissa % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
    mantissa /= 1024n
    power++
  }
  return `${mantissa}${BINARY_SUFFIXES[power]}`
}

function decimal(nanos: bigint, asExponent: boolean): string {
  let mantissa = nanos
  let exponent = -9
  while (mantissa % 1000n === 0n && (asExponent || exponent < LARGEST_DECIMAL_EXPONENT)) {
    mantissa /= 1000n
    exponent += 3
  }
  if (asExponent) return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
  const [suffix] = DECIMAL_SUFFIXES.find(([, of]) => of === exponent)!
  return `${mantissa}${suffix}`
}
