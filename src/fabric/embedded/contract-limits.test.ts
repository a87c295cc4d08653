import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PodSpec } from '../../objects/core/pod-spec.ts'
import { addAmounts, shortages } from '../../quantity/amounts.ts'
import { podLimits } from '../pod-resources.ts'
import { fitIntoContract } from './contract-limits.ts'

const CONTRACT = { cpu: '1', memory: '1Gi', pods: '3' }
const spec = (...limits: readonly Record<string, string>[]): PodSpec => ({
  containers: limits.map((each, index) => ({ name: `c${index}`, resources: { limits: each } })),
})
const limitsOf = (fitting: ReturnType<typeof fitIntoContract>) =>
  fitting.fits && fitting.spec.containers.map((container) => container.resources?.limits)

describe('fitIntoContract', () => {
  it('takes limits as they are, and requests where there is no limit', () => {
    const requests = { containers: [{ name: 'a', resources: { requests: { cpu: '300m', memory: '64Mi' } } }] }
    expect(limitsOf(fitIntoContract(requests, CONTRACT, []))).toEqual([{ cpu: '300m', memory: '64Mi' }])
  })

  it('shares what is left among containers that state nothing', () => {
    const fitting = fitIntoContract(spec({ cpu: '400m', memory: '256Mi' }, {}, {}), CONTRACT, [])
    expect(limitsOf(fitting)).toEqual([
      { cpu: '400m', memory: '256Mi' },
      { cpu: '300m', memory: '384Mi' },
      { cpu: '300m', memory: '384Mi' },
    ])
  })

  it('says with numbers what is lacking', () => {
    const first = fitIntoContract(spec({ cpu: '700m', memory: '1Mi' }), CONTRACT, [])
    const others = first.fits ? [first.spec] : []
    expect(fitIntoContract(spec({ cpu: '400m', memory: '1Mi' }), CONTRACT, others)).toEqual({
      fits: false,
      shortages: [{ resource: 'cpu', wanted: '400m', available: '300m', contract: '1' }],
    })
  })

  it('counts pods, and refuses resources that the contract does not give at all', () => {
    const one = spec({ cpu: '1m', memory: '1Mi' })
    expect(fitIntoContract(one, CONTRACT, [one, one, one])).toMatchObject({
      fits: false,
      shortages: [{ resource: 'pods' }],
    })
    expect(
      fitIntoContract(spec({ cpu: '1m', memory: '1Mi', 'example.com/gpu': '1' }), CONTRACT, []),
    ).toMatchObject({
      fits: false,
      shortages: [{ resource: 'example.com/gpu', contract: '0' }],
    })
  })

  it('never lets the sum exceed the contract, whatever is asked for', () => {
    const amounts = fc.record(
      {
        cpu: fc.constantFrom('0', '1m', '333m', '1', '0.5', '2'),
        memory: fc.constantFrom('0', '1', '100Mi', '1Gi', '1e9', '0.3Gi'),
      },
      { requiredKeys: [] },
    )
    const container = fc.record({ limits: amounts, requests: amounts }, { requiredKeys: [] })
    const pod = fc.array(container, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(pod, { maxLength: 8 }), (pods) => {
        const admitted: PodSpec[] = []
        for (const containers of pods) {
          const asked = { containers: containers.map((resources, i) => ({ name: `c${i}`, resources })) }
          const fitting = fitIntoContract(asked, CONTRACT, admitted)
          if (fitting.fits) admitted.push(fitting.spec)
        }
        const sum = admitted.map(podLimits).reduce(addAmounts, {})
        expect(shortages(sum, CONTRACT)).toEqual([])
        // And everybody has a limit that can be kept.
        for (const { containers } of admitted) {
          for (const { resources } of containers)
            expect(Object.keys(resources!.limits!).sort()).toEqual(['cpu', 'memory'])
        }
      }),
    )
  })
})
