import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  add,
  approximate,
  canonical,
  compare,
  divideFloor,
  formatQuantity,
  isNegative,
  isZero,
  max,
  milliUnits,
  min,
  multiply,
  parseQuantity,
  type Quantity,
  QuantityError,
  type QuantityFormat,
  quantityOf,
  subtract,
  wholeUnits,
  ZERO,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const q = parseQuantity

function errorOf(text: string | number): QuantityError {
  try {
    parseQuantity(text)
  } catch (error) {
    if (error instanceof QuantityError) return error
  }
  throw new Error(`${text} was accepted`)
}

describe('as the Go implementation', () => {
  it('writes the canonical form', () => {
    expect(vectors.canonical.map(([text]) => [text, canonical(text!)])).toEqual(vectors.canonical)
  })

  it('refuses what is no quantity', () => {
    expect(vectors.invalid.length).toBeGreaterThan(30)
    for (const text of vectors.invalid) expect(() => parseQuantity(text), text).toThrow(QuantityError)
  })

  it('compares, adds and subtracts', () => {
    const ours = vectors.pairs.map(([left, right]) => {
      const [a, b] = [q(left as string), q(right as string)]
      return [left, right, compare(a, b), formatQuantity(add(a, b)), formatQuantity(subtract(a, b))]
    })
    expect(ours).toEqual(vectors.pairs)
  })

  it('multiplies', () => {
    const ours = vectors.products.map(([text, factor]) => [
      text,
      factor,
      formatQuantity(multiply(q(text as string), factor as number)),
    ])
    expect(ours).toEqual(vectors.products)
  })
})

describe('a quantity', () => {
  it.each([
    ['4000m', '4'],
    ['8192Mi', '8Gi'],
    ['1000m', '1'],
    [1000, '1k'],
    [0.1, '100m'],
    [-0, '0'],
    [1e21, '1e21'],
    [1e-7, '100e-9'],
    ['1947481697n', '1947481697n'],
    ['3735836Ki', '3735836Ki'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['8Ei', '9223372036854775807'],
    ['1e-99999999999999999999', '1e-9'],
  ] as const)('%s is written %s', (text, expected) => {
    expect(canonical(text)).toBe(expected)
  })

  it('beyond the largest suffix keeps its amount, where Kubernetes prints 1', () => {
    expect(canonical('1000E')).toBe('1000E')
    expect(canonical('123456E')).toBe('123456E')
    expect(formatQuantity(multiply(q('1Ei'), 1024))).toBe('1024Ei')
  })

  it.each([
    '',
    '.',
    '+',
    '-',
    'a',
    '1 ',
    '1.2.3',
    'NaN',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '9'.repeat(10_000),
  ])('is not %s', (text) => {
    expect(errorOf(text).message).toContain('is not a quantity')
  })

  it('that is out of all bounds is refused, at once', () => {
    expect(errorOf('1e999999999').code).toBe('TooLarge')
    expect(errorOf('1e9999999999999999999999').code).toBe('TooLarge')
  })

  it.each([
    ['1K', 'k'],
    ['16GB', 'G'],
    ['16gib', 'Gi'],
    ['1ki', 'Ki'],
    ['2 Gi', 'Gi'],
  ])('with the slip %s gets a hint at %s', (text, meant) => {
    const error = errorOf(text)
    expect(error.code).toBe('Suffix')
    expect(error.message).toContain(`did you mean ${meant}?`)
  })
})

describe('operations', () => {
  it('tell zero, sign, smaller and larger', () => {
    expect(isZero(q('0Ki'))).toBe(true)
    expect(isZero(q('1n'))).toBe(false)
    expect(isNegative(subtract(q('1'), q('1001m')))).toBe(true)
    expect(isNegative(ZERO)).toBe(false)
    expect(min(q('1Gi'), q('1G'))).toEqual(q('1G'))
    expect(max(q('1Gi'), q('1G'))).toEqual(q('1Gi'))
  })

  it('divide downwards, and never by zero', () => {
    expect(divideFloor(q('10'), q('3'))).toBe(3n)
    expect(divideFloor(q('1'), q('100m'))).toBe(10n)
    expect(divideFloor(q('-1'), q('3'))).toBe(-1n)
    expect(divideFloor(q('8Gi'), q('1Gi'))).toBe(8n)
    expect(() => divideFloor(q('1'), ZERO)).toThrow(expect.objectContaining({ code: 'DivisionByZero' }))
  })

  it('give whole and milli-units, rounded up, and approximate numbers', () => {
    expect(wholeUnits(q('1500m'))).toBe(2n)
    expect(wholeUnits(q('-1500m'))).toBe(-1n)
    expect(wholeUnits(q('8Gi'))).toBe(8_589_934_592n)
    expect(milliUnits(q('1.5'))).toBe(1500n)
    expect(milliUnits(q('1u'))).toBe(1n)
    expect(approximate(q('250m'))).toBe(0.25)
  })

  it('refuse a factor that is no integer', () => {
    expect(() => multiply(q('1'), 1.5)).toThrow(RangeError)
  })
})

describe('for all quantities', () => {
  const format = fc.constantFrom<QuantityFormat>('DecimalSI', 'BinarySI', 'DecimalExponent')
  /** What can be written: binary amounts are capped by the parser, as in Kubernetes. */
  const quantity: fc.Arbitrary<Quantity> = fc
    .tuple(
      fc.oneof(
        fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }),
        fc
          .bigInt({ min: -5000n, max: 5000n })
          .chain((units) =>
            fc.constantFrom(units, units * 10n ** 6n, units * 10n ** 9n, units * 1024n ** 2n * 10n ** 9n),
          ),
      ),
      format,
    )
    .map(([nanos, of]) => quantityOf(nanos, of))

  it('reading what was written gives the same amount, and the same text again', () => {
    fc.assert(
      fc.property(quantity, (a) => {
        const text = formatQuantity(a)
        expect(parseQuantity(text).nanos).toBe(a.nanos)
        // A binary amount that no power of 1024 divides is written without a suffix, and then read as decimal.
        if (a.format !== 'BinarySI') expect(canonical(text)).toBe(text)
      }),
    )
  })

  it('the text has no fraction, and no more than it needs', () => {
    fc.assert(
      fc.property(quantity, (a) => {
        expect(formatQuantity(a)).toMatch(/^-?\d+([numkMGTPE]|[KMGTPE]i|e-?\d+)?$/)
      }),
    )
  })

  it('subtracting what was added gives back the amount', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        expect(compare(subtract(add(a, b), b), a)).toBe(0)
        expect(compare(add(a, b), add(b, a))).toBe(0)
        expect(isZero(subtract(a, a))).toBe(true)
      }),
    )
  })

  it('the order is total and fits with subtraction', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        expect(compare(a, b)).toBe(-compare(b, a) + 0)
        expect(compare(a, b) < 0).toBe(isNegative(subtract(a, b)))
        expect(compare(min(a, b), max(a, b))).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('division is the inverse of multiplication, up to a remainder that is smaller than the divisor', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        fc.pre(b.nanos > 0n)
        const rest = subtract(a, multiply(b, divideFloor(a, b)))
        expect(isNegative(rest)).toBe(false)
        expect(compare(rest, b)).toBe(-1)
      }),
    )
  })
})
