import { describe, expect, it } from 'vitest'
import { admitIntent } from './admit-intent.ts'

const container = (resources: object = {}) => ({ name: 'web', image: 'x', resources })
const deployment = (name: string, containers: readonly object[] = [container()]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { template: { spec: { containers } } },
})
const problemsOf = (workload: readonly object[] | undefined, more: object = {}): readonly object[] =>
  admitIntent({
    metadata: { name: 'i', namespace: 'team' },
    spec: { ...(workload ? { workload } : {}), ...more },
  })

describe('an intent', () => {
  it('is admitted with Deployments and Services, or with a reference to a workload', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'team' } }
    const requests = { cpu: '500m', memory: '1Gi' }
    expect(problemsOf([deployment('a', [container({ requests, limits: requests })]), service])).toEqual([])
    expect(problemsOf(undefined, { workloadRef: { name: 'a' } })).toEqual([])
  })

  it.each([
    ['neither workload nor reference', undefined, {}, 'spec', /exactly one/],
    ['both', [deployment('a')], { workloadRef: { name: 'a' } }, 'spec', /exactly one/],
    ['no Deployment', [], {}, 'spec.workload', /at least one Deployment/],
    [
      'a kind that cannot be placed',
      [deployment('a'), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }],
      {},
      'spec.workload[1].kind',
      /a Secret cannot be placed; known are Deployment, Service/,
    ],
    [
      'a version that is not known',
      [{ ...deployment('a'), apiVersion: 'apps/v1beta1' }],
      {},
      'spec.workload[0].apiVersion',
      /must be apps\/v1/,
    ],
    [
      'another namespace',
      [{ ...deployment('a'), metadata: { name: 'a', namespace: 'other' } }],
      {},
      'spec.workload[0].metadata.namespace',
      /that of the intent \(team\)/,
    ],
    ['no time at all', [deployment('a')], { duration: '0s' }, 'spec.duration', /longer than 0/],
    [
      'a name that is none',
      [{ ...deployment('a'), metadata: { name: 'A b' } }],
      {},
      'spec.workload[0].metadata.name',
      /"A b" is not a name/,
    ],
    ['no name', [{ ...deployment('a'), metadata: {} }], {}, 'spec.workload[0].metadata.name', /required/],
    [
      'the same thing twice',
      [deployment('a'), deployment('a')],
      {},
      'spec.workload[1].metadata.name',
      /there twice/,
    ],
    [
      'no container',
      [deployment('a', [])],
      {},
      'spec.workload[0].spec.template.spec.containers',
      /at least one/,
    ],
    [
      'a bad quantity',
      [deployment('a', [container({ requests: { cpu: 'lots' } })])],
      {},
      'spec.workload[0].spec.template.spec.containers[0].resources.requests.cpu',
      /lots/,
    ],
    [
      'a negative quantity',
      [deployment('a', [container(), container({ limits: { memory: '-1Gi' } })])],
      {},
      'spec.workload[0].spec.template.spec.containers[1].resources.limits.memory',
      /negative/,
    ],
  ] as const)('with %s is refused, at its field', (_, workload, more, field, message) => {
    expect(problemsOf(workload, more)).toContainEqual({ field, message: expect.stringMatching(message) })
  })
})
