import Type from 'typebox'
import { describe, expect, it } from 'vitest'
import { WidgetKind } from '../../test/support/control-api-kinds.ts'
import { checkFields } from '../kernel/validation/unknown-fields.ts'

const check = (spec: object, metadata: object = { name: 'a' }): ReturnType<typeof checkFields> =>
  checkFields(WidgetKind.schema, { metadata, spec }, { misspellings: true })

describe('checkFields', () => {
  it('returns the very same value when every field is known', () => {
    const object = {
      metadata: { name: 'a' },
      spec: { replicas: 1, parts: [{ name: 'p' }], limits: { any: 'x' } },
    }
    expect(checkFields(WidgetKind.schema, object, { misspellings: true })).toEqual({
      value: object,
      unknown: [],
    })
  })

  it('drops fields of closed objects, and guesses what was meant', () => {
    const { value, unknown } = check(
      { replcas: 1, parts: [{ name: 'p', wieght: 1 }] },
      { name: 'a', lables: {} },
    )
    expect(value).toEqual({ metadata: { name: 'a' }, spec: { parts: [{ name: 'p' }] } })
    expect(unknown).toEqual([
      { path: 'spec.replcas', suggestion: 'replicas', dropped: true },
      { path: 'spec.parts[0].wieght', suggestion: 'weight', dropped: true },
      { path: 'metadata.lables', suggestion: 'labels', dropped: true },
    ])
  })

  it('keeps fields of open objects, and tells those that look misspelt', () => {
    const { value, unknown } = check({ extra: { knwon: 1, other: 2 } })
    expect(value['spec']).toEqual({ extra: { knwon: 1, other: 2 } })
    expect(unknown).toEqual([{ path: 'spec.extra.knwon', suggestion: 'known', dropped: false }])
  })

  it('picks the alternative whose literal agrees', () => {
    const { value, unknown } = check({ source: { type: 'git', url: 'u', path: 'p' } })
    expect(value['spec']).toEqual({ source: { type: 'git', url: 'u' } })
    expect(unknown.map(({ path }) => path)).toEqual(['spec.source.path'])
  })

  it('follows references of recursive schemas', () => {
    const Tree = Type.Cyclic(
      { Tree: Type.Object({ left: Type.Optional(Type.Ref('Tree')) }, { additionalProperties: false }) },
      'Tree',
    )
    const schema = Type.Object({ spec: Tree })
    const { unknown } = checkFields(
      schema,
      { spec: { left: { left: { rihgt: 1 } } } },
      { misspellings: true },
    )
    expect(unknown.map(({ path }) => path)).toEqual(['spec.left.left.rihgt'])
  })
})
