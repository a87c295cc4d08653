import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { encodeAs } from './print-objects.ts'

const everyCharacter = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code))
const value = {
  text: everyCharacter.join(''),
  lines: 'one\n\u001b[2Jtwo\n',
  plain: 'a\u202eb',
  'name \u009b31m': ['x\u2066y', { 'deep\u0085': '\u200f' }],
  many: 'one\ntwo\n',
}

// eslint-disable-next-line no-control-regex -- they are what is looked for
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

it.each([
  ['json', (text: string): unknown => JSON.parse(text)],
  ['yaml', (text: string): unknown => parse(text)],
] as const)(
  'as %s prints nothing that a terminal obeys, and what is read is what there was',
  (format, read) => {
    const text = encodeAs(format, value)
    expect(text).not.toMatch(OBEYED)
    expect(read(text)).toEqual(value)
  },
)

it('leaves texts of several lines readable', () => {
  expect(encodeAs('yaml', { many: 'one\ntwo\n' })).toBe('many: |\n  one\n  two\n')
})
