import { describe, expect, it } from 'vitest'
import { serve } from '../../test/support/control-api.ts'
import { AllocationKind } from './allocation.ts'
import { NamespaceKind } from './core/namespace.ts'
import { NodeKind } from './core/node.ts'
import { PodKind } from './core/pod.ts'
import { ALL_KINDS } from './index.ts'
import { IntentKind } from './intent.ts'
import { apiVersionOf } from './kind.ts'
import { PoolKind } from './pool.ts'
import { ReservationKind } from './reservation.ts'
import { SolverKind } from './solver.ts'

it('is stated by every kind', () => {
  expect(ALL_KINDS.filter(({ writable }) => writable === undefined).map(({ kind }) => kind)).toEqual([])
})

const derived = ALL_KINDS.filter(({ writable }) => writable?.by === 'node')
const users = ALL_KINDS.filter(
  ({ writable, statusSubresource }) => writable?.by === 'user' && statusSubresource,
)

it.each(derived.map((kind) => [kind.kind, kind] as const))(
  'nobody writes a %s, who opens the socket included',
  async (_name, kind) => {
    const { call } = await serve({ kinds: ALL_KINDS })
    const group = kind.group === '' ? 'api' : 'apis'
    const path = `/${group}/${apiVersionOf(kind)}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
    const isDeletable = kind.writable?.by === 'node' && kind.writable.deletable === true
    for (const [method, at] of [
      ['POST', path],
      ['PUT', `${path}/a`],
      ['PATCH', `${path}/a`],
      ...(isDeletable
        ? []
        : ([
            ['DELETE', `${path}/a`],
            ['DELETE', path],
          ] as const)),
      ...(kind.statusSubresource
        ? ([
            ['PUT', `${path}/a/status`],
            ['PATCH', `${path}/a/status`],
          ] as const)
        : []),
    ] as const) {
      const { status, json } = await call(method, at, { metadata: { name: 'a' } })
      expect([method, status, json.reason]).toEqual([method, 403, 'Forbidden'])
      expect(json.message).toContain('is not written through the API by anybody')
    }
  },
)

it.each(users.map((kind) => [kind.kind, kind] as const))(
  'nobody writes the status of a %s',
  async (_name, kind) => {
    const { call } = await serve({ kinds: ALL_KINDS })
    const root = kind.group === '' ? 'api' : 'apis'
    const path = `/${root}/${apiVersionOf(kind)}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}/a/status`
    for (const method of ['PUT', 'PATCH'])
      expect(await call(method, path, { metadata: { name: 'a' } })).toMatchObject({ status: 403 })
  },
)

const PODS = '/api/v1/namespaces/default/pods'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const podSpec = { containers: [{ name: 'c', command: ['true'] }] }

describe('of the user’s own objects', () => {
  it('a pod is put on no node, moved, disguised as another’s or changed; labels and annotations are free', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const pod = (name: string, spec: object, metadata: object = {}) => ({
      metadata: { name, ...metadata },
      spec,
    })
    expect(await call('POST', PODS, pod('a', { ...podSpec, nodeName: 'n' }))).toMatchObject({
      status: 403,
      json: { message: expect.stringContaining('choose one with a nodeSelector') },
    })
    for (const annotation of [
      'tributary.io/contract-id',
      'tributary.io/contract-amounts',
      'tributary.io/origin',
    ])
      expect(
        await call('POST', PODS, pod('a', podSpec, { annotations: { [annotation]: 'x' } })),
      ).toMatchObject({ status: 403 })
    expect(await call('POST', PODS, pod('a', podSpec))).toMatchObject({ status: 201 })
    for (const patch of [
      { spec: { nodeName: 'n' } },
      { metadata: { annotations: { 'tributary.io/contract-id': 'x' } } },
      { metadata: { labels: { 'tributary.io/contract': 'x' } } },
      { metadata: { finalizers: ['tributary.io/running'] } },
    ])
      expect(await call('PATCH', `${PODS}/a`, patch, MERGE)).toMatchObject({ status: 403 })
    expect(await call('PATCH', `${PODS}/a`, { spec: { restartPolicy: 'Never' } }, MERGE)).toMatchObject({
      status: 422,
    })
    const free = { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } }
    expect(await call('PATCH', `${PODS}/a`, free, MERGE)).toMatchObject({ status: 200 })
    // As a guest's pod is: nobody makes it the owner's own.
    await store.create(PodKind, {
      metadata: {
        name: 'guest',
        namespace: 'default',
        annotations: { 'tributary.io/contract-id': 'c' },
        finalizers: ['tributary.io/running'],
      },
      spec: podSpec,
    })
    for (const metadata of [{ annotations: null }, { finalizers: null }])
      expect(await call('PATCH', `${PODS}/guest`, { metadata }, MERGE)).toMatchObject({ status: 403 })
    expect(await call('DELETE', `${PODS}/guest`)).toMatchObject({ status: 200 })
  })

  it('a Node is cordoned, tainted and labelled, and stands for what it stood for', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const labels = { 'tributary.io/virtual-node': 'true', 'kubernetes.io/hostname': 'v' }
    const annotations = { 'tributary.io/contract-id': 'c' }
    await store.create(NodeKind, {
      metadata: { name: 'v', labels, annotations },
      spec: { providerID: 'tributary://c' },
    })
    const [nodes, node] = ['/api/v1/nodes', '/api/v1/nodes/v']
    for (const patch of [
      { spec: { unschedulable: true } },
      { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
      { metadata: { labels: { mine: 'yes' } } },
    ])
      expect(await call('PATCH', node, patch, MERGE)).toMatchObject({ status: 200 })
    for (const patch of [
      { metadata: { labels: { 'tributary.io/virtual-node': null } } },
      { metadata: { labels: { 'kubernetes.io/hostname': 'other' } } },
      { metadata: { annotations: null } },
      { spec: { providerID: 'tributary://other' } },
    ])
      expect(await call('PATCH', node, patch, MERGE)).toMatchObject({ status: 403 })
    for (const [method, path] of [
      ['POST', nodes],
      ['DELETE', node],
      ['DELETE', nodes],
    ] as const)
      expect(await call(method, path, { metadata: { name: 'w' } })).toMatchObject({ status: 403 })
    expect(
      (await call('PATCH', node, { status: { capacity: { cpu: '99' } } }, MERGE)).json.status,
    ).toBeUndefined()
  })

  it('the namespace of a contract stays, and so does the default one', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const annotations = { 'tributary.io/buyer': 'b', 'tributary.io/contract-id': 'c' }
    await store.create(NamespaceKind, { metadata: { name: 'tributary-x', annotations } })
    for (const name of ['default', 'mine']) await store.create(NamespaceKind, { metadata: { name } })
    const at = '/api/v1/namespaces'
    expect(await call('DELETE', `${at}/tributary-x`)).toMatchObject({ status: 403 })
    expect(await call('DELETE', `${at}/default`)).toMatchObject({ status: 403 })
    expect(
      await call('PATCH', `${at}/tributary-x`, { metadata: { annotations: null } }, MERGE),
    ).toMatchObject({
      status: 403,
    })
    expect(await call('PATCH', `${at}/mine`, { metadata: { annotations } }, MERGE)).toMatchObject({
      status: 403,
    })
    // All at once spares none of them.
    expect(await call('DELETE', at)).toMatchObject({ status: 403 })
    expect(await call('DELETE', `${at}/mine`)).toMatchObject({ status: expect.toSatisfy((s) => s !== 403) })
  })

  it('a Pool of which parts are sold stays with its ledger', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const spec = {
      flavorType: 'k8slice' as const,
      capacity: { cpu: '4' },
      partition: {},
      data: {},
      price: { amount: '1', currency: 'EUR', period: 'hour' },
    }
    const pool = await store.create(PoolKind, { metadata: { name: 'p', namespace: 'default' }, spec })
    const at = '/apis/tributary.io/v1alpha1/namespaces/default/pools'
    const status = { revision: 1, free: {}, holds: 0, allocations: 1 }
    const sold = await store.update(PoolKind, { ...pool, status }, { subresource: 'status' })
    for (const path of [`${at}/p`, at, `${at}/p?propagationPolicy=Orphan`, `${at}/p?dryRun=All`])
      expect(await call('DELETE', path)).toMatchObject({
        status: 403,
        json: { message: expect.stringContaining('spec.retired') },
      })
    await store.update(
      PoolKind,
      { ...sold, status: { ...status, allocations: 0 } },
      { subresource: 'status' },
    )
    expect(await call('DELETE', `${at}/p`)).toMatchObject({ status: 200 })
  })

  it('what the node made for a Solver or an Intent is not his, and what he makes himself is', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const party = { nodeID: 'did:key:z6Mk', ip: 'x:1', domain: 'd' }
    const spec = { solverID: 's', buyer: party, seller: party }
    const owner = { apiVersion: 'nodecore.fluidos.eu/v1alpha1', kind: 'Solver', name: 's', uid: 'u' }
    const at = '/apis/reservation.fluidos.eu/v1alpha1/namespaces/default/reservations'
    const namespace = 'default'
    await store.create(ReservationKind, {
      metadata: { name: 'made', namespace, ownerReferences: [owner] },
      spec,
    })
    expect(await call('POST', at, { metadata: { name: 'own' }, spec })).toMatchObject({ status: 201 })
    const dearer = { spec: { price: { amount: '99', currency: 'EUR', period: 'hour' } } }
    expect(await call('PATCH', `${at}/own`, dearer, MERGE)).toMatchObject({ status: 200 })
    expect(await call('PATCH', `${at}/made`, dearer, MERGE)).toMatchObject({ status: 403 })
    expect(await call('PATCH', `${at}/made`, { metadata: { ownerReferences: null } }, MERGE)).toMatchObject({
      status: 403,
    })
    const solvers = '/apis/nodecore.fluidos.eu/v1alpha1/namespaces/default/solvers'
    const solver = { intentID: 'i', findCandidate: true }
    await store.create(SolverKind, {
      metadata: { name: 'made', namespace, labels: { 'tributary.io/intent': 'i' } },
      spec: solver,
    })
    expect(await call('PATCH', `${solvers}/made`, { spec: { duration: '999h' } }, MERGE)).toMatchObject({
      status: 403,
    })
    expect(await call('PATCH', `${solvers}/made`, { metadata: { labels: null } }, MERGE)).toMatchObject({
      status: 403,
    })
    expect(await call('POST', solvers, { metadata: { name: 'own' }, spec: solver })).toMatchObject({
      status: 201,
    })
    expect(await call('PATCH', `${solvers}/own`, { spec: { duration: '9h' } }, MERGE)).toMatchObject({
      status: 200,
    })
  })

  it('an Allocation asks for a contract and says nothing else', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const at = '/apis/nodecore.fluidos.eu/v1alpha1/namespaces/default/allocations'
    const contract = { name: 'contract-1' }
    const make = (name: string, spec: object) => call('POST', at, { metadata: { name }, spec })
    expect(await make('mine', { contract, forwarding: false })).toMatchObject({ status: 201 })
    for (const derived of [
      { type: 'VirtualNode' },
      { poolName: 'p' },
      { amounts: { cpu: '99' } },
      { transactionID: 't' },
      { virtualNode: 'v' },
      { forwarding: true },
    ])
      expect(await make('other', { contract, ...derived })).toMatchObject({ status: 403 })
    // The name that the node's own would have.
    expect(await make('allocation-0123456789abcdef', { contract })).toMatchObject({ status: 403 })
    const own = { type: 'Node' as const, contract, amounts: { cpu: '1' }, poolName: 'p' }
    await store.create(AllocationKind, { metadata: { name: 'own', namespace: 'default' }, spec: own })
    expect(await call('PATCH', `${at}/own`, { spec: { amounts: { cpu: '2' } } }, MERGE)).toMatchObject({
      status: 403,
    })
    expect(await call('DELETE', `${at}/own`)).toMatchObject({ status: 403 })
    expect(await call('DELETE', `${at}/mine`)).toMatchObject({ status: 200 })
  })

  it('the node’s finalizers stay: refused in a patch, kept when a whole object comes without or with them', async () => {
    const { call, store } = await serve({ kinds: ALL_KINDS })
    const at = '/apis/tributary.io/v1alpha1/namespaces/default/intents'
    const finalizers = ['tributary.io/intent', 'mine.example/x']
    const spec = { workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } }
    await store.create(IntentKind, {
      metadata: { name: 'i', namespace: 'default', finalizers },
      spec,
    } as never)
    for (const metadata of [{ finalizers: null }, { finalizers: [] }, { finalizers: ['mine.example/x'] }])
      expect(await call('PATCH', `${at}/i`, { metadata }, MERGE)).toMatchObject({
        status: 403,
        json: { message: expect.stringContaining('tributary.io/intent') },
      })
    const json = { 'content-type': 'application/json-patch+json' }
    expect(
      await call('PATCH', `${at}/i`, [{ op: 'remove', path: '/metadata/finalizers' }], json),
    ).toMatchObject({
      status: 403,
    })
    // One's own is one's own.
    const left = ['tributary.io/intent']
    expect(
      (await call('PATCH', `${at}/i`, { metadata: { finalizers: left } }, MERGE)).json.metadata,
    ).toMatchObject({
      finalizers: left,
    })
    expect((await call('PUT', `${at}/i`, { metadata: { name: 'i' }, spec })).json.metadata).toMatchObject({
      finalizers: left,
    })
    // Restored from a backup: whoever needs it puts it on again.
    const restored = await call('POST', at, { metadata: { name: 'j', finalizers }, spec })
    expect(restored.json.metadata.finalizers).toEqual(['mine.example/x'])
  })
})
