import { describe, expect, it } from 'vitest'
import { formatLabelSelector, selectsLabels as selects } from './label-selector.ts'

describe('selects', () => {
  it('follows matchLabels and matchExpressions', () => {
    const selector = {
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In' as const, values: ['a', 'b'] },
        { key: 'old', operator: 'DoesNotExist' as const },
      ],
    }
    expect(selects(selector, { app: 'web', tier: 'a' })).toBe(true)
    expect(selects(selector, { app: 'web', tier: 'c' })).toBe(false)
    expect(selects(selector, { app: 'web', tier: 'a', old: '' })).toBe(false)
    expect(selects({}, {})).toBe(true)
  })

  it('takes no inherited member for a label', () => {
    expect(selects({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, {})).toBe(false)
    expect(selects({ matchLabels: { a: 'b' } }, undefined)).toBe(false)
  })
})

describe('the text of a selector', () => {
  it('is what Kubernetes reads, and the same for the same requirements', () => {
    const selector = {
      matchLabels: { b: '1', a: '' },
      matchExpressions: [
        { key: 't', operator: 'In' as const, values: ['y', 'x'] },
        { key: 't', operator: 'NotIn' as const, values: ['z'] },
        { key: 'e', operator: 'Exists' as const },
        { key: 'd', operator: 'DoesNotExist' as const },
        { key: 'n', operator: 'Gt' as const, values: ['4'] },
        { key: 'n', operator: 'Lt' as const, values: ['6'] },
      ],
    }
    const text = '!d,a=,b=1,e,n<6,n>4,t in (x,y),t notin (z)'
    expect(formatLabelSelector(selector)).toBe(text)
    expect(
      formatLabelSelector({
        matchLabels: { a: '', b: '1' },
        matchExpressions: selector.matchExpressions.toReversed(),
      }),
    ).toBe(text)
  })
})
