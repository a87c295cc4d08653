import { describe, expect, it } from 'vitest'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { IntentKind } from '../objects/intent.ts'
import { GadgetKind, WidgetKind } from '../../test/support/control-api-kinds.ts'
import { metadataCauses } from './validate-metadata.ts'
import { schemaCauses } from '../kernel/validation/schema-causes.ts'

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

describe('the rule that a manifest breaks', () => {
  const told = (container: object): readonly string[] =>
    schemaCauses(DeploymentKind, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', ...container }] } },
      },
    } as never).map(({ field, message }) => `${field.replace(/^.*\[0\]\./, '')}: ${message}`)
  it.each([
    [
      { resources: { requests: { cpu: 'abc' } } },
      'resources.requests.cpu: Invalid value: "abc": is not a quantity: expected a number like 2, 250m, 1.5Gi or 2e3',
    ],
    [
      { resources: { limits: { memory: '1Gib' } } },
      /^resources.limits.memory: Invalid value: "1Gib": is not a quantity: unknown suffix "Gib"/,
    ],
    [
      { resources: { requests: { cpu: true } } },
      'resources.requests.cpu: Invalid value: true: must be string or number',
    ],
    [
      { resources: { limits: { cpu: '-1' } } },
      'resources.limits.cpu: Invalid value: "-1": must not be negative',
    ],
    [{ name: '' }, 'name: Invalid value: "": must not be empty'],
  ])('is told in words: %j', (container, expected) => {
    const [first, ...others] = told(container)
    expect(others).toEqual([])
    if (typeof expected === 'string') expect(first).toBe(expected)
    else expect(first).toMatch(expected)
  })

  it('is not that "schema is false"', () => {
    const causesOfIntent = schemaCauses(IntentKind, {
      apiVersion: 'tributary.io/v1alpha1',
      kind: 'Intent',
      metadata: { name: 'a' },
      spec: { weights: { speed: 2 }, requirements: { minRating: 9 } },
    } as never).map(({ field, message }) => `${field}: ${message}`)
    expect(causesOfIntent).toEqual([
      'spec.requirements.minRating: Invalid value: 9: must be <= 5',
      'spec.weights.speed: Forbidden: unknown field',
    ])
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
