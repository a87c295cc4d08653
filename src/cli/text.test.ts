import { describe, expect, it } from 'vitest'
import { mergePatch } from './apply-object.ts'
import { humanMs, humanSeconds, parseDurationMs } from './human-time.ts'
import { printable, shortId, shorten } from './printable.ts'
import { formatTable } from './text-table.ts'

describe('a merge patch', () => {
  it('sets what is wanted, removes what only the last manifest had, leaves the rest alone', () => {
    expect(mergePatch({ a: 1, b: { c: 1, d: 2 }, list: [1] }, { b: { d: 3 }, list: [2], e: 4 })).toEqual({
      a: null,
      b: { c: null, d: 3 },
      list: [2],
      e: 4,
    })
  })
})

describe('texts of strangers', () => {
  it('are shown on one line, their control characters visible', () => {
    expect(printable('a\u001b[31mred\u0007\nb\tc\u202e')).toBe('a\\x1b[31mred\\x07 b c\\x202e')
  })

  it('are cut with an ellipsis, and ids to what tells them apart', () => {
    expect(shorten('abcdef', 4)).toBe('abc…')
    expect(shorten('abcd', 4)).toBe('abcd')
    expect(shortId('did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH')).toBe('z6MkpT…vktH')
    expect(shortId('beta')).toBe('beta')
  })
})

describe('a table', () => {
  it('lines up, colours notwithstanding, without blanks at the end', () => {
    expect(
      formatTable(
        [
          ['A', 'B', 'C'],
          ['\u001b[1mlong\u001b[22m', '1', ''],
        ],
        { gap: 1, right: [1] },
      ),
    ).toEqual(['A    B C', '\u001b[1mlong\u001b[22m 1'])
  })
})

describe('durations', () => {
  it('are read with a unit', () => {
    expect(['50ms', '30s', '5m', '24h', '7d'].map(parseDurationMs)).toEqual([
      50, 30_000, 300_000, 86_400_000, 604_800_000,
    ])
    expect(['', '5', 'm', '-1s', '1w', '1.5h'].map(parseDurationMs)).toEqual(Array.from({ length: 6 }))
  })

  it('are told in units that say something', () => {
    expect([0.123, 5.25, 87.4, 3210, 125_000].map(humanMs)).toEqual([
      '0.12 ms',
      '5.3 ms',
      '87 ms',
      '3.21 s',
      '2 min 5 s',
    ])
    expect([0, 42, 185, 7800, 86_400 * 5 + 3 * 3600].map(humanSeconds)).toEqual([
      '0s',
      '42s',
      '3m5s',
      '2h10m',
      '5d3h',
    ])
  })
})
