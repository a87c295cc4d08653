import { expect, it } from 'vitest'
import type { Pod } from '../../objects/core/pod.ts'
import { freeOn } from './free-on.ts'

function pod(cpu: string, more: object = {}, status: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...more },
    spec: { nodeName: 'me', containers: [{ name: 'c', resources: { requests: { cpu } } }] },
    status,
  } as unknown as Pod
}

it('a node has what its pods do not request, buyers’ and ended ones aside', () => {
  const pods = [
    pod('500m'),
    pod('1', {}, { phase: 'Succeeded' }),
    pod('1', { labels: { 'tributary.io/contract': 'c' } }),
  ]
  const allocatable = { cpu: '2', memory: '4Gi', pods: '10' }
  expect(freeOn(allocatable, pods)).toEqual({ cpu: '1500m', memory: '4Gi', pods: '9' })
})
