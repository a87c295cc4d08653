import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SortedMap } from './sorted-map.ts'

function keysOf(map: SortedMap<number>, after = '', until?: string): string[] {
  const keys: string[] = []
  map.visit(after, until, ({ key }) => {
    keys.push(key)
    return true
  })
  return keys
}

it('agrees with a sorted array, whatever is set and deleted', () => {
  const key = fc.integer({ min: 1, max: 3_000 }).map((number) => `k${number}`)
  const operation = fc.tuple(fc.boolean(), key)
  fc.assert(
    fc.property(
      fc.array(operation, { minLength: 1, maxLength: 4_000, size: 'max' }),
      key,
      key,
      (operations, after, until) => {
        const map = new SortedMap<number>()
        const model = new Map<string, number>()
        for (const [index, [isDeletion, name]] of operations.entries()) {
          if (isDeletion) {
            expect(map.delete(name)).toBe(model.delete(name))
          } else {
            map.set(name, index)
            model.set(name, index)
          }
        }
        const sorted = [...model.keys()].sort()
        const range = sorted.filter((name) => name > after && name < until)
        expect(map.size).toBe(model.size)
        expect(keysOf(map)).toEqual(sorted)
        expect(keysOf(map, after, until)).toEqual(range)
        expect(map.count(after, until)).toBe(range.length)
        expect(map.count(after, undefined)).toBe(sorted.filter((name) => name > after).length)
        for (const name of sorted) expect(map.get(name)).toBe(model.get(name))
      },
    ),
    { numRuns: 30 },
  )
})

it('keeps order across many chunks, filled upwards, downwards and in between', () => {
  const map = new SortedMap<number>()
  const name = (number: number): string => String(number).padStart(6, '0')
  for (let number = 0; number < 5_000; number++) map.set(name(2 * number), number)
  for (let number = 4_999; number >= 0; number--) map.set(name(2 * number + 1), number)
  expect(keysOf(map)).toEqual(Array.from({ length: 10_000 }, (_, number) => name(number)))
  for (let number = 0; number < 10_000; number += 2) map.delete(name(number))
  expect(map.count(name(99), name(1_001))).toBe(450)
  for (let number = 1; number < 10_000; number += 2) map.delete(name(number))
  expect(map.size).toBe(0)
  expect(keysOf(map)).toEqual([])
})

it('stops visiting when told to', () => {
  const map = new SortedMap<number>()
  for (const key of ['a', 'b', 'c']) map.set(key, 1)
  const seen: string[] = []
  map.visit('', undefined, ({ key }) => {
    seen.push(key)
    return key !== 'b'
  })
  expect(seen).toEqual(['a', 'b'])
})
