import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SortedColumn } from './sorted-column.ts'

interface Item {
  readonly key: string
  readonly value: bigint
}

describe('SortedColumn', () => {
  it('gives any range as sorting everything would, after any additions and deletions', () => {
    const value = fc.integer({ min: -20, max: 20 }).map(BigInt)
    const bound = fc.option(value, { nil: undefined })
    fc.assert(
      fc.property(
        fc.array(fc.record({ key: fc.integer({ min: 0, max: 80 }), value, add: fc.boolean() }), {
          maxLength: 200,
        }),
        bound,
        bound,
        (steps, least, most) => {
          const column = new SortedColumn<Item>()
          const here = new Map<string, Item>()
          for (const { key: number, value: at, add } of steps) {
            const key = String(number)
            const before = here.get(key)
            if (before) column.delete(before.value, before)
            here.delete(key)
            if (!add) continue
            const item = { key, value: at }
            here.set(key, item)
            column.add(at, item)
          }
          const expected = [...here.values()]
            .filter(
              (item) =>
                (least === undefined || item.value >= least) && (most === undefined || item.value <= most),
            )
            .sort((a, b) => (a.value === b.value ? (a.key < b.key ? -1 : 1) : a.value < b.value ? -1 : 1))
          expect([...column.range(least, most)]).toEqual(expected)
          expect(column.count(least, most)).toBe(expected.length)
        },
      ),
    )
  })

  it('holds more than fits into one chunk', () => {
    const column = new SortedColumn<Item>()
    const items = Array.from({ length: 5_000 }, (_, index) => ({
      key: String(index),
      value: BigInt((index * 7_919) % 5_000),
    }))
    for (const item of items) column.add(item.value, item)
    expect(Array.from(column.range(undefined, undefined), (item) => Number(item.value))).toEqual(
      Array.from({ length: 5_000 }, (_, index) => index),
    )
    for (const item of items) if (item.value % 2n === 0n) column.delete(item.value, item)
    expect(column.count(1_000n, 1_999n)).toBe(500)
  })

  it('ignores the deletion of what is not there', () => {
    const column = new SortedColumn<Item>()
    const item = { key: 'a', value: 1n }
    column.delete(1n, item)
    column.add(1n, item)
    column.delete(2n, item)
    expect([...column.range(undefined, undefined)]).toEqual([item])
  })
})
