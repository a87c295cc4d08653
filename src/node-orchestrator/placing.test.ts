/** The pure parts: from an intent to requests, to places, and several purchases kept together. */
import { describe, expect, it } from 'vitest'
import type { Deployment } from '../objects/core/deployment.ts'
import type { Node } from '../objects/core/node.ts'
import type { Pod } from '../objects/core/pod.ts'
import type { IntentSpec } from '../objects/intent.ts'
import type { Solver, SolverSpec, SolverStatus } from '../objects/solver.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { decompose } from './decompose.ts'
import { nextOfGroup } from './purchase-group.ts'
import { findPlace, freeOn, type Capacity } from './find-place.ts'
import { promisedAmounts } from './promised-amounts.ts'
import { solverName, solverOf } from './solver-of-request.ts'

const metadata = (name: string, more: object = {}) => ({
  ...{ name, uid: `uid-${name}`, resourceVersion: '1', generation: 1, creationTimestamp: '' },
  ...more,
})

function deployment(name: string, replicas: number | undefined, requests: Amounts): Deployment {
  const template = { spec: { containers: [{ name: 'c', resources: { requests } }] } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(name),
    spec: { ...(replicas === undefined ? {} : { replicas }), selector: {}, template },
  }
}

function node(name: string, allocatable: Amounts, labels: Record<string, string> = {}, ready = true): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(name, { labels }),
    spec: {},
    status: { allocatable, conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
  } as Node
}

function pod(name: string, nodeName: string, cpu: string, more: object = {}, status: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, more),
    spec: { nodeName, containers: [{ name: 'c', resources: { requests: { cpu } } }] },
    status,
  } as Pod
}

describe('an intent is decomposed', () => {
  it('into one request for each Deployment, with what all its replicas need', () => {
    const requests = { cpu: '250m', memory: '128Mi' }
    expect(decompose([deployment('a', 3, requests), deployment('b', undefined, requests)])).toEqual([
      { name: 'a', workload: 'a', amounts: { cpu: '750m', memory: '384Mi', pods: '3' } },
      { name: 'b', workload: 'b', amounts: { cpu: '250m', memory: '128Mi', pods: '1' } },
    ])
    expect(decompose([deployment('none', 0, requests)])[0]!.amounts).toEqual({
      cpu: '0',
      memory: '0',
      pods: '0',
    })
  })

  it('into solvers whose names are unique in the namespace', () => {
    const of = (name: string, request: string): string => solverName({ metadata: metadata(name) }, request)
    expect(of('job', 'job')).toBe('job')
    expect(of('job', 'front')).toBe('job-front')
    const request = { name: 'front', workload: 'front', amounts: { cpu: '1', pods: '1' } }
    const intent = { metadata: metadata('job', { namespace: 'team' }), spec: { duration: '1h' } }
    expect(solverOf(intent, request, false, undefined)).toMatchObject({
      metadata: { namespace: 'team', name: 'job-front', labels: { 'tributary.io/intent': 'job' } },
      spec: { request: { cpu: '1', pods: '1' }, duration: '1h', reserveAndBuy: true },
    })
    // One of several only looks at first.
    expect(solverOf(intent, request, true, undefined).spec).toMatchObject({
      reserveAndBuy: false,
      reserveOnly: true,
    })
  })
})

describe('a place', () => {
  const LOCAL = node(
    'me',
    { cpu: '2', memory: '4Gi', pods: '10' },
    { 'kubernetes.io/arch': 'amd64', 'topology.tributary.io/city': 'Turin' },
  )
  const BOUGHT = node('vnode-1', { cpu: '1', memory: '1Gi', pods: '2' }, { 'tributary.io/contract': 'c1' })
  const place = (spec: IntentSpec, amounts: Amounts, cluster: Partial<Capacity> = {}) =>
    findPlace({ spec }, amounts, {
      ...{ self: { name: 'me', domain: 'home' }, nodes: [LOCAL, BOUGHT], pods: [], promised: new Map() },
      ...cluster,
    })

  it('is here as long as it fits, then on what was bought, else nowhere', () => {
    expect(place({}, { cpu: '2' })).toEqual({ placement: 'Local', node: 'me' })
    const pods = [pod('p', 'me', '1500m')]
    expect(place({}, { cpu: '1' }, { pods })).toEqual({ placement: 'ExistingVirtualNode', node: 'vnode-1' })
    expect(place({}, { cpu: '1500m' }, { pods })).toBeUndefined()
  })

  it('is where the intent allows it', () => {
    expect(place({ placement: 'Remote' }, { cpu: '1' })).toMatchObject({ node: 'vnode-1' })
    expect(place({ placement: 'Local' }, { cpu: '3' })).toBeUndefined()
  })

  it('does not count on what was promised to others', () => {
    const promised = new Map([['me', { cpu: '1500m' }]])
    expect(place({}, { cpu: '1' }, { promised })).toMatchObject({ node: 'vnode-1' })
  })

  it('is no node that is not ready', () => {
    const nodes = [LOCAL, node('vnode-1', { cpu: '9' }, { 'tributary.io/contract': 'c1' }, false)]
    expect(place({}, { cpu: '3' }, { nodes })).toBeUndefined()
  })

  it.each([
    [{ architecture: 'amd64' }, true],
    [{ architecture: 'arm64' }, false],
    [{ location: { city: 'TURIN' } }, true],
    [{ location: { country: 'Italy' } }, false],
    [{ allowedDomains: ['home'] }, true],
    [{ allowedDomains: ['away'] }, false],
    [{ forbiddenDomains: ['home'] }, false],
    [{ flavorType: 'service' as const }, false],
    [{ securityStandards: ['GDPR'] }, false],
    [{ properties: { zone: 'a' } }, false],
  ])('is here for %j: %s', (requirements, here) => {
    expect(place({ requirements }, { cpu: '1' })).toEqual(
      here ? { placement: 'Local', node: 'me' } : undefined,
    )
  })

  it('has what its pods do not request, buyers’ and ended ones aside', () => {
    const pods = [
      pod('a', 'me', '500m'),
      pod('b', 'other', '1'),
      pod('c', 'me', '1', {}, { phase: 'Succeeded' }),
      pod('d', 'me', '1', { labels: { 'tributary.io/contract': 'c' } }),
    ]
    expect(freeOn(LOCAL, pods)).toEqual({ cpu: '1500m', memory: '4Gi', pods: '9' })
  })

  it('is promised until the pods are there, replica by replica', () => {
    const web = deployment('web', 2, { cpu: '500m' })
    const owned = {
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'uid-web' }],
    }
    const amounts = { cpu: '1', pods: '2' }
    const of = (pods: readonly Pod[], known = true) =>
      promisedAmounts([{ node: 'me', amounts, deployment: known ? web : undefined }], pods).get('me')
    expect(of([])).toEqual(amounts)
    expect(of([], false)).toEqual(amounts)
    expect(of([pod('1', 'me', '500m', owned), pod('2', 'me', '500m')])).toEqual({ cpu: '500m', pods: '1' })
    const more = [1, 2, 3].map((each) => pod(String(each), 'me', '500m', owned))
    expect(of(more)).toEqual({ cpu: '0', pods: '0' })
  })
})

describe('several purchases', () => {
  type Part = Pick<Solver, 'spec' | 'status'>
  const part = (spec: Partial<SolverSpec>, status: SolverStatus = {}): Part => ({
    spec: { intentID: 'i', reserveAndBuy: true, reserveOnly: true, ...spec },
    status,
  })
  const found = part({ reserveAndBuy: false }, { findCandidate: 'Solved' })
  const looking = part({ reserveAndBuy: false })
  const nothing = part({ reserveAndBuy: false }, { findCandidate: 'Failed' })
  const reserving = part({}, { findCandidate: 'Solved' })
  const reserved = part({}, { findCandidate: 'Solved', reservationPhase: 'Solved' })
  const refused = part({}, { findCandidate: 'Failed', reservationPhase: 'Failed' })
  const buying = part({ reserveOnly: false }, { findCandidate: 'Solved', reservationPhase: 'Solved' })
  const bought = part({ reserveOnly: false }, { contract: { name: 'c' } })
  const soldOut = part({ reserveOnly: false }, { findCandidate: 'Failed' })
  const over = part({}, { solverPhase: { phase: 'Failed' } })

  it.each([
    ['go-on', [reserving]],
    ['go-on', [bought, bought]],
    ['wait', [looking, found]],
    ['wait', [nothing, found]],
    ['reserve', [found, found]],
    ['wait', [reserving, reserved]],
    ['buy', [reserved, reserved]],
    ['step-back', [reserved, refused]],
    ['step-back', [found, refused]],
    ['buy', [buying, reserved]],
    ['wait', [buying, bought]],
    ['give-up', [bought, soldOut]],
    ['give-up', [reserved, over]],
  ] as const)('%s', (step, parts) => {
    expect(nextOfGroup(parts)).toBe(step)
    expect(nextOfGroup([...parts].reverse())).toBe(step)
  })
})
