import { describe, expect, it } from 'vitest'
import { valueAt } from './field-path.ts'

const object = {
  metadata: { annotations: { 'example.com/key': 'x' } },
  status: {
    conditions: [
      { type: 'Synced', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
  },
}

describe('valueAt', () => {
  it.each([
    ['status.conditions[0].type', 'Synced'],
    ['status.conditions[?(@.type=="Ready")].status', 'True'],
    [String.raw`metadata.annotations.example\.com/key`, 'x'],
    ['status.absent.deeper', undefined],
    ['status.conditions[7].type', undefined],
    ['constructor.name', undefined],
  ])('%s', (path, expected) => expect(valueAt(object, path)).toBe(expected))
})
