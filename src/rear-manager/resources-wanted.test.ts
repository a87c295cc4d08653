import { describe, expect, it } from 'vitest'
import type { SolverSpec } from '../objects/solver.ts'
import { selectorTarget } from '../rear/wire/index.ts'
import { describeSelector } from './no-offer-message.ts'
import { selectorFor } from './selector-for.ts'
import { wantedOf } from './resources-wanted.ts'

const of = (spec: Partial<SolverSpec>) => wantedOf({ spec: { intentID: 'i', ...spec } })

describe('what a solver wants', () => {
  it('is its request, with gpu as cores', () => {
    expect(of({ request: { cpu: '1', memory: '1Gi', gpu: '2' }, duration: '1h' })).toMatchObject({
      amounts: { cpu: '1', memory: '1Gi', 'gpu.cores': '2' },
      duration: '1h',
    })
  })

  it('is what an upstream selector means: a match is the amount, a range its minimum', () => {
    const filters = {
      architectureFilter: { name: 'Match' as const, data: { value: 'arm64' } },
      cpuFilter: { name: 'Match' as const, data: { value: '2' } },
      memoryFilter: { name: 'Range' as const, data: { min: '1Gi', max: '4Gi' } },
      podsFilter: { name: 'Range' as const, data: { max: '10' } },
    }
    expect(of({ selector: { flavorType: 'K8Slice', filters } })).toEqual({
      amounts: { cpu: '2', memory: '1Gi' },
      requirements: { flavorType: 'k8slice', architecture: 'arm64' },
      weights: undefined,
      duration: undefined,
    })
  })

  it('is the request where both say something', () => {
    const selector = {
      flavorType: 'K8Slice' as const,
      filters: { cpuFilter: { name: 'Match' as const, data: { value: '2' } } },
    }
    expect(of({ request: { cpu: '1' }, requirements: { architecture: 'amd64' }, selector })).toMatchObject({
      amounts: { cpu: '1' },
      requirements: { flavorType: 'k8slice', architecture: 'amd64' },
    })
  })

  it('is nothing that is no text', () => {
    const filters = { cpuFilter: { name: 'Match' as const, data: { value: 2 } } }
    expect(of({ selector: { flavorType: 'K8Slice', filters } }).amounts).toEqual({})
  })
})

describe('the selector for what is wanted', () => {
  it('asks for at least the amounts, and for nothing that an upstream node refuses', () => {
    const selector = selectorFor({
      amounts: { cpu: '1', memory: '1Gi', pods: '2', storage: '1Gi', 'gpu.cores': '1' },
      requirements: { architecture: 'amd64', maxLatencyMs: 5, minRating: 3 },
    })
    expect(Object.keys(selector.filters).sort()).toEqual(['architecture', 'cpu', 'memory', 'pods'])
    expect(() => selectorTarget(selector, 'upstream')).not.toThrow()
    expect(describeSelector(selector)).toBe('architecture = amd64, cpu ≥ 1, memory ≥ 1Gi, pods ≥ 2')
  })

  it('asks for category and the first tag of a service, and for no more than the type of others', () => {
    const service = { category: 'database', tags: ['sql', 'acid'] }
    expect(selectorFor({ amounts: {}, requirements: { flavorType: 'service', service } })).toEqual({
      flavorType: 'service',
      filters: { category: { op: 'match', value: 'database' }, tags: { op: 'match', value: 'sql' } },
    })
    expect(selectorFor({ amounts: { cpu: '1' }, requirements: { flavorType: 'vm' } })).toEqual({
      flavorType: 'vm',
      filters: {},
    })
    expect(describeSelector({ flavorType: 'vm', filters: {} })).toBe('a vm')
  })
})
