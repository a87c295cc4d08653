/** What tests of whole workflows have in common: an intent, sellers, waiting, and the trace of everybody. */
import { expect } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { IntentKind, type Intent } from '../../src/objects/intent.ts'
import type { NewObject } from '../../src/objects/meta.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { RearClient } from '../../src/rear/client.ts'
import { TraceKind, type TraceEvent } from '../../src/objects/trace.ts'
import { ALONGSIDE, mergeEvents, WORKFLOWS, type WorkflowNumber } from '../../src/trace/index.ts'
import { testIdentity } from './identities.ts'
import type { Market, MarketConfig, MarketNode } from './market.ts'

/** A node that sells. @param price in EUR per hour for all of it */
export function provider(cpu: string, price: string): MarketConfig {
  return {
    cluster: { capacity: { cpu: '1', memory: '1Gi' } },
    sell: {
      capacity: { cpu, memory: '8Gi', pods: '20' },
      partition: { minimum: { cpu: '500m' }, step: { cpu: '500m', memory: '64Mi' } },
      price: { amount: price, currency: 'EUR', period: 'hour' },
    },
    allowWorkloads: true,
  }
}

/** A node too small for anything. */
export const CONSUMER: MarketConfig = { cluster: { capacity: { cpu: '100m', memory: '64Mi' } } }

/** A Deployment of one pod, as a user writes it. */
export function deployment(name: string, cpu: string, memory = '256Mi') {
  const resources = { requests: { cpu, memory }, limits: { cpu, memory } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [{ name: 'web', command: ['web'], ports: [{ containerPort: 8080 }], resources }],
        },
      },
    },
  }
}

/** An intent with one Deployment of one pod. */
export function intent(name: string, cpu: string, more: Partial<Intent['spec']> = {}): NewObject<Intent> {
  return { metadata: { name, namespace: 'default' }, spec: { workload: [deployment(name, cpu)], ...more } }
}

/** A REAR client with the identity of a node of the market, beside the node's own. */
export function clientOf(market: Market<string>, name: string): RearClient {
  const system = market.simulation.named(`client of ${name}`)
  const transport = market.network.transport(testIdentity(name), `tool-of-${name}.example:1`)
  return new RearClient({ transport, system, log: silentLog })
}

/** Lets simulated time pass until the work is over. */
export async function passing<T>(market: Market<string>, work: Promise<T>): Promise<T> {
  let over = false
  const done = work.finally(() => (over = true))
  done.catch(() => undefined)
  while (!over) await market.simulation.advance(10)
  return done
}

/** @returns whether the intent of a name runs */
export async function isRunning(node: MarketNode, name: string): Promise<boolean> {
  return (await intentOf(node, name))?.status?.phase === 'Running'
}

/** Lets simulated time pass until the condition holds; says how the intents of `node` stand when it does not. */
export async function until(
  market: Market<string>,
  node: MarketNode,
  condition: () => Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const end = market.simulation.now() + limitMs
  while (!(await condition())) {
    if (market.simulation.now() > end) {
      const intents = (await node.store.list(IntentKind)).items.map(({ status }) => status)
      const solvers = (await node.store.list(SolverKind)).items.map(({ status }) => status)
      throw new Error(`not reached: ${JSON.stringify({ intents, solvers }, null, 1)}`)
    }
    await market.simulation.advance(20)
  }
}

export async function intentOf(node: MarketNode, name: string): Promise<Intent | undefined> {
  return node.store.get(IntentKind, { namespace: 'default', name })
}

/** Hands an intent in and waits until its workload runs. */
export async function run(
  market: Market<string>,
  node: MarketNode,
  object: NewObject<Intent>,
): Promise<Intent> {
  await node.store.create(IntentKind, object)
  const { name } = object.metadata
  await until(market, node, async () => (await intentOf(node, name))?.status?.phase === 'Running')
  return (await intentOf(node, name))!
}

/** Takes an intent back and waits until it is gone. */
export async function takeBack(market: Market<string>, node: MarketNode, name: string): Promise<void> {
  await node.store.delete(IntentKind, { namespace: 'default', name })
  await until(market, node, async () => (await intentOf(node, name)) === undefined)
}

/** The steps of all nodes for an intent, numbered by what the consumer's trace turned out to be. */
export async function traceOfAll(market: Market<string>, consumer: MarketNode, done: Intent) {
  // Steps are written together, the last ones within a second.
  await market.simulation.advance(1_000)
  const traceID = done.status!.traceID!
  const lists: TraceEvent[][] = []
  let workflow: WorkflowNumber = 1
  for (const each of Object.values(market.nodes)) {
    for (const { spec, status } of (await each.store.list(TraceKind)).items) {
      if (spec.traceID !== traceID) continue
      lists.push(status?.events ?? [])
      if (each === consumer) workflow = (spec.workflow ?? 1) as WorkflowNumber
    }
  }
  return { workflow, events: mergeEvents(lists, workflow) }
}

/** Expects that every step that is not optional was taken by the right component, in the order of the numbers. */
export function expectSteps(
  workflow: WorkflowNumber,
  events: readonly TraceEvent[],
  skipped: readonly number[] = [],
): void {
  const order: number[] = []
  for (const step of WORKFLOWS[workflow]) {
    if (step.optional || skipped.includes(step.step)) continue
    const event = events.find(
      (each) => each.step === step.step && each.action === step.action && each.outcome === 'ok',
    )
    expect(event, `step ${step.step}: ${step.role} ${step.action}`).toMatchObject({
      component: step.component,
      role: step.role,
    })
    order.push(event!.at)
  }
  expect(order).toEqual([...order].sort((a, b) => a - b))
  // At the same time as the contracts come to be, the Network Managers deploy their routers.
  for (const { step, action, role, component } of ALONGSIDE[workflow])
    expect(
      events.find((each) => each.action === action && each.role === role),
      `step ${step}: ${role} ${action}`,
    ).toMatchObject({ step, component, outcome: 'ok' })
}
