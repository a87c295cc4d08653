/** The pure parts: from an intent to requests, to places, and several purchases kept together. */
import { describe, expect, it } from 'vitest'
import type { ClusterNode } from '../fabric/cluster.ts'
import type { Deployment } from '../objects/core/deployment.ts'
import type { Pod } from '../objects/core/pod.ts'
import type { IntentSpec } from '../objects/intent.ts'
import type { Solver, SolverSpec, SolverStatus } from '../objects/solver.ts'
import { subtractAmounts, type Amounts } from '../quantity/amounts.ts'
import { decompose } from './decompose.ts'
import { nextOfGroup } from './purchase-group.ts'
import { findPlace, type Capacity } from './find-place.ts'
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

/** @param used what the pods on it request */
function node(
  name: string,
  allocatable: Amounts,
  {
    labels = {},
    contract,
    used = {},
    taints = [],
    usable = true,
  }: {
    readonly labels?: Readonly<Record<string, string>>
    readonly contract?: string
    readonly used?: Amounts
    readonly taints?: ClusterNode['taints']
    readonly usable?: boolean
  } = {},
): ClusterNode {
  return {
    name,
    origin:
      contract === undefined
        ? { type: 'own' }
        : { type: 'bought', contractID: contract, provider: undefined },
    usable,
    labels,
    taints,
    capacity: allocatable,
    allocatable,
    free: subtractAmounts(allocatable, used),
  }
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
  const LOCAL_SIZE = { cpu: '2', memory: '4Gi', pods: '10' }
  const labels = { 'kubernetes.io/arch': 'amd64', 'topology.tributary.io/city': 'Turin' }
  const LOCAL = node('me', LOCAL_SIZE, { labels })
  const BOUGHT = node('vnode-1', { cpu: '1', memory: '1Gi', pods: '2' }, { contract: 'c1' })
  const place = (spec: IntentSpec, amounts: Amounts, capacity: Partial<Capacity> = {}) =>
    findPlace(
      { spec },
      { amounts, podSpec: { containers: [] } },
      {
        domain: 'home',
        nodes: [LOCAL, BOUGHT],
        obstacle: () => undefined,
        promised: new Map(),
        ...capacity,
      },
    )

  it('is here as long as it fits, then on what was bought, else nowhere', () => {
    expect(place({}, { cpu: '2' })).toEqual({ placement: 'Local', node: 'me' })
    const nodes = [node('me', LOCAL_SIZE, { labels, used: { cpu: '1500m' } }), BOUGHT]
    expect(place({}, { cpu: '1' }, { nodes })).toEqual({ placement: 'ExistingVirtualNode', node: 'vnode-1' })
    expect(place({}, { cpu: '1500m' }, { nodes })).toBeUndefined()
  })

  it('is on whichever of our own nodes has room, whatever it is called', () => {
    const nodes = [node('a', { cpu: '500m' }), node('b', { cpu: '2' }), BOUGHT]
    expect(place({}, { cpu: '1' }, { nodes })).toEqual({ placement: 'Local', node: 'b' })
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
    const nodes = [LOCAL, node('vnode-1', { cpu: '9' }, { contract: 'c1', usable: false })]
    expect(place({}, { cpu: '3' }, { nodes })).toBeUndefined()
  })

  it('is no node that the workload may not go to', () => {
    const obstacle: Capacity['obstacle'] = (_, { name }) => (name === 'me' ? 'a taint' : undefined)
    expect(place({}, { cpu: '1' }, { obstacle })).toMatchObject({ node: 'vnode-1' })
    expect(place({ placement: 'Local' }, { cpu: '1' }, { obstacle })).toBeUndefined()
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
