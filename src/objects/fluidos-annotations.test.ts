import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import { FLUIDOS_INTENT_PREFIX, readFluidosAnnotations } from './fluidos-annotations.ts'
import { RequirementsSchema } from './requirements.ts'

const read = (intents: Record<string, unknown>) =>
  readFluidosAnnotations(
    Object.fromEntries(
      Object.entries(intents).map(([name, value]) => [`${FLUIDOS_INTENT_PREFIX}${name}`, value]),
    ),
  )

describe('the intents of upstream', () => {
  it.each([
    [{ latency: '100' }, { maxLatencyMs: 100 }],
    [{ latency: '100ms' }, { maxLatencyMs: 100 }],
    [{ 'max-latency': '0.5s' }, { maxLatencyMs: 500 }],
    [{ latency: '100', 'max-latency': '10ms' }, { maxLatencyMs: 10 }],
    [{ location: 'Turin' }, { location: { city: 'Turin' } }],
    [{ compliance: 'GDPR, HIPAA' }, { securityStandards: ['GDPR', 'HIPAA'] }],
    [{ architecture: 'x86_64' }, { architecture: 'amd64' }],
    [{ 'tee-readiness': 'true' }, { properties: { TEE: true } }],
    [{ 'tee-readiness': 'false' }, {}],
    [{ 'vm-type': 'gold' }, { properties: { 'vm-type': 'gold' } }],
    [{ 'bandwidth-against': '<= 200ms AZURE' }, { properties: { bandwidth: { AZURE: '<= 200ms' } } }],
    [{ sensor: 'humidity' }, { properties: { sensors: ['humidity'] } }],
    [{ hardware: 'fpga,npu' }, { properties: { 'additional-hardware': ['fpga', 'npu'] } }],
    [
      { magi: 'true', 'cyber-deception': 'true' },
      { properties: { security_features: { magi: true, cyber_deception: true } } },
    ],
  ])('%j', (intents, requirements) => {
    expect(read(intents)).toMatchObject({ requirements, warnings: [] })
    expect(Object.keys(read(intents).requirements)).toEqual(Object.keys(requirements))
  })

  it('a service, a GPU and a wish for clean energy are not requirements, but not lost', () => {
    expect(
      read({ service: 'database', gpu: '{"cores": "2", "memory": "8Gi"}', 'carbon-aware': 'true' }),
    ).toEqual({
      requirements: {},
      warnings: [],
      notes: {},
      service: 'database',
      request: { gpu: '2', gpuMemory: '8Gi' },
      weights: { carbon: 1 },
    })
    expect(read({ gpu: 1 }).request).toEqual({ gpu: '1' })
  })

  it('what nobody can check is noted', () => {
    expect(read({ throughput: '100kb/s', 'max-delay': '1' })).toEqual({
      requirements: {},
      warnings: [],
      notes: { throughput: '100kb/s', 'max-delay': '1' },
    })
  })

  it('an unknown intent is a warning that proposes the right one', () => {
    expect(read({ latncy: '5' }).warnings).toEqual([
      'fluidos-intent-latncy is not known and has no effect; did you mean fluidos-intent-latency?',
    ])
    expect(read({ banana: '5' }).warnings).toEqual(['fluidos-intent-banana is not known and has no effect'])
    expect(read({ constructor: '5' }).warnings).toHaveLength(1)
  })

  it.each([
    [{ latency: 'fast' }],
    [{ latency: '' }],
    [{ latency: null }],
    [{ latency: { ms: 1 } }],
    [{ gpu: '{"cores": ' }],
    [{ gpu: '[1]' }],
    [{ 'tee-readiness': 'maybe' }],
    [{ 'bandwidth-against': 'AZURE' }],
    [{ location: 'x'.repeat(5000) }],
  ])('%j has no effect but a warning', (intents) => {
    const { requirements, warnings } = read(intents)
    expect(requirements).toEqual({})
    expect(warnings).toHaveLength(1)
  })

  it('other annotations are nobody’s business', () => {
    expect(readFluidosAnnotations({ 'kubernetes.io/x': '1' })).toEqual({
      requirements: {},
      warnings: [],
      notes: {},
    })
  })

  it('whatever is there, it never throws and the requirements are valid', () => {
    const check = Compile(RequirementsSchema)
    const names = [
      'latency',
      'gpu',
      'bandwidth-against',
      'compliance',
      'carbon-aware',
      'location',
      'mspl',
      '__proto__',
    ]
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.anything()), (intents) => {
        expect(check.Errors(read(intents).requirements)).toEqual([])
      }),
    )
    fc.assert(
      fc.property(fc.anything(), (junk) => {
        expect(readFluidosAnnotations(junk).warnings).toEqual([])
      }),
    )
  })
})
