import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addAmounts,
  atLeastZero,
  isMultipleOf,
  multiplyAmounts,
  roundUpTo,
  sameAmounts,
  shortages,
  subtractAmounts,
  type Amounts,
} from './amounts.ts'
import { canonical, compare, parseQuantity } from './index.ts'

const quantity = fc.oneof(
  fc.integer({ min: 0, max: 1_000_000 }).map((milli) => `${milli}m`),
  fc.integer({ min: 0, max: 1_000_000 }).map(String),
  fc.integer({ min: 0, max: 4_000 }).map((mebi) => `${mebi}Mi`),
)
const amounts: fc.Arbitrary<Amounts> = fc.dictionary(
  fc.constantFrom('cpu', 'memory', 'pods', 'storage'),
  quantity,
)
describe('amounts', () => {
  it('adds and subtracts by resource; what is absent counts as zero', () => {
    expect(addAmounts({ cpu: '1500m' }, { cpu: '500m', memory: '1Gi' })).toEqual({ cpu: '2', memory: '1Gi' })
    expect(subtractAmounts({ cpu: '1' }, { cpu: '1500m', pods: '1' })).toEqual({ cpu: '-500m', pods: '-1' })
    expect(multiplyAmounts({ cpu: '250m', memory: '512Mi' }, 4)).toEqual({ cpu: '1', memory: '2Gi' })
  })

  it('comes back to where it was after adding and subtracting, exactly', () => {
    fc.assert(
      fc.property(amounts, amounts, (left, right) => {
        expect(sameAmounts(subtractAmounts(addAmounts(left, right), right), left)).toBe(true)
        expect(sameAmounts(addAmounts(left, right), addAmounts(right, left))).toBe(true)
      }),
    )
  })

  it('multiplies as often as it adds', () => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 5 }), (each, times) => {
        const sum = Array.from({ length: times }, () => each).reduce<Amounts>(addAmounts, {})
        expect(sameAmounts(multiplyAmounts(each, times), sum)).toBe(true)
      }),
    )
  })

  it('names what is short, with both amounts, and nothing when it fits', () => {
    expect(shortages({ cpu: '2', gpu: '1' }, { cpu: '1', memory: '1Gi' })).toEqual([
      { resource: 'cpu', wanted: '2', available: '1' },
      { resource: 'gpu', wanted: '1', available: '0' },
    ])
    fc.assert(fc.property(amounts, amounts, (a, b) => shortages(a, addAmounts(a, b)).length === 0))
  })

  it('puts zero in place of what is negative', () => {
    expect(atLeastZero({ cpu: '-500m', memory: '1Gi' })).toEqual({ cpu: '0', memory: '1Gi' })
  })

  it('rounds up to a step, never down, never by a whole step', () => {
    expect(roundUpTo('1100m', '500m')).toBe('1500m')
    expect(roundUpTo('1', '0')).toBe('1')
    fc.assert(
      fc.property(quantity, quantity, (amount, step) => {
        const rounded = roundUpTo(amount, step)
        expect(isMultipleOf(rounded, step)).toBe(true)
        const difference = subtractAmounts({ x: rounded }, { x: amount })['x']!
        expect(compare(parseQuantity(difference), parseQuantity('0'))).toBeGreaterThanOrEqual(0)
        if (canonical(step) !== '0')
          expect(compare(parseQuantity(difference), parseQuantity(step))).toBeLessThan(0)
      }),
    )
  })
})
