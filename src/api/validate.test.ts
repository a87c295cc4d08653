import { describe, expect, it } from 'vitest'
import { GadgetKind, WidgetKind } from './testing/kinds.ts'
import { metadataCauses } from './validate-metadata.ts'
import { schemaCauses } from './validate-schema.ts'

const causes = (spec: object): readonly string[] =>
  schemaCauses(WidgetKind, {
    apiVersion: 'test.example.com/v1alpha1',
    kind: 'Widget',
    metadata: {},
    spec: spec as never,
  }).map(({ field, message }) => `${field}: ${message}`)

describe('schemaCauses', () => {
  it('finds nothing wrong with a right object', () => expect(causes({ replicas: 1 })).toEqual([]))

  it.each([
    [{ replicas: 'x' }, ['spec.replicas: Invalid value: "x": must be integer']],
    [{ replicas: -1 }, ['spec.replicas: Invalid value: -1: must be >= 0']],
    [{}, ['spec.replicas: Required value']],
    [
      { replicas: 1, color: 'green' },
      ['spec.color: Unsupported value: "green": supported values: "red", "blue"'],
    ],
    [{ replicas: 1, size: [1] }, ['spec.size: Invalid value: [1]: must be string or integer']],
    [
      { replicas: 1, parts: [{ name: 'a' }, { name: 3 }] },
      ['spec.parts[1].name: Invalid value: 3: must be string'],
    ],
    [{ replicas: 1, source: { type: 'git' } }, ['spec.source.url: Required value']],
    [
      { replicas: 1, source: { type: 'svn' } },
      ['spec.source.type: Unsupported value: "svn": supported values: "file", "git"'],
    ],
    [{ replicas: 1, limits: { cpu: 1 } }, ['spec.limits.cpu: Invalid value: 1: must be string']],
  ])('%j', (spec, expected) => expect(causes(spec)).toEqual(expected))

  it('names every wrong field, and a bounded number of them', () => {
    expect(causes({ replicas: 'x', color: 1, size: null, parts: 3, limits: 4, source: 5 })).toHaveLength(6)
    const parts = Array.from({ length: 10_000 }, () => ({ name: 1 }))
    expect(causes({ replicas: 1, parts })).toHaveLength(50)
  })
})

describe('metadataCauses', () => {
  const fields = (metadata: object): readonly string[] =>
    metadataCauses(GadgetKind, metadata as never).map(({ field }) => field)

  it.each([
    [{ name: 'a.b-c' }, []],
    [{}, ['metadata.name']],
    [{ name: 'A' }, ['metadata.name']],
    [{ name: 'a'.repeat(254) }, ['metadata.name']],
    [{ name: 'a', labels: { 'x/y': 'ok', z: '' } }, []],
    [{ name: 'a', labels: { 'a b': 'x' } }, ['metadata.labels']],
    [{ name: 'a', labels: { a: 'x'.repeat(64) } }, ['metadata.labels']],
    [{ name: 'a', labels: { a: 1 } }, ['metadata.labels.a']],
    [{ name: 'a', annotations: { a: 'x'.repeat(300_000) } }, ['metadata.annotations']],
    [{ name: 'a', finalizers: 'x' }, ['metadata.finalizers']],
    [{ name: 'a', ownerReferences: [{}] }, ['metadata.ownerReferences']],
  ])('%#', (metadata, expected) => expect(fields(metadata)).toEqual(expected))

  it('wants a namespace of namespaced kinds', () => {
    expect(metadataCauses(WidgetKind, { name: 'a' }).map(({ field }) => field)).toEqual([
      'metadata.namespace',
    ])
  })
})
