import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frozenCopy, jsonBytes } from './frozen-copy.ts'

describe('the size of a frozen copy', () => {
  it('is the length in bytes of its JSON, whatever is in it', () => {
    fc.assert(
      fc.property(fc.object({ withNullPrototype: false, values: [fc.jsonValue()] }), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'))
        const copied = frozenCopy(value)
        expect(jsonBytes(copied)).toBe(Buffer.byteLength(JSON.stringify(copied)))
      }),
      { numRuns: 500 },
    )
  })

  it('counts escapes, other alphabets, and members that are left out', () => {
    for (const value of [
      { a: 'quote " and \\ and \n and \u007f', 'é"': 'ü€😀', long: 'é'.repeat(100) },
      { gone: undefined, list: [undefined, null, true, false, -0, 1e21, 0.1, [], {}] },
      {},
    ]) {
      expect(jsonBytes(frozenCopy(value))).toBe(Buffer.byteLength(JSON.stringify(value)))
    }
  })

  it('is that of the whole when a part came out of an earlier copy', () => {
    const part = frozenCopy({ entries: Array.from({ length: 100 }, (_, id) => ({ id })) })
    const whole = frozenCopy({ ...part, entries: [...part.entries, { id: 7 }], more: part })
    expect(jsonBytes(whole)).toBe(Buffer.byteLength(JSON.stringify(whole)))
  })
})
