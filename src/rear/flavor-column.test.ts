import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FlavorColumn } from './flavor-column.ts'

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
          column.fill(here)
          for (const [slot, at] of steps) {
            if (here.delete(slot)) column.delete(slot)
            if (at === null) continue
            here.set(slot, at)
            column.add(slot, at)
          }
          const range = column.range(least ?? -Infinity, most ?? Infinity)
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
      rising.add(slot, slot)
      falling.add(slot, -slot)
    }
    const both = FlavorColumn.slotsIn([rising.range(1_000, Infinity), falling.range(-1_010, Infinity)])
    expect(both.sort((a, b) => a - b)).toEqual([
      1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007, 1_008, 1_009, 1_010,
    ])
    for (let slot = 0; slot < 5_000; slot += 2) rising.delete(slot)
    expect(rising.range(1_000, 1_999).count).toBe(500)
    rising.delete(0)
    rising.delete(9_999)
    expect(rising.range(-Infinity, Infinity).count).toBe(2_500)
  })
})
