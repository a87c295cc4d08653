import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import {
  type EmbeddedNode,
  type EmbeddedNodeOptions,
  idle,
  startEmbeddedNode,
  tcpServer,
} from '../../../test/support/embedded-node.ts'
import { createMemoryChannel, type MemoryChannel } from '../../../test/support/memory-channel.ts'
import { createSimulatedRunner } from '../../../test/support/simulated-runner.ts'
import { createSimulatedSystem, type SimulatedSystem } from '../../../test/support/simulated-system.ts'
import { mutate } from '../../kernel/object-store.ts'
import { type Deployment, DeploymentKind } from '../../objects/core/deployment.ts'
import { EventKind } from '../../objects/core/event.ts'
import { NodeKind } from '../../objects/core/node.ts'
import { isReady, type Pod, PodKind, podStatusWord } from '../../objects/core/pod.ts'
import type { Container, PodSpec } from '../../objects/core/pod-spec.ts'
import type { NodeId } from '../../objects/ids.ts'
import type { Amounts } from '../fabric.ts'
import { podPath, podsPath } from './pods-protocol.ts'

const BUYER = 'did:key:buyer' as NodeId
const SELLER = 'did:key:seller' as NodeId
const AMOUNTS: Amounts = { cpu: '2', memory: '1Gi', pods: '10' }

const nodes: EmbeddedNode[] = []
let simulated: SimulatedSystem | undefined
const start = async (options: EmbeddedNodeOptions): Promise<EmbeddedNode> => {
  const node = await startEmbeddedNode(options)
  nodes.push(node)
  return node
}
afterEach(async () => {
  let closed = false
  const closing = (async () => {
    for (const node of nodes.splice(0).reverse()) await node.close()
  })().finally(() => (closed = true))
  // Stopping takes time, too.
  await simulated?.runUntil(() => closed, { limitMs: 60_000 })
  await closing
  simulated = undefined
})

/** Sells a slice of `provider` to `consumer` and attaches it as a node named like the contract. */
async function sell(
  provider: EmbeddedNode,
  consumer: EmbeddedNode,
  name: string,
  amounts: Amounts = AMOUNTS,
): Promise<MemoryChannel> {
  const contractID = name
  provider.sold.set(contractID, { contractID, buyer: BUYER, amounts })
  const { routes } = provider.fabric
  const channel = createMemoryChannel({
    peer: BUYER,
    routes,
    onStream: (stream) => provider.fabric.onStream(stream),
  })
  consumer.channels.set(contractID, channel)
  const offer = await provider.fabric.offer(provider.sold.get(contractID)!)
  if (offer.status !== 'Accepted') throw new Error(offer.message)
  await consumer.fabric.attach({ nodeName: name, contractID, provider: SELLER, offer })
  return channel
}

const on = (nodeName: string): Record<string, string> => ({ 'kubernetes.io/hostname': nodeName })

const createPod = (node: EmbeddedNode, name: string, spec: PodSpec): Promise<Pod> =>
  node.store.create(PodKind, { metadata: { name, namespace: 'default', labels: { app: name } }, spec })

const createDeployment = (
  node: EmbeddedNode,
  name: string,
  spec: PodSpec,
  more: Partial<Deployment['spec']> = {},
): Promise<Deployment> =>
  node.store.create(DeploymentKind, {
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec },
      ...more,
    },
  })

const pod = (node: EmbeddedNode, name: string): Promise<Pod | undefined> =>
  node.store.get(PodKind, { namespace: 'default', name })
const pods = async (node: EmbeddedNode): Promise<readonly Pod[]> => (await node.store.list(PodKind)).items
const ready = async (node: EmbeddedNode, name: string): Promise<Pod> => {
  let found: Pod | undefined
  await vi.waitFor(async () => {
    found = await pod(node, name)
    expect(found && isReady(found)).toBe(true)
  }, 20_000)
  return found!
}
const reasons = async (node: EmbeddedNode): Promise<readonly (string | undefined)[]> =>
  (await node.store.list(EventKind)).items.map(({ reason }) => reason)

function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    connect({ host, port })
      .on('data', (chunk) => (answer += chunk.toString()))
      .on('end', () => resolve(answer))
      .on('error', reject)
  })
}

async function readAll(chunks: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const chunk of chunks) text += chunk
  return text
}

describe('pods on the local node, with real processes', () => {
  it('are ready exactly when their port accepts connections, on an address of their own', async () => {
    const node = await start({ name: 'alpha' })
    await createPod(node, 'one', { containers: [tcpServer('main', 8080, 'first')] })
    await createPod(node, 'two', { containers: [tcpServer('main', 8080, 'second')] })
    const one = await ready(node, 'one')
    const two = await ready(node, 'two')
    expect(one.status!.podIP).not.toBe(two.status!.podIP)
    expect(await ask(one.status!.podIP!, 8080)).toBe('first')
    expect(await ask(two.status!.podIP!, 8080)).toBe('second')
    expect(one.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ name: 'main', ready: true, started: true, restartCount: 0 }],
    })
    expect(one.status!.conditions!.map(({ type, status }) => `${type}=${status}`).sort()).toEqual([
      'ContainersReady=True',
      'Initialized=True',
      'PodReadyToStartContainers=True',
      'PodScheduled=True',
      'Ready=True',
    ])
  })

  it('learn about themselves through the environment and $(NAME) in the command', async () => {
    const node = await start({ name: 'alpha' })
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
    await createPod(node, 'one', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          command: ['sh', '-c', 'echo "$NAME $SPACE $NODE $APP $IP $GREETING|$(GREETING)|$$(GREETING)"'],
          env: [
            field('NAME', 'metadata.name'),
            field('SPACE', 'metadata.namespace'),
            field('NODE', 'spec.nodeName'),
            field('APP', "metadata.labels['app']"),
            field('IP', 'status.podIP'),
            { name: 'GREETING', value: 'hello-$(NAME)' },
          ],
        },
      ],
    })
    await vi.waitFor(async () => expect((await pod(node, 'one'))?.status?.phase).toBe('Succeeded'))
    const { podIP } = (await pod(node, 'one'))!.status!
    const key = { namespace: 'default', name: 'one' }
    // The shell would run what is left of the escaped one as a command: it is not there.
    expect(await readAll(node.fabric.logs(key))).toContain(
      `one default alpha one ${podIP} hello-one|hello-one|`,
    )
  })

  it('come back after a crash, later each time, and say so as Kubernetes does', async () => {
    const node = await start({ name: 'alpha' })
    await createPod(node, 'one', {
      containers: [{ name: 'main', command: ['sh', '-c', 'echo oops >&2; exit 3'] }],
    })
    await vi.waitFor(async () => {
      const found = await pod(node, 'one')
      expect(found?.status?.containerStatuses?.[0]?.restartCount).toBeGreaterThanOrEqual(2)
      expect(podStatusWord(found!)).toBe('CrashLoopBackOff')
      expect(found?.status?.containerStatuses?.[0]).toMatchObject({
        ready: false,
        lastState: {
          terminated: { exitCode: 3, reason: 'Error', message: expect.stringContaining('oops') as string },
        },
      })
      expect(found?.status?.phase).toBe('Running')
    }, 20_000)
    expect(await reasons(node)).toContain('BackOff')
  })

  it('end as their restart policy says', async () => {
    const node = await start({ name: 'alpha' })
    const exits = (code: number): Container[] => [{ name: 'main', command: ['sh', '-c', `exit ${code}`] }]
    await createPod(node, 'good', { restartPolicy: 'Never', containers: exits(0) })
    await createPod(node, 'bad', { restartPolicy: 'Never', containers: exits(4) })
    await createPod(node, 'fine', { restartPolicy: 'OnFailure', containers: exits(0) })
    await vi.waitFor(async () => {
      const phases = Object.fromEntries(
        (await pods(node)).map((one) => [one.metadata.name, one.status?.phase]),
      )
      expect(phases).toEqual({ good: 'Succeeded', bad: 'Failed', fine: 'Succeeded' })
    })
  })

  it('are told what is wrong with them when they cannot be started', async () => {
    const node = await start({ name: 'alpha' })
    await createPod(node, 'image-only', { containers: [{ name: 'main', image: 'nginx' }] })
    await createPod(node, 'secret', {
      containers: [
        { ...idle('main'), env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
      ],
    })
    await createPod(node, 'volume', {
      containers: [{ ...idle('main'), volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
    })
    await vi.waitFor(async () => {
      for (const one of await pods(node)) {
        expect(one.status?.phase).toBe('Pending')
        expect(podStatusWord(one)).toBe('CreateContainerConfigError')
      }
    })
    const waiting = (await pod(node, 'image-only'))!.status!.containerStatuses![0]!.state!.waiting!
    expect(waiting.message).toContain('commands, not images')
  })

  it('are restarted when their liveness probe fails, and unready while their readiness probe does', async () => {
    const node = await start({ name: 'alpha' })
    const quick = { periodSeconds: 1, failureThreshold: 1 }
    await createPod(node, 'dying', {
      terminationGracePeriodSeconds: 1,
      containers: [{ ...idle('main'), livenessProbe: { ...quick, exec: { command: ['false'] } } }],
    })
    await createPod(node, 'unready', {
      containers: [{ ...idle('main'), readinessProbe: { ...quick, exec: { command: ['false'] } } }],
    })
    await createPod(node, 'fine', {
      containers: [{ ...idle('main'), readinessProbe: { ...quick, exec: { command: ['true'] } } }],
    })
    await ready(node, 'fine')
    await vi.waitFor(async () => {
      expect((await pod(node, 'dying'))?.status?.containerStatuses?.[0]?.restartCount).toBeGreaterThanOrEqual(
        1,
      )
    }, 20_000)
    expect(isReady((await pod(node, 'unready'))!)).toBe(false)
    expect((await pod(node, 'unready'))!.status!.phase).toBe('Running')
  })

  it('can be deleted: nothing runs when the object is gone', async () => {
    const node = await start({ name: 'alpha' })
    await createPod(node, 'one', { containers: [tcpServer('main'), idle('side')] })
    const { podIP } = (await ready(node, 'one')).status!
    await node.store.delete(PodKind, { namespace: 'default', name: 'one' })
    expect((await pod(node, 'one'))?.metadata.deletionTimestamp).toBeDefined()
    await vi.waitFor(async () => expect(await pod(node, 'one')).toBeUndefined())
    await expect(ask(podIP!, 8080)).rejects.toThrow('ECONNREFUSED')
  })

  it('can be followed: their log goes on until they end', async () => {
    const node = await start({ name: 'alpha' })
    const script = 'for i in 1 2 3; do echo line $i; done; trap "exit 0" TERM; sleep 100000 & wait'
    await createPod(node, 'one', { containers: [{ name: 'main', command: ['sh', '-c', script] }] })
    await ready(node, 'one')
    const key = { namespace: 'default', name: 'one' }
    await vi.waitFor(async () =>
      expect(await readAll(node.fabric.logs(key))).toBe('line 1\nline 2\nline 3\n'),
    )
    expect(await readAll(node.fabric.logs(key, { tailLines: 1 }))).toBe('line 3\n')
    const followed = readAll(node.fabric.logs(key, { follow: true }))
    await node.store.delete(PodKind, key)
    expect(await followed).toBe('line 1\nline 2\nline 3\n')
    expect(() => node.fabric.logs({ namespace: 'default', name: 'nobody' })).toThrow('there is no pod')
  })

  it('run exactly once again after the whole node was stopped and started', async () => {
    const first = await start({ name: 'alpha' })
    await createPod(first, 'one', { containers: [tcpServer('main')] })
    const before = await ready(first, 'one')
    await first.stop()
    await expect(ask(before.status!.podIP!, 8080)).rejects.toThrow('ECONNREFUSED')
    const second = await start({ name: 'alpha', store: first.store, directory: first.directory })
    await vi.waitFor(async () => {
      const after = await pod(second, 'one')
      expect(isReady(after!)).toBe(true)
      expect(after!.status!.containerStatuses![0]).toMatchObject({
        restartCount: 1,
        lastState: { terminated: { reason: 'Unknown' } },
      })
      expect(await ask(after!.status!.podIP!, 8080)).toBe('hello')
    }, 20_000)
    expect((await pod(second, 'one'))!.status!.podIP).toBe(before.status!.podIP)
  })
})

describe('scheduling', () => {
  it('lets the pods of a deployment wait until somebody says where they are to run', async () => {
    const node = await start({ name: 'alpha' })
    await createDeployment(node, 'web', { containers: [idle('main')] })
    await vi.waitFor(async () => {
      const [one] = await pods(node)
      expect(one?.status?.conditions).toMatchObject([
        { type: 'PodScheduled', status: 'False', reason: 'AwaitingPlacement' },
      ])
    })
    await mutate(node.store, DeploymentKind, { namespace: 'default', name: 'web' }, (web) => ({
      ...web,
      spec: {
        ...web.spec,
        template: { ...web.spec.template, spec: { ...web.spec.template.spec, nodeSelector: on('alpha') } },
      },
    }))
    await vi.waitFor(async () => {
      const all = await pods(node)
      expect(all).toHaveLength(1)
      expect(isReady(all[0]!)).toBe(true)
    })
  })

  it('says with numbers why a pod does not fit, and binds it when there is room', async () => {
    const node = await start({ name: 'alpha', capacity: { cpu: '1', memory: '1Gi' } })
    const with600m = [{ ...idle('main'), resources: { requests: { cpu: '600m' } } }]
    await createPod(node, 'one', { containers: with600m })
    await ready(node, 'one')
    await createPod(node, 'two', { containers: with600m })
    await vi.waitFor(async () => {
      const condition = (await pod(node, 'two'))?.status?.conditions?.find(
        ({ type }) => type === 'PodScheduled',
      )
      expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' })
      expect(condition?.message).toContain('Insufficient cpu (needs 600m, 400m of 1 free)')
    })
    await node.store.delete(PodKind, { namespace: 'default', name: 'one' })
    await ready(node, 'two')
  })
})

describe('deployments', () => {
  it('are rolled out, scaled and rolled out again without ever falling below what must be available', async () => {
    const node = await start({ name: 'alpha' })
    const spec: PodSpec = { nodeSelector: on('alpha'), containers: [tcpServer('main')] }
    const key = { namespace: 'default', name: 'web' }
    await createDeployment(node, 'web', spec, { replicas: 2 })
    const complete = async (replicas: number): Promise<Deployment> => {
      let found: Deployment | undefined
      await vi.waitFor(async () => {
        found = await node.store.get(DeploymentKind, key)
        expect(found?.status).toMatchObject({
          observedGeneration: found!.metadata.generation,
          replicas,
          updatedReplicas: replicas,
          readyReplicas: replicas,
          availableReplicas: replicas,
          unavailableReplicas: 0,
        })
      }, 20_000)
      return found!
    }
    const first = await complete(2)
    expect(first.status!.conditions!.map(({ type, status }) => `${type}=${status}`).sort()).toEqual([
      'Available=True',
      'Progressing=True',
    ])
    const names = (await pods(node)).map(({ metadata }) => metadata.name)
    expect(names[0]).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/)

    await mutate(node.store, DeploymentKind, key, (web) => ({ ...web, spec: { ...web.spec, replicas: 3 } }))
    await complete(3)
    let lowest = 3
    const watching = new AbortController()
    const { resourceVersion } = await node.store.list(PodKind)
    const watched = (async () => {
      const changes = node.store.watch(PodKind, {
        fromVersion: resourceVersion,
        signal: watching.signal,
      })
      for await (const { type } of changes) {
        if (type === 'BOOKMARK') continue
        const up = (await pods(node)).filter((one) => isReady(one) && !one.metadata.deletionTimestamp).length
        lowest = Math.min(lowest, up)
      }
    })()
    await mutate(node.store, DeploymentKind, key, (web) => ({
      ...web,
      spec: {
        ...web.spec,
        template: { ...web.spec.template, spec: { ...spec, containers: [tcpServer('main', 8080, 'new')] } },
      },
    }))
    await vi.waitFor(async () => {
      const all = await pods(node)
      expect(all).toHaveLength(3)
      for (const one of all) expect(await ask(one.status!.podIP!, 8080)).toBe('new')
    }, 20_000)
    watching.abort()
    await watched
    // 25 % of 3, rounded down, may be missing: none.
    expect(lowest).toBe(3)

    await mutate(node.store, DeploymentKind, key, (web) => ({ ...web, spec: { ...web.spec, replicas: 1 } }))
    await complete(1)
    await node.store.delete(DeploymentKind, key)
    await vi.waitFor(async () => expect(await pods(node)).toEqual([]))
  })
})

describe('a virtual node, with real processes', () => {
  it('runs the workload at the provider, within the contract, and shows log and state here', async () => {
    const provider = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    await sell(provider, consumer, 'virtual-1')
    const intent = parse(readFileSync(new URL('../../../examples/hello.yaml', import.meta.url), 'utf8')) as {
      spec: { workload: Deployment[] }
    }
    const { metadata, spec } = intent.spec.workload[0]!
    await consumer.store.create(DeploymentKind, {
      metadata: { ...metadata, namespace: 'default' },
      spec: {
        ...spec,
        template: { ...spec.template, spec: { ...spec.template.spec, nodeSelector: on('virtual-1') } },
      },
    })
    await vi.waitFor(async () => expect((await pods(consumer)).map(isReady)).toEqual([true]), 20_000)
    const [mine] = await pods(consumer)
    const { name } = mine!.metadata
    const ref = { namespace: 'default', name }
    const endpoints = provider.fabric.endpoints({ ...ref, contractID: 'virtual-1' })
    expect(endpoints.map(({ containerPort }) => containerPort)).toEqual([8080])
    const endpoint = endpoints[0]!
    if ('path' in endpoint) throw new Error('processes are reached over TCP')
    const answer = await fetch(`http://${endpoint.host}:${endpoint.port}/`)
    const page = await answer.text()
    expect(page).toContain(`pod <b>${name}</b>`)
    expect(page).toContain('your node <b>virtual-1</b>')
    expect(page).toContain('is the node <b>provider</b>')
    expect(provider.fabric.endpoints({ ...ref, contractID: 'other' })).toEqual([])

    const key = { namespace: 'default', name }
    await vi.waitFor(async () => expect(await readAll(consumer.fabric.logs(key))).toContain('listening on'))
    expect(() => provider.fabric.logs(key)).toThrow('there is no pod')

    const [shadow] = await pods(provider)
    expect(shadow!.metadata.namespace).toMatch(/^tributary-/)
    expect(shadow!.metadata.labels).toMatchObject({ app: 'hello', 'tributary.io/contract': 'virtual-1' })
    expect(shadow!.spec.nodeName).toBe('provider')

    const followed = readAll(consumer.fabric.logs(key, { follow: true }))
    await consumer.store.delete(DeploymentKind, { namespace: 'default', name: 'hello' })
    await vi.waitFor(
      async () => expect([...(await pods(consumer)), ...(await pods(provider))]).toEqual([]),
      20_000,
    )
    expect(await followed).toContain('listening on')
  })

  it('refuses, with numbers, what exceeds the contract, and takes it when there is room again', async () => {
    const provider = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    await sell(provider, consumer, 'virtual-1', { cpu: '1', memory: '256Mi', pods: '2' })
    const sized = (cpu: string): PodSpec => ({
      // Requests decide where it is put; limits are what the provider counts.
      containers: [
        { ...idle('main'), resources: { requests: { cpu: '1m' }, limits: { cpu, memory: '64Mi' } } },
      ],
      nodeSelector: on('virtual-1'),
    })
    await createPod(consumer, 'one', sized('600m'))
    await ready(consumer, 'one')
    await createPod(consumer, 'two', sized('600m'))
    await vi.waitFor(async () => {
      const two = await pod(consumer, 'two')
      expect(podStatusWord(two!)).toBe('ExceedsContract')
      expect(two!.status!.containerStatuses![0]!.state!.waiting!.message).toContain(
        'cpu: 600m wanted, 400m left of 1',
      )
    })
    expect(await pods(provider)).toHaveLength(1)
    expect(await reasons(consumer)).toContain('ProviderRefused')
    await consumer.store.delete(PodKind, { namespace: 'default', name: 'one' })
    await ready(consumer, 'two')
  })

  it('shows that a program was killed for its memory', async () => {
    const provider = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    await sell(provider, consumer, 'virtual-1')
    const hog = 'const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10)'
    await createPod(consumer, 'hog', {
      restartPolicy: 'Never',
      nodeSelector: on('virtual-1'),
      containers: [
        { name: 'main', command: ['node', '-e', hog], resources: { limits: { cpu: '1', memory: '100Mi' } } },
      ],
    })
    await vi.waitFor(async () => {
      const found = await pod(consumer, 'hog')
      expect(found?.status?.phase).toBe('Failed')
      expect(found?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
        reason: 'OOMKilled',
        exitCode: 137,
      })
    }, 20_000)
  })

  it('serves only the buyer, and only if the operator allows it', async () => {
    const provider = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    await sell(provider, consumer, 'virtual-1')
    const stranger = createMemoryChannel({
      peer: 'did:key:stranger' as NodeId,
      routes: provider.fabric.routes,
      onStream: (stream) => provider.fabric.onStream(stream),
    })
    const { signal } = new AbortController()
    const contractID = 'virtual-1'
    const body = { uid: 'u', nodeName: 'n', spec: { containers: [idle('main')] } }
    const path = podPath(contractID, 'default', 'one')
    for (const request of [
      { method: 'GET' as const, path: podsPath(contractID) },
      { method: 'PUT' as const, path, body },
      { method: 'DELETE' as const, path },
    ]) {
      await expect(stranger.request({ ...request, signal })).rejects.toMatchObject({ code: 'not-a-party' })
    }
    await expect(stranger.openStream(`${path}/log`, signal)).rejects.toMatchObject({
      name: 'StreamRefused',
      status: 403,
    })
    await expect(stranger.request({ method: 'GET', path: podsPath('other'), signal })).rejects.toMatchObject({
      code: 'contract-not-found',
    })

    const closed = await start({ name: 'closed', allowWorkloads: false })
    const slice = { contractID, buyer: BUYER, amounts: AMOUNTS }
    closed.sold.set(contractID, slice)
    expect(await closed.fabric.offer(slice)).toMatchObject({
      status: 'Denied',
      reason: 'WorkloadsNotAllowed',
    })
    const buyer = createMemoryChannel({ peer: BUYER, routes: closed.fabric.routes })
    await expect(buyer.request({ method: 'PUT', path, body, signal })).rejects.toMatchObject({
      code: 'not-supported',
    })
  })

  it('does not let a buyer pretend or bypass anything by what it sends', async () => {
    const provider = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    const channel = await sell(provider, consumer, 'virtual-1', { cpu: '1', memory: '256Mi', pods: '3' })
    const { signal } = new AbortController()
    const put = (name: string, container: Partial<Container>, more: object = {}) =>
      channel.request({
        method: 'PUT',
        path: podPath('virtual-1', 'default', name),
        body: {
          uid: name,
          nodeName: 'n',
          spec: { containers: [{ ...idle('main'), ...container }] },
          ...more,
        },
        signal,
      })
    const limits = (cpu: string) => ({ resources: { limits: { cpu, memory: '64Mi' } } })
    await expect(put('negative', limits('-5'))).rejects.toMatchObject({ code: 'malformed-body' })
    await expect(put('unknown', { nonsense: true } as Partial<Container>)).rejects.toMatchObject({
      code: 'malformed-body',
    })
    await expect(put('..', limits('1m'))).rejects.toMatchObject({ status: 400 })
    await expect(put('gpu', { resources: { limits: { 'example.com/gpu': '1' } } })).rejects.toMatchObject({
      code: 'exceeds-contract',
    })
    await expect(put('no-annotation', limits('1m'), { annotations: { a: 1 } })).rejects.toMatchObject({
      code: 'malformed-body',
    })
    // Twenty at once: never more than the contract gives.
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => put(`p-${i}`, limits('400m'))),
    )
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    await expect(
      put('mine', limits('100m'), { annotations: { 'tributary.io/contract-amounts': '{"cpu":"99"}' } }),
    ).resolves.toMatchObject({ status: 201 })
    const all = await pods(provider)
    const mine = all.find(({ metadata }) => metadata.name === 'default.mine')
    expect(mine?.metadata.annotations?.['tributary.io/contract-amounts']).toBe(
      '{"cpu":"1","memory":"256Mi","pods":"3"}',
    )
  })

  it('runs pods exactly once again after the provider was killed and started again', async () => {
    const first = await start({ name: 'provider' })
    const consumer = await start({ name: 'consumer' })
    const channel = await sell(first, consumer, 'virtual-1')
    await createPod(consumer, 'one', { nodeSelector: on('virtual-1'), containers: [tcpServer('main')] })
    await ready(consumer, 'one')
    channel.cut()
    await first.stop()
    const second = await start({ ...first, name: 'provider' })
    const { routes } = second.fabric
    consumer.channels.set('virtual-1', createMemoryChannel({ peer: BUYER, routes }))
    await vi.waitFor(async () => {
      const one = await pod(consumer, 'one')
      expect(one?.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true })
    }, 20_000)
    expect(await pods(second)).toHaveLength(1)
  })
})

describe('a provider that is gone, on a simulated clock', () => {
  it('makes the node and its pods unready after 40 seconds, deletes nothing, and heals by itself', async () => {
    simulated = createSimulatedSystem(1)
    const { system } = simulated
    const provider = await start({ name: 'provider', system, runner: createSimulatedRunner({ system }) })
    const consumer = await start({ name: 'consumer', system, runner: createSimulatedRunner({ system }) })
    const channel = await sell(provider, consumer, 'virtual-1')
    await simulated.advance(1_000)
    await createPod(consumer, 'one', { nodeSelector: on('virtual-1'), containers: [tcpServer('main')] })
    await simulated.advance(2_000)
    const readiness = async (): Promise<readonly [boolean, string | undefined, number]> => {
      const node = await consumer.store.get(NodeKind, { name: 'virtual-1' })
      const condition = node?.status?.conditions?.find(({ type }) => type === 'Ready')
      return [isReady((await pod(consumer, 'one'))!), condition?.status, (await pods(consumer)).length]
    }
    expect(await readiness()).toEqual([true, 'True', 1])
    channel.cut()
    await simulated.advance(35_000)
    expect(await readiness()).toEqual([true, 'True', 1])
    await simulated.advance(10_000)
    expect(await readiness()).toEqual([false, 'Unknown', 1])
    expect(await consumer.fabric.observe('virtual-1')).toMatchObject({
      state: 'NotReady',
      reason: 'ProviderUnreachable',
    })
    await simulated.advance(3_600_000)
    expect(await readiness()).toEqual([false, 'Unknown', 1])
    channel.heal()
    await simulated.advance(10_000)
    expect(await readiness()).toEqual([true, 'True', 1])
    expect(await pods(provider)).toHaveLength(1)
  })

  it('does not keep a virtual node from being detached', async () => {
    simulated = createSimulatedSystem(2)
    const { system } = simulated
    const provider = await start({ name: 'provider', system, runner: createSimulatedRunner({ system }) })
    const consumer = await start({ name: 'consumer', system, runner: createSimulatedRunner({ system }) })
    const channel = await sell(provider, consumer, 'virtual-1')
    await simulated.advance(1_000)
    await createPod(consumer, 'one', { nodeSelector: on('virtual-1'), containers: [tcpServer('main')] })
    await simulated.advance(2_000)
    channel.cut()
    let detached = false
    await consumer.fabric.detach('virtual-1')
    expect(await consumer.fabric.observe('virtual-1')).toMatchObject({ state: 'Detaching' })
    consumer.fabric.onChange(() => {
      void consumer.fabric.observe('virtual-1').then(({ state }) => (detached = state === 'Absent'))
    })
    await simulated.runUntil(() => detached, { limitMs: 30_000 })
    expect(await pods(consumer)).toEqual([])
    expect(await consumer.store.get(NodeKind, { name: 'virtual-1' })).toBeUndefined()
  })

  it('asks its provider rarely when nothing happens', async () => {
    simulated = createSimulatedSystem(3)
    const { system } = simulated
    const provider = await start({ name: 'provider', system, runner: createSimulatedRunner({ system }) })
    const consumer = await start({ name: 'consumer', system, runner: createSimulatedRunner({ system }) })
    const channel = await sell(provider, consumer, 'virtual-1')
    await simulated.advance(1_000)
    const before = channel.requests.length
    await simulated.advance(600_000)
    expect(channel.requests.length - before).toBeLessThanOrEqual(31)
  })
})
