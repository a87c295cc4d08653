/**
 * Reads quantities as Kubernetes (apimachinery's `resource.Quantity`) does.
 */
import { NANOS_PER_UNIT, type Quantity, QuantityError, type QuantityFormat, quantityOf } from './quantity.ts'
import { BINARY_SUFFIXES, DECIMAL_SUFFIXES } from './suffixes.ts'

const QUANTITY = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(\D.*)?$/s
const LEADING_ZEROS = /^0+/
const EXPONENT = /^[eE]([+-]?\d+)$/

/** More than anybody means; keeps a hostile `1e999999999` from eating the memory. */
const MOST_DIGITS = 256
/** So few digits are never too large, whatever the suffix. */
const SHORT = 100

/** Kubernetes' cap of binary quantities: the largest signed 64-bit integer. */
const LARGEST_BINARY = (2n ** 63n - 1n) * NANOS_PER_UNIT

/**
 * @param text for example `250m`, `1.5Gi`, `2e3`; a number is taken as its decimal digits
 * @returns the amount; what is finer than a nano-unit is rounded away from zero, and what is above
 *   2⁶³-1 in a binary quantity is cut to that, as in Kubernetes
 * @throws QuantityError `Syntax`, `Suffix`, `TooLarge`
 */
export function parseQuantity(text: string | number): Quantity {
  const written = String(text)
  const match = written.length <= 2 * MOST_DIGITS ? QUANTITY.exec(written) : null
  if (match === null) {
    throw new QuantityError(
      'Syntax',
      `${quote(written)} is not a quantity: expected a number like 2, 250m, 1.5Gi or 2e3`,
    )
  }
  const [, sign, whole = '', fraction = match[4] ?? '', , suffix = ''] = match
  const { format, base, exponent, nanos: unit } = readSuffix(written, suffix)
  const digits = `${whole}${fraction}`.replace(LEADING_ZEROS, '')
  const magnitude =
    // Most are whole numbers of some unit, and quantities are read often.
    unit !== undefined && fraction === '' && digits.length <= SHORT
      ? BigInt(digits) * unit
      : base === 10
        ? scaled(written, digits, exponent - fraction.length)
        : scaled(written, digits, -fraction.length, exponent)
  const nanos = sign === '-' ? -magnitude : magnitude
  if (format !== 'BinarySI') return quantityOf(nanos, format)
  if (magnitude > LARGEST_BINARY) return quantityOf(sign === '-' ? -LARGEST_BINARY : LARGEST_BINARY, format)
  // Less than one byte cannot be said with a binary suffix.
  return quantityOf(nanos, magnitude > 0n && magnitude < NANOS_PER_UNIT ? 'DecimalSI' : format)
}

interface Suffix {
  readonly format: QuantityFormat
  readonly base: 2 | 10
  readonly exponent: number
  /** How much one of it is, in nano-units; undefined for exponents. */
  readonly nanos?: bigint
}

const SUFFIXES: ReadonlyMap<string, Suffix> = new Map([
  ...DECIMAL_SUFFIXES.map(([name, exponent]): [string, Suffix] => [
    name,
    { format: 'DecimalSI', base: 10, exponent, nanos: 10n ** BigInt(exponent + 9) },
  ]),
  ...BINARY_SUFFIXES.slice(1).map((name, index): [string, Suffix] => [
    name,
    {
      format: 'BinarySI',
      base: 2,
      exponent: 10 * (index + 1),
      nanos: 1024n ** BigInt(index + 1) * NANOS_PER_UNIT,
    },
  ]),
])

function readSuffix(written: string, suffix: string): Suffix {
  const known = SUFFIXES.get(suffix)
  if (known !== undefined) return known
  const exponent = EXPONENT.exec(suffix)
  if (exponent !== null) return { format: 'DecimalExponent', base: 10, exponent: Number(exponent[1]) }
  const hint = hintFor(suffix)
  throw new QuantityError(
    'Suffix',
    `${quote(written)} is not a quantity: unknown suffix ${quote(suffix)}${hint}; there are n u m k M G T P E, Ki Mi Gi Ti Pi Ei, and exponents like e3`,
  )
}

/** @returns what was probably meant, for the usual slips. */
function hintFor(suffix: string): string {
  const bare = suffix.trim().replace(/b(ytes?)?$/i, '')
  const known = [...DECIMAL_SUFFIXES.map(([name]) => name), ...BINARY_SUFFIXES].filter((name) => name !== '')
  const meant = known.includes(bare) ? bare : known.find((name) => name.toLowerCase() === bare.toLowerCase())
  return meant === undefined ? '' : ` (did you mean ${meant}?)`
}

/** @returns `digits` × 10^`exponent` × 2^`binaryExponent` in nano-units, rounded up */
function scaled(written: string, digits: string, exponent: number, binaryExponent = 0): bigint {
  if (digits === '') return 0n
  const shift = exponent + 9
  if (digits.length + shift > MOST_DIGITS) {
    throw new QuantityError('TooLarge', `${quote(written)} is larger than any quantity can be`)
  }
  const amount = BigInt(digits) * 2n ** BigInt(binaryExponent)
  if (shift >= 0) return amount * 10n ** BigInt(shift)
  // Beyond this many digits nothing is left but the rounding up.
  const divisor = 10n ** BigInt(Math.min(-shift, 4 * MOST_DIGITS))
  return (amount + divisor - 1n) / divisor
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
