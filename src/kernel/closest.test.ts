import { describe, expect, it } from 'vitest'
import { closest } from './closest.ts'

describe('closest', () => {
  const fields = ['replicas', 'selector', 'template', 'strategy']

  it('finds the word that was meant', () => {
    expect(closest('replcas', fields)).toBe('replicas')
    expect(closest('Selector', fields)).toBe('selector')
    expect(closest('tempalte', fields)).toBe('template')
  })

  it('suggests nothing when nothing is near', () => {
    expect(closest('image', fields)).toBeUndefined()
    expect(closest('x', ['abc'])).toBeUndefined()
    expect(closest('replicas', [])).toBeUndefined()
  })

  it('counts a swap of two neighbours as one mistake', () => {
    expect(closest('abdc', ['abcd'])).toBe('abcd')
  })

  it('does not spend time on absurdly long words', () => {
    expect(closest('a'.repeat(1_000_000), ['a'])).toBeUndefined()
  })
})
