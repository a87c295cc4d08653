import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern, MAX_PATTERN_LENGTH, PatternError } from './pattern.ts'

describe('patterns from outside', () => {
  it('mean what they mean as regular expressions', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c]', '\\d', '\\.', '-')
    const suffix = fc.constantFrom('', '', '*', '+', '?')
    const sequence = fc.array(fc.tuple(atom, suffix), { maxLength: 6 }).map((parts) => parts.flat().join(''))
    const anchored = fc
      .tuple(fc.constantFrom('', '^'), sequence, fc.constantFrom('', '$'))
      .map((parts) => parts.join(''))
    const source = fc.array(anchored, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|'))
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', '1', '.', '-'), { maxLength: 10 })
      .map((all) => all.join(''))
    fc.assert(
      fc.property(source, text, (pattern, subject) => {
        expect(compilePattern(pattern)(subject)).toBe(new RegExp(pattern).test(subject))
      }),
      { numRuns: 2000 },
    )
  })

  it('cost no more than pattern times text, however they are made', () => {
    const matches = compilePattern(`^${'a*.*'.repeat(30)}b$`)
    expect(matches('a'.repeat(10_000))).toBe(false)
  })

  it.each(['(a+)+', 'a{2}', '*a', 'a**', '[ab', 'a\\', '\\b', 'a^b', 'a'.repeat(MAX_PATTERN_LENGTH + 1)])(
    'refuses %s',
    (pattern) => {
      expect(() => compilePattern(pattern)).toThrow(PatternError)
    },
  )
})
