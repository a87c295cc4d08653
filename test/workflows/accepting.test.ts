/** Which intents are accepted, however they got into the store, and which Deployments become one. */
import { afterEach, describe, expect, it } from 'vitest'
import { DeploymentKind, type Deployment } from '../../src/objects/core/deployment.ts'
import { NamespaceKind } from '../../src/objects/core/namespace.ts'
import { PodKind } from '../../src/objects/core/pod.ts'
import { acceptedCondition, IntentKind, type Intent } from '../../src/objects/intent.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { activeContracts, contradictions } from '../support/invariants.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'
import {
  CONSUMER,
  deployment,
  intent,
  intentOf,
  isRunning,
  provider,
  run,
  takeBack,
  until,
} from '../support/scenario.ts'

type Names = 'consumer' | 'seller'

const BIG: MarketConfig = { cluster: { capacity: { cpu: '4', memory: '8Gi' } } }

describe('an intent in the store', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(consumer: MarketConfig = CONSUMER): Promise<void> {
    market = await startMarket(51, {
      consumer: { ...consumer, peers: ['seller'] },
      seller: provider('4', '1'),
    })
    await market.simulation.advance(1_000)
  }

  const statusOf = async (name: string) => (await intentOf(market.nodes.consumer, name))!.status
  /** Writes a spec past the control API, as a user of another API server can. */
  async function write(name: string, spec: unknown): Promise<void> {
    const { store } = market.nodes.consumer
    const before = await intentOf(market.nodes.consumer, name)
    if (before === undefined)
      await store.create(IntentKind, {
        metadata: { name, namespace: 'default' },
        spec: spec as Intent['spec'],
      })
    else await store.update(IntentKind, { ...before, spec: spec as Intent['spec'] })
  }

  const manifest = deployment('job', '1')
  const lots = { requests: { cpu: 'lots' } }
  const twoTimes = { spec: { template: { spec: { containers: [{ name: 'web', resources: lots }] } } } }
  it.each([
    ['no workload', { workload: [] }, /^spec\.workload: at least one Deployment is needed$/],
    ['no spec at all', undefined, /^spec: Required value$/],
    ['an unknown field', { workload: [manifest], plcement: 'Any' }, /^spec\.plcement: /],
    ['a workload of another sort', { workload: 'all' }, /^spec\.workload: .*must be array/],
    [
      'a container that is none',
      { workload: [{ ...manifest, spec: { template: { spec: { containers: [null] } } } }] },
      /^spec\.workload\[0\]\.spec\./,
    ],
    [
      'a quantity that is none',
      { workload: [{ ...manifest, ...twoTimes }] },
      /resources\.requests\.cpu: .*lots/,
    ],
    [
      'a duration that is none',
      { workload: [manifest], duration: 'a while' },
      /^spec\.duration: .*a duration such as 30s, 5m, 24h/,
    ],
    [
      'a reference to what does not run',
      { workloadRef: { apiVersion: 'v1', kind: 'Secret', name: 's' } },
      /^spec\.workloadRef\.kind: must be Deployment, not Secret$/,
    ],
  ])('with %s fails, says at which field, and gets nothing', async (_, spec, message) => {
    await begin()
    const { consumer } = market.nodes
    await write('job', spec)
    await market.simulation.advance(5_000)
    const status = await statusOf('job')
    expect(status).toMatchObject({ phase: 'Failed', message: expect.stringMatching(message) })
    expect(acceptedCondition({ status: status! })).toMatchObject({
      status: 'False',
      reason: 'InvalidSpec',
      message: expect.stringMatching(message),
      observedGeneration: 1,
    })
    expect((await consumer.store.list(SolverKind)).items).toEqual([])
    expect((await consumer.store.list(DeploymentKind)).items).toEqual([])
    // It can be taken back like any other.
    await consumer.store.delete(IntentKind, { namespace: 'default', name: 'job' })
    expect(await intentOf(consumer, 'job')).toBeUndefined()
  })

  it('that is mended is judged again and goes on', async () => {
    await begin()
    await write('job', { workload: [] })
    await market.simulation.advance(1_000)
    expect((await statusOf('job'))!.phase).toBe('Failed')
    await write('job', { workload: [deployment('job', '1')] })
    await until(market, market.nodes.consumer, () => isRunning(market.nodes.consumer, 'job'))
    expect(acceptedCondition((await intentOf(market.nodes.consumer, 'job'))!)).toMatchObject({
      status: 'True',
      observedGeneration: 2,
    })
    expect(await activeContracts(market.nodes.seller)).toHaveLength(1)
  })

  it('that runs and is spoilt is left as it runs, and goes on with what it has when it is mended', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    const { spec } = await run(market, consumer, intent('job', '1'))
    const [contract] = await activeContracts(seller)
    const [pod] = (await consumer.store.list(PodKind)).items
    await write('job', {
      ...spec,
      workload: [deployment('job', '2'), { ...deployment('x', '1'), kind: 'Secret' }],
    })
    await market.simulation.advance(10_000)
    expect(await statusOf('job')).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('spec.workload[1].kind'),
    })
    await write('job', spec)
    await until(market, consumer, () => isRunning(consumer, 'job'))
    await market.simulation.advance(10_000)
    expect((await activeContracts(seller)).map(({ metadata }) => metadata.name)).toEqual([
      contract!.metadata.name,
    ])
    expect((await consumer.store.list(PodKind)).items.map(({ metadata }) => metadata.uid)).toEqual([
      pod!.metadata.uid,
    ])
    expect(await contradictions(market)).toEqual([])
  })

  it('that runs and is spoilt is in nobody’s way, and can be taken back', async () => {
    await begin()
    const { consumer, seller } = market.nodes
    await run(market, consumer, intent('job', '1'))
    await write('job', { workload: 'all' })
    await run(market, consumer, intent('next', '1'))
    await takeBack(market, consumer, 'job')
    await until(market, consumer, async () => (await activeContracts(seller)).length === 1)
    expect((await consumer.store.list(DeploymentKind)).items).toHaveLength(1)
    await market.simulation.advance(60_000)
    expect(await contradictions(market)).toEqual([])
  })

  it('is judged after a restart, too', async () => {
    await begin()
    const { consumer } = market.nodes
    await consumer.kill()
    await write('job', { workload: [] })
    await consumer.restart()
    await market.simulation.advance(1_000)
    expect(await statusOf('job')).toMatchObject({ phase: 'Failed' })
  })
})

describe('a Deployment', () => {
  let market: Market<Names>
  afterEach(() => market.stop())

  async function begin(mark: string | undefined, consumer: MarketConfig = CONSUMER): Promise<void> {
    market = await startMarket(52, {
      consumer: { ...consumer, peers: ['seller'] },
      seller: provider('4', '1'),
    })
    await market.simulation.advance(1_000)
    if (mark !== undefined) await markNamespace(mark)
  }

  async function markNamespace(mark: string): Promise<void> {
    const { store } = market.nodes.consumer
    const before = (await store.get(NamespaceKind, { name: 'default' }))!
    const labels = { ...before.metadata.labels, 'tributary.io/offload': mark }
    await store.update(NamespaceKind, { ...before, metadata: { ...before.metadata, labels } })
  }

  interface Marks {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }

  async function create(marks: Marks = {}, cpu = '1'): Promise<void> {
    const plain = deployment('plain', cpu)
    const metadata = { ...plain.metadata, namespace: 'default', ...marks }
    await market.nodes.consumer.store.create(DeploymentKind, { ...plain, metadata } as unknown as Deployment)
  }

  async function change(marks: Marks): Promise<void> {
    const { store } = market.nodes.consumer
    const key = { namespace: 'default', name: 'plain' }
    const stored = (await store.get(DeploymentKind, key))!
    const { labels: _, annotations: before = {}, ...metadata } = stored.metadata
    const kept = Object.entries(before).filter(([name]) => !name.startsWith('fluidos-intent-'))
    const annotations = { ...Object.fromEntries(kept), ...marks.annotations }
    const { labels = {} } = marks
    await store.update(DeploymentKind, { ...stored, metadata: { ...metadata, labels, annotations } })
  }

  const isIntent = async (): Promise<boolean> =>
    (await intentOf(market.nodes.consumer, 'plain')) !== undefined
  const isGivenBack = async (): Promise<boolean> =>
    !(await isIntent()) && (await activeContracts(market.nodes.seller)).length === 0

  it.each([
    ['in a marked namespace', 'true', {}, true],
    ['in a namespace that is marked by default', undefined, {}, true],
    ['in a namespace that is not marked', 'false', {}, false],
    ['with the label', 'false', { labels: { 'tributary.io/offload': 'true' } }, true],
    ['with the label against it', 'true', { labels: { 'tributary.io/offload': 'false' } }, false],
    [
      'with one of upstream’s annotations',
      'false',
      { annotations: { 'fluidos-intent-latency': '100' } },
      true,
    ],
    ['with the annotation of somebody else', 'false', { annotations: { 'example.org/x': 'y' } }, false],
    ['that is to be ignored', 'true', { annotations: { 'tributary.io/ignore': 'true' } }, false],
  ] as const)('%s (%s) becomes an intent just if it asks to', async (_, mark, marks, asks) => {
    await begin(mark, BIG)
    await create(marks)
    await market.simulation.advance(2_000)
    expect(await isIntent()).toBe(asks)
    // Whether by our hand or not, it runs: nobody else is there to place it.
    await until(market, market.nodes.consumer, async () => {
      const [pod] = (await market.nodes.consumer.store.list(PodKind)).items
      return pod?.status?.phase === 'Running' && pod.spec.nodeName === 'consumer'
    })
  })

  it('that does not ask is not bought for, however little room there is', async () => {
    await begin('false')
    await create()
    await market.simulation.advance(60_000)
    expect(await isIntent()).toBe(false)
    expect(await activeContracts(market.nodes.seller)).toEqual([])
  })

  it('that stops asking keeps nothing of what was bought for it, and stays', async () => {
    await begin('false')
    const { consumer } = market.nodes
    await create({ labels: { 'tributary.io/offload': 'true' } })
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    expect(await activeContracts(market.nodes.seller)).toHaveLength(1)
    await change({})
    await until(market, consumer, isGivenBack)
    await market.simulation.advance(10_000)
    const [left] = (await consumer.store.list(DeploymentKind)).items
    // Not bound to a node that is gone, nor changed otherwise.
    expect(left!.spec).toEqual(deployment('plain', '1').spec)
    // And it may ask again.
    await change({ labels: { 'tributary.io/offload': 'true' } })
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    expect(await contradictions(market)).toEqual([])
  })

  it('follows its namespace when that is marked and unmarked', async () => {
    await begin('false')
    const { consumer } = market.nodes
    await create()
    await market.simulation.advance(2_000)
    expect(await isIntent()).toBe(false)
    await markNamespace('true')
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    await markNamespace('false')
    await until(market, consumer, isGivenBack)
  })

  it('with annotations that cannot be read fails as an intent, is named, and is judged again', async () => {
    await begin('false')
    const { consumer } = market.nodes
    await create({ annotations: { 'fluidos-intent-latency': 'fast', 'fluidos-intent-locaton': 'Turin' } })
    await market.simulation.advance(5_000)
    const { status } = (await intentOf(consumer, 'plain'))!
    expect(status).toMatchObject({ phase: 'Failed' })
    expect(acceptedCondition({ status: status! })).toMatchObject({
      status: 'False',
      reason: 'InvalidAnnotations',
      message: expect.stringMatching(
        /annotations\[fluidos-intent-latency\] of Deployment plain: "fast": expected milliseconds.*; .*fluidos-intent-locaton.*did you mean fluidos-intent-location/,
      ),
    })
    expect(await activeContracts(market.nodes.seller)).toEqual([])
    await change({ annotations: { 'fluidos-intent-latency': '5s' } })
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    expect((await intentOf(consumer, 'plain'))!.spec.requirements).toEqual({ maxLatencyMs: 5_000 })
  })

  it('whose annotations change takes what the user added to its intent along', async () => {
    await begin('false')
    const { consumer } = market.nodes
    await create({ annotations: { 'fluidos-intent-latency': '5s' } })
    await until(market, consumer, () => isRunning(consumer, 'plain'))
    const before = (await intentOf(consumer, 'plain'))!
    await consumer.store.update(IntentKind, { ...before, spec: { ...before.spec, onFailure: 'Replace' } })
    await change({ annotations: { 'fluidos-intent-latency': '4s' } })
    await market.simulation.advance(2_000)
    expect((await intentOf(consumer, 'plain'))!.spec).toMatchObject({
      onFailure: 'Replace',
      requirements: { maxLatencyMs: 4_000 },
    })
  })
})
