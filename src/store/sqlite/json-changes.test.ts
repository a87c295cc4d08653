import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyJsonChanges, jsonChanges } from './json-changes.ts'

/** As it is after the way through the database. */
const written = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

function expectTurnsInto(before: object, after: object): void {
  const value = written(before)
  applyJsonChanges(value, written(jsonChanges(before, after)))
  expect(value).toEqual(written(after))
}

describe('changes of JSON', () => {
  it('turn any value into any other', () => {
    const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'))
    const object = fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      json,
    )
    fc.assert(fc.property(object, object, expectTurnsInto))
  })

  it('turn a list of shared items into any other of them: added, removed, replaced, moved', () => {
    const pool = Array.from({ length: 12 }, (_, id) => ({ id, state: 'held' }))
    const items = fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 20 })
    fc.assert(
      fc.property(items, items, (before, after) =>
        expectTurnsInto(
          { status: { entries: before.map((index) => pool[index]) } },
          { status: { entries: after.map((index) => pool[index]) } },
        ),
      ),
    )
  })

  it('of a long list name only the items that changed', () => {
    const entries = Array.from({ length: 1_000 }, (_, id) => ({ id }))
    const bought = [...entries]
    bought[3] = { id: -3 }
    bought[997] = { id: -997 }
    const after = { entries: [...bought, { id: 1_000 }], revision: 2 }
    expect(jsonChanges({ entries, revision: 1 }, after)).toEqual([
      ['set', ['entries', 3], { id: -3 }],
      ['set', ['entries', 997], { id: -997 }],
      ['splice', ['entries'], 1_000, 0, [{ id: 1_000 }]],
      ['set', ['revision'], 2],
    ])
    const shorter = { entries: entries.filter(({ id }) => id !== 500), revision: 1 }
    expect(jsonChanges({ entries, revision: 1 }, shorter)).toEqual([['splice', ['entries'], 500, 1, []]])
  })

  it('of another value are refused', () => {
    expect(() => applyJsonChanges({}, [['set', ['a', 'b'], 1]])).toThrow(TypeError)
    expect(() => applyJsonChanges({ a: [1] }, [['splice', ['a'], 1, 1, []]])).toThrow(TypeError)
    expect(() => applyJsonChanges({ a: 1 }, [['splice', ['a'], 0, 0, []]])).toThrow(TypeError)
  })
})
