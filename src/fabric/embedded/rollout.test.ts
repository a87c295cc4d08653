import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deployment, DeploymentSpec } from '../../objects/core/deployment.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { deploymentStatus } from './deployment-status.ts'
import { TEMPLATE_HASH_LABEL } from './names.ts'
import { countPods, planRollout, templateHash } from './rollout.ts'

const NOW = Date.UTC(2030, 0, 1)
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2030-01-01T00:00:00Z',
})

const deployment = (spec: Partial<DeploymentSpec> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('web'),
  spec: { selector: {}, template: { spec: { containers: [{ name: 'main' }] } }, ...spec },
})

let count = 0
const pod = (hash: string, state: 'ready' | 'starting' | 'failed', deleting = false): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata(`pod-${count++}`),
    labels: { [TEMPLATE_HASH_LABEL]: hash },
    ...(deleting && { deletionTimestamp: '2030-01-01T00:00:00Z' }),
  },
  spec: { nodeName: 'n', containers: [{ name: 'main' }] },
  status: {
    phase: state === 'failed' ? 'Failed' : 'Running',
    conditions: [
      {
        type: 'Ready',
        status: state === 'ready' ? 'True' : 'False',
        lastTransitionTime: '2030-01-01T00:00:00Z',
      },
    ],
  },
})

describe('planRollout', () => {
  it('creates what is missing and removes what is too much, the least useful first', () => {
    expect(planRollout(deployment({ replicas: 3 }), [pod('a', 'ready')], 'a', NOW).create).toBe(2)
    const starting = pod('a', 'starting')
    const plan = planRollout(deployment({ replicas: 1 }), [pod('a', 'ready'), starting], 'a', NOW)
    expect(plan).toEqual({ create: 0, remove: [starting] })
  })

  it('starts a new pod before it removes the only old one', () => {
    const old = pod('a', 'ready')
    expect(planRollout(deployment(), [old], 'b', NOW)).toEqual({ create: 1, remove: [] })
    expect(planRollout(deployment(), [old, pod('b', 'starting')], 'b', NOW)).toEqual({
      create: 0,
      remove: [],
    })
    expect(planRollout(deployment(), [old, pod('b', 'ready')], 'b', NOW)).toEqual({
      create: 0,
      remove: [old],
    })
  })

  it('removes all old pods before it creates a new one when the strategy is Recreate', () => {
    const recreate = deployment({ strategy: { type: 'Recreate' } })
    const old = pod('a', 'ready')
    expect(planRollout(recreate, [old], 'b', NOW)).toEqual({ create: 0, remove: [old] })
    expect(planRollout(recreate, [pod('a', 'ready', true)], 'b', NOW)).toEqual({ create: 0, remove: [] })
    expect(planRollout(recreate, [], 'b', NOW)).toEqual({ create: 1, remove: [] })
  })

  it('replaces a finished pod', () => {
    const failed = pod('a', 'failed')
    expect(planRollout(deployment(), [failed], 'a', NOW)).toEqual({ create: 1, remove: [failed] })
  })

  it('does not count a pod as available before minReadySeconds have passed', () => {
    const patient = deployment({ minReadySeconds: 10 })
    expect(countPods(patient, [pod('a', 'ready')], 'a', NOW + 9_000)).toMatchObject({
      ready: 1,
      available: 0,
    })
    expect(countPods(patient, [pod('a', 'ready')], 'a', NOW + 10_000)).toMatchObject({
      ready: 1,
      available: 1,
    })
  })

  it('never goes below what must be available nor above the surge, and always gets there', () => {
    const amount = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('25%', '50%', '0%', '100%'))
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 6 }),
        amount,
        amount,
        fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
        (replicas, before, maxSurge, maxUnavailable, coins) => {
          const wanted = deployment({ replicas, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } })
          let pods: readonly Pod[] = Array.from({ length: before }, () => pod('old', 'ready'))
          for (const coin of coins) {
            const upBefore = countPods(wanted, pods, 'new', NOW).available
            const plan = planRollout(wanted, pods, 'new', NOW)
            pods = pods.filter((one) => !plan.remove.includes(one))
            const counts = countPods(wanted, pods, 'new', NOW)
            if (plan.remove.length > 0) {
              expect(counts.available).toBeGreaterThanOrEqual(
                Math.min(upBefore, replicas - counts.maxUnavailable),
              )
            }
            pods = [...pods, ...Array.from({ length: plan.create }, () => pod('new', 'starting'))]
            // One of those that start becomes ready, or not yet.
            const starting = pods.find((one) => one.status?.conditions?.[0]?.status === 'False')
            if (coin && starting) pods = pods.map((one) => (one === starting ? pod('new', 'ready') : one))
          }
          if (coins.filter(Boolean).length > 60) {
            expect(countPods(wanted, pods, 'new', NOW)).toMatchObject({
              replicas,
              updated: replicas,
              available: replicas,
            })
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('templateHash', () => {
  it('depends on what the template says, not on the order of its members', () => {
    const a = templateHash({ spec: { nodeName: 'n', containers: [{ name: 'x', image: 'y' }] } })
    expect(templateHash({ spec: { containers: [{ image: 'y', name: 'x' }], nodeName: 'n' } })).toBe(a)
    expect(templateHash({ spec: { containers: [{ image: 'z', name: 'x' }], nodeName: 'n' } })).not.toBe(a)
  })
})

describe('deploymentStatus', () => {
  const counts = { desired: 1, replicas: 1, updated: 1, ready: 0, available: 0, maxUnavailable: 0 }
  const condition = (status: ReturnType<typeof deploymentStatus>['status'], type: string) =>
    status.conditions?.find((one) => one.type === type)

  it('says that a rollout takes too long when nothing has moved for the deadline', () => {
    const wanted = deployment({ progressDeadlineSeconds: 60 })
    const first = deploymentStatus(wanted, undefined, counts, NOW)
    expect(condition(first.status, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'ReplicaSetUpdated',
    })
    expect(first.requeueAfterMs).toBe(61_000)
    const later = deploymentStatus(wanted, first.status, counts, NOW + 61_000)
    expect(condition(later.status, 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    })
  })

  it('says that it is complete, and does not change when nothing has changed', () => {
    const up = { ...counts, ready: 1, available: 1 }
    const { status } = deploymentStatus(deployment(), undefined, up, NOW)
    expect(condition(status, 'Available')).toMatchObject({ status: 'True' })
    expect(condition(status, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
    })
    expect(deploymentStatus(deployment(), status, up, NOW + 5_000)).toEqual({ status })
  })
})
