/** Attacks on the ledger and on what else the node derives, through the control API, by who may write there: an admin. */
import { describe } from 'vitest'
import type { ObjectStore } from '../../src/kernel/object-store.ts'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { NamespaceKind } from '../../src/objects/core/namespace.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { ALL_KINDS } from '../../src/objects/index.ts'
import type { KindDefinition } from '../../src/objects/kind.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { serve } from '../support/control-api.ts'
import { attack, type Tried } from './support/attack.ts'
import { MERGE, wasDone, WRITABLE_BY_ALL } from './support/control.ts'

const namespace = 'default'
const NODECORE = '/apis/nodecore.fluidos.eu/v1alpha1/namespaces/default'
const OURS = '/apis/tributary.io/v1alpha1/namespaces/default'
const RESERVATION = '/apis/reservation.fluidos.eu/v1alpha1/namespaces/default'
const JSON_PATCH = { 'content-type': 'application/json-patch+json' }
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' }
const price = { amount: '1', currency: 'EUR', period: 'hour' }
const podSpec = { containers: [{ name: 'c', command: ['true'] }] }

async function fill(store: ObjectStore): Promise<void> {
  const pool = await store.create(PoolKind, {
    metadata: { name: 'p', namespace },
    spec: { flavorType: 'k8slice', capacity: { cpu: '1' }, partition: {}, data: {}, price },
  })
  const status = { revision: 1, free: { cpu: '0' }, holds: 0, allocations: 1 }
  await store.update(PoolKind, { ...pool, status }, { subresource: 'status' })
  await store.create(ContractKind, {
    metadata: { name: 'contract-1', namespace, finalizers: ['tributary.io/contract'] },
    spec: { transactionID: 't' },
  } as never)
  await store.create(AllocationKind, {
    metadata: { name: 'allocation-0123456789abcdef', namespace },
    spec: { type: 'VirtualNode', contract: { name: 'contract-1' }, amounts: { cpu: '1' } },
  })
  const annotations = { 'tributary.io/contract-id': 'contract-1' }
  const labels = { 'tributary.io/virtual-node': 'true' }
  await store.create(NodeKind, {
    metadata: { name: 'vnode-1', labels, annotations },
    spec: { providerID: 'tributary://contract-1' },
  })
  await store.create(NamespaceKind, {
    metadata: { name: 'tributary-1', annotations: { 'tributary.io/buyer': 'did:key:z', ...annotations } },
  })
  await store.create(PodKind, {
    metadata: { name: 'guest', namespace: 'tributary-1', annotations, finalizers: ['tributary.io/running'] },
    spec: podSpec,
  })
}

interface Written {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Who opens the socket sends it; nobody may more. */
async function write(
  kinds: readonly KindDefinition[],
  { method, path, body, headers = {} }: Written,
): Promise<Tried> {
  const { call, store } = await serve({ kinds })
  await fill(store)
  return wasDone(await call(method, path, body, headers))
}

const writes = (title: string, what: Written): void =>
  attack(`an admin ${title}`, {
    defended: () => write(ALL_KINDS, what),
    stoppedBy: /^403.*by anybody|^403.*no client can/s,
    control: () => write(WRITABLE_BY_ALL, what),
  })

const merge = (path: string, body: unknown): Written => ({ method: 'PATCH', path, body, headers: MERGE })

describe('the ledger', () => {
  writes(
    'makes more free of a Pool, in its status',
    merge(`${OURS}/pools/p/status`, { status: { free: { cpu: '99' } } }),
  )
  writes('deletes a Pool of which parts are sold', { method: 'DELETE', path: `${OURS}/pools/p` })
  writes('deletes all Pools at once', { method: 'DELETE', path: `${OURS}/pools` })
  writes(
    'lets an Allocation be larger',
    merge(`${NODECORE}/allocations/allocation-0123456789abcdef`, { spec: { amounts: { cpu: '99' } } }),
  )
  writes('deletes an Allocation that a contract is on', {
    method: 'DELETE',
    path: `${NODECORE}/allocations/allocation-0123456789abcdef`,
  })
  writes('makes an Allocation that takes capacity', {
    method: 'POST',
    path: `${NODECORE}/allocations`,
    body: {
      metadata: { name: 'mine' },
      spec: { type: 'VirtualNode', contract: { name: 'contract-1' }, amounts: { cpu: '9' } },
    },
  })
  writes('makes the Allocation of a contract that is still to come', {
    method: 'POST',
    path: `${NODECORE}/allocations`,
    body: { metadata: { name: 'allocation-fedcba9876543210' }, spec: { contract: { name: 'contract-1' } } },
  })
  writes(
    'activates an Allocation',
    merge(`${NODECORE}/allocations/allocation-0123456789abcdef/status`, { status: { status: 'Active' } }),
  )
})

describe('contracts', () => {
  writes(
    'extends one with a merge patch',
    merge(`${RESERVATION}/contracts/contract-1/status`, { status: { phase: { phase: 'Active' } } }),
  )
  writes('closes one on paper alone, with a JSON patch', {
    method: 'PATCH',
    path: `${RESERVATION}/contracts/contract-1/status`,
    headers: JSON_PATCH,
    body: [{ op: 'add', path: '/status', value: { phase: { phase: 'Closed' } } }],
  })
})

describe('nodes and what runs for others', () => {
  writes(
    'gives a Node more capacity',
    merge('/api/v1/nodes/vnode-1/status', { status: { capacity: { cpu: '99' } } }),
  )
  writes('gives it more with a strategic patch', {
    method: 'PATCH',
    path: '/api/v1/nodes/vnode-1/status',
    headers: STRATEGIC,
    body: { status: { allocatable: { cpu: '99' } } },
  })
  writes('makes a virtual node that was never bought', {
    method: 'POST',
    path: '/api/v1/nodes',
    body: {
      metadata: {
        name: 'vnode-2',
        labels: { 'tributary.io/virtual-node': 'true' },
        annotations: { 'tributary.io/contract-id': 'x' },
      },
    },
  })
  writes(
    'lets a virtual node stand for another contract',
    merge('/api/v1/nodes/vnode-1', { metadata: { annotations: { 'tributary.io/contract-id': 'x' } } }),
  )
  writes('removes a virtual node that is paid for', { method: 'DELETE', path: '/api/v1/nodes/vnode-1' })
  writes('lets a pod run on a node past the scheduler', {
    method: 'POST',
    path: '/api/v1/namespaces/default/pods',
    body: { metadata: { name: 'x' }, spec: { ...podSpec, nodeName: 'vnode-1' } },
  })
  writes('turns a guest’s pod into one of the owner’s, without the limits of guests', {
    ...merge('/api/v1/namespaces/tributary-1/pods/guest', {
      metadata: { annotations: { 'tributary.io/contract-id': null } },
    }),
  })
  writes(
    'says of a pod that it runs',
    merge('/api/v1/namespaces/tributary-1/pods/guest/status', { status: { phase: 'Succeeded' } }),
  )
  writes('deletes the namespace of a contract', { method: 'DELETE', path: '/api/v1/namespaces/tributary-1' })
})

describe('what the node makes', () => {
  writes('offers what nobody has: a Flavor by hand', {
    method: 'POST',
    path: `${NODECORE}/flavors`,
    body: {
      metadata: { name: 'f' },
      spec: {
        providerID: 'p',
        flavorType: {
          typeIdentifier: 'K8Slice',
          typeData: {
            characteristics: { architecture: 'amd64', cpu: '9', memory: '1Gi', pods: '1' },
            properties: {},
            policies: {},
          },
        },
        owner: { nodeID: 'n', ip: 'x', domain: 'd' },
        price,
        availability: true,
        location: {},
      },
    },
  })
  writes('says well of itself: a Fact by hand', {
    method: 'POST',
    path: `${OURS}/facts`,
    body: {
      metadata: { name: 'f' },
      spec: { about: 'n', type: 'Delivered', contractID: 'c', at: '2030-01-01T00:00:00Z' },
    },
  })
})

describe('finalizers of the node', () => {
  // There is no kind without this rule: the same with a finalizer that is not the node's.
  const strip = async (finalizer: string, headers: Record<string, string>, body: unknown): Promise<Tried> => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    await store.create(PodKind, {
      metadata: { name: 'x', namespace, finalizers: [finalizer] },
      spec: podSpec,
    })
    await call('DELETE', '/api/v1/namespaces/default/pods/x')
    return wasDone(await call('PATCH', '/api/v1/namespaces/default/pods/x', body, headers))
  }
  for (const [how, headers, body] of [
    ['a merge patch', MERGE, { metadata: { finalizers: null } }],
    ['a JSON patch', JSON_PATCH, [{ op: 'remove', path: '/metadata/finalizers' }]],
    ['a strategic patch', STRATEGIC, { metadata: { $patch: 'replace', finalizers: [] } }],
  ] as const)
    attack(`an admin lets an object go that the node still keeps, with ${how}`, {
      defended: () => strip('tributary.io/running', headers, body),
      stoppedBy: /^403.*tributary\.io\/running is the node's/s,
      control: () => strip('example.com/mine', headers, body),
    })
})
