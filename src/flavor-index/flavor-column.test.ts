import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FlavorColumn } from './flavor-column.ts'

const bound = (at: number | null): bigint | undefined => (at === null ? undefined : BigInt(at))

describe('FlavorColumn', () => {
  it('gives any range as sorting everything would, after any additions and deletions', () => {
    const value = fc.integer({ min: -20, max: 20 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 80 }), fc.option(value)), { maxLength: 100 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 80 }), fc.option(value)), { maxLength: 200 }),
        fc.option(value),
        fc.option(value),
        (filled, steps, least, most) => {
          const here = new Map<number, number>()
          const column = new FlavorColumn()
          for (const [slot, at] of filled) if (at !== null) here.set(slot, at)
          column.fill([...here].map(([slot, at]) => [slot, BigInt(at)]))
          for (const [slot, at] of steps) {
            if (here.delete(slot)) column.delete(slot)
            if (at === null) continue
            here.set(slot, at)
            column.add(slot, BigInt(at))
          }
          const range = column.range(bound(least), bound(most))
          const expected = [...here]
            .filter(([, at]) => at >= (least ?? -Infinity) && at <= (most ?? Infinity))
            .map(([slot]) => slot)
          expect(FlavorColumn.slotsIn([range]).sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b))
          expect(range.count).toBe(expected.length)
        },
      ),
    )
  })

  it('finds what lies within several ranges, among more than fits into one chunk', () => {
    const [rising, falling] = [new FlavorColumn(), new FlavorColumn()]
    for (let index = 0; index < 5_000; index++) {
      const slot = (index * 7_919) % 5_000
      rising.add(slot, BigInt(slot))
      falling.add(slot, BigInt(-slot))
    }
    const both = FlavorColumn.slotsIn([rising.range(1_000n, undefined), falling.range(-1_010n, undefined)])
    expect(both.sort((a, b) => a - b)).toEqual([
      1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007, 1_008, 1_009, 1_010,
    ])
    for (let slot = 0; slot < 5_000; slot += 2) rising.delete(slot)
    expect(rising.range(1_000n, 1_999n).count).toBe(500)
    rising.delete(0)
    rising.delete(9_999)
    expect(rising.range(undefined, undefined).count).toBe(2_500)
  })

  it('knows whether it had to round, for as long as it has what it rounded', () => {
    const column = new FlavorColumn()
    const odd = 2n ** 53n + 1n
    column.add(0, 2n ** 80n)
    expect(column.range(1n, undefined).exact).toBe(true)
    expect(column.range(odd, undefined).exact).toBe(false)
    column.add(1, odd)
    expect(column.range(1n, undefined).exact).toBe(false)
    column.delete(1)
    expect(column.range(1n, undefined).exact).toBe(true)
    column.fill([[2, odd]])
    expect(column.range(undefined, undefined).exact).toBe(false)
    column.fill([[2, 1n]])
    expect(column.range(undefined, undefined).exact).toBe(true)
  })
})
