/** Workflow 1, whole: ten nodes of one domain in one process, on the simulated clock. */
import { afterEach, describe, expect, it } from 'vitest'
import { AllocationKind } from '../../src/objects/allocation.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { DeploymentKind } from '../../src/objects/core/deployment.ts'
import { NodeKind } from '../../src/objects/core/node.ts'
import { IntentKind, type Intent } from '../../src/objects/intent.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { TraceKind, type TraceEvent } from '../../src/objects/trace.ts'
import { WORKFLOW_1 } from '../../src/trace/index.ts'
import { startMarket, type Market, type MarketConfig } from '../support/market.ts'

const provider = (cpu: string, price: string): MarketConfig => ({
  cluster: { capacity: { cpu: '1', memory: '1Gi' } },
  sell: {
    capacity: { cpu, memory: '8Gi', pods: '20' },
    partition: { minimum: { cpu: '500m' }, step: { cpu: '500m', memory: '64Mi' } },
    price: { amount: price, currency: 'EUR', period: 'hour' },
  },
  allowWorkloads: true,
})

const PROVIDERS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9'] as const

function intent(
  name: string,
  cpu: string,
): Parameters<Market<string>['nodes'][string]['store']['create']>[1] {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      workload: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name },
          spec: {
            replicas: 1,
            selector: { matchLabels: { app: name } },
            template: {
              metadata: { labels: { app: name } },
              spec: {
                containers: [
                  {
                    name: 'web',
                    command: ['web'],
                    ports: [{ containerPort: 8080 }],
                    resources: { requests: { cpu, memory: '256Mi' }, limits: { cpu, memory: '256Mi' } },
                  },
                ],
              },
            },
          },
        },
      ],
    },
  } as never
}

describe('workflow 1 with ten nodes', () => {
  let market: Market<'consumer' | (typeof PROVIDERS)[number]>
  afterEach(() => market.stop())

  async function begin(): Promise<void> {
    const providers = Object.fromEntries(
      PROVIDERS.map((name, index) => [name, provider('4', String(index + 1))]),
    ) as Record<(typeof PROVIDERS)[number], MarketConfig>
    market = await startMarket(1, {
      consumer: { cluster: { capacity: { cpu: '500m', memory: '256Mi' } }, peers: [...PROVIDERS] },
      ...providers,
    })
    await market.simulation.advance(1_000)
  }

  async function phaseOf(name: string): Promise<Intent | undefined> {
    return market.nodes.consumer.store.get(IntentKind, { namespace: 'default', name })
  }

  async function until(condition: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
    const end = market.simulation.now() + limitMs
    while (!(await condition())) {
      if (market.simulation.now() > end) {
        const solvers = await market.nodes.consumer.store.list(SolverKind)
        const intents = await market.nodes.consumer.store.list(IntentKind)
        throw new Error(
          `not reached: ${JSON.stringify([intents.items.map((each) => each.status), solvers.items.map((each) => each.status)], null, 1)}`,
        )
      }
      await market.simulation.advance(20)
    }
  }

  it('takes every numbered step, at the right component, in order, and gives everything back', async () => {
    await begin()
    const { consumer } = market.nodes
    await consumer.store.create(IntentKind, intent('hello', '1500m') as never)
    await until(async () => (await phaseOf('hello'))?.status?.phase === 'Running')

    const traceID = (await phaseOf('hello'))!.status!.traceID!
    const events: TraceEvent[] = []
    for (const { store, node } of Object.values(market.nodes)) {
      await (node as never as { stop: unknown }) // the tracer flushes by itself
      for (const trace of (await store.list(TraceKind)).items) {
        if (trace.spec.traceID === traceID) events.push(...(trace.status?.events ?? []))
      }
    }
    for (const step of WORKFLOW_1) {
      const event = events.find((each) => each.step === step.step && each.outcome === 'ok')
      expect(event, `step ${step.step}`).toMatchObject({ component: step.component, role: step.role })
    }

    // The cheapest of the nine was taken, and only from it was anything bought.
    const contracts = (await consumer.store.list(ContractKind)).items
    expect(contracts).toHaveLength(1)
    expect(contracts[0]!.spec.seller.nodeID).toBe(market.nodes.p1.id)
    expect((await consumer.store.list(NodeKind)).items.map(({ metadata }) => metadata.name)).toHaveLength(2)
    expect((await market.nodes.p1.store.list(AllocationKind)).items[0]).toMatchObject({
      spec: { type: 'Node', amounts: { cpu: '1500m' } },
      status: { status: 'Active' },
    })
    await market.expectBalanced()

    await consumer.store.delete(IntentKind, { namespace: 'default', name: 'hello' })
    await until(async () => (await phaseOf('hello')) === undefined)
    await until(async () => (await market.nodes.p1.store.list(AllocationKind)).items.length === 0)
    const pool = (await market.nodes.p1.store.list(PoolKind)).items[0]!
    expect(pool.status!.free).toEqual(pool.spec.capacity)
    expect((await consumer.store.list(DeploymentKind)).items).toEqual([])
    expect((await consumer.store.list(SolverKind)).items).toEqual([])
    await market.expectBalanced()
  })
})
