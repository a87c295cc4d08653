import { describe, expect, it } from 'vitest'
import { PodKind } from './core/pod.ts'
import { fieldsEqual, formatFieldSelector, selectsFields, unselectableField } from './field-selector.ts'
import { ALL_KINDS } from './index.ts'

describe('field selectors', () => {
  const object = { metadata: { name: 'a' }, spec: { on: true, count: 3, list: [1] } }

  it('compare by the text of a field; one that is absent is empty', () => {
    expect(selectsFields(fieldsEqual({ 'metadata.name': 'a', 'spec.on': 'true' }), object)).toBe(true)
    expect(selectsFields(fieldsEqual({ 'spec.count': '4' }), object)).toBe(false)
    expect(selectsFields(fieldsEqual({ 'spec.absent.too': '' }), object)).toBe(true)
    expect(selectsFields([{ path: 'spec.count', operator: '!=', value: '3' }], object)).toBe(false)
    expect(selectsFields(fieldsEqual({ 'spec.constructor.name': 'Object' }), object)).toBe(false)
  })

  it('select by what the kind lists, and by the name of any', () => {
    expect(
      unselectableField(PodKind, fieldsEqual({ 'metadata.name': 'a', 'spec.nodeName': 'n' })),
    ).toBeUndefined()
    expect(unselectableField(PodKind, fieldsEqual({ 'spec.containers': 'x' }))).toBe('spec.containers')
  })

  it('have one text, in which values are quoted', () => {
    expect(formatFieldSelector(fieldsEqual({ b: String.raw`x,y=z\w`, a: '1' }))).toBe(
      String.raw`a=1,b=x\,y\=z\\w`,
    )
  })

  it('are no more for a kind of ours than a CRD may have', () => {
    for (const { group, plural, selectableFields = [] } of ALL_KINDS) {
      if (group !== '') expect(selectableFields.length, plural).toBeLessThanOrEqual(8)
    }
  })
})
