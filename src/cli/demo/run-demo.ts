/**
 * Plays a scenario from an empty folder to an empty folder, and checks every part of it.
 */
import { fileURLToPath } from 'node:url'
import { sleep } from '../../kernel/system.ts'
import type { Contract } from '../../objects/contract.ts'
import type { Deployment } from '../../objects/core/deployment.ts'
import type { Intent } from '../../objects/intent.ts'
import type { NodeStatus } from '../../node/node-status.ts'
import type { TraceEvent } from '../../objects/trace.ts'
import { discover, pathOf, resolveResource } from '../api-resource.ts'
import { applyObject } from '../apply-object.ts'
import { CliError, isExpected, messageOf } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { ApiStatusError, type ControlClient } from '../control-client.ts'
import { guestsRow } from '../guests-row.ts'
import { type ManifestObject, readManifests } from '../manifest.ts'
import {
  beginOf,
  checkSteps,
  firstOfEachStep,
  missingAlongside,
  missingSteps,
  workflowSteps,
} from '../workflow-check.ts'
import { purchasesOf } from '../tell-purchases.ts'
import { type Capacity, capacityOf } from './capacity.ts'
import { fetchPage } from './fetch-page.ts'
import type { Reporter } from './reporter.ts'
import { type DemoResult, round, stepResult } from './result.ts'
import type { Scenario } from './scenario.ts'
import { StepFeed } from './step-feed.ts'
import { DemoWorld } from './world.ts'

const MANIFEST = fileURLToPath(new URL('../../../examples/hello.yaml', import.meta.url))
const SHOWN_MANIFEST = 'examples/hello.yaml'
const NAMESPACE = 'default'
const CONTRACTS = '/apis/reservation.fluidos.eu/v1alpha1/contracts'

/** Each part has so long; on a laptop all of them together take a few seconds. */
const WITHIN_MS = { running: 60_000, lastSteps: 3_000, gone: 30_000, whole: 15_000 } as const
const POLL_MS = 20

export interface DemoOptions {
  readonly scenario: Scenario
  /** Leave the nodes running. */
  readonly keep: boolean
  readonly reporter: (names: ReadonlyMap<string, string>) => Reporter
}

/**
 * @returns what was found out; with `error` when something is not as it should be
 * @throws only when it was interrupted; nothing is left behind then
 */
export async function runDemo(context: Context, options: DemoOptions): Promise<DemoResult> {
  const { scenario, keep } = options
  const { clock } = context.system
  const began = clock.monotonic()
  const names = new Map<string, string>()
  const reporter = options.reporter(names)
  const result: { -readonly [K in keyof DemoResult]: DemoResult[K] } = {
    workflow: scenario.workflow,
    intent: '',
    steps: [],
    reachable: false,
    body: null,
    tornDown: false,
    totalMs: 0,
  }
  reporter.began(scenario)
  const world = await DemoWorld.create(context)
  let released = false
  try {
    await play(context, scenario, world, { keep, names, reporter, result })
    result.totalMs = round(clock.monotonic() - began)
    reporter.done(result.totalMs)
    if (keep) {
      const consumer = world.node(scenario.consumer)
      const intent = await applyHello(context, consumer.client)
      const running = await untilRunning(context, consumer.client, intent.metadata.name)
      reporter.kept([...world.nodes.values()], consumer, world.folder, running.status?.url)
      result.kept = [...world.nodes.values()].map(({ name, directory, endpoints }) => ({
        name,
        directory,
        controlSocket: endpoints.controlSocket,
        controlUrl: endpoints.controlUrl,
        pid: endpoints.pid,
      }))
      world.release()
      released = true
    }
  } catch (error) {
    context.signal.throwIfAborted()
    result.totalMs = round(clock.monotonic() - began)
    result.error = messageOf(error)
    const troubles = [...world.nodes.values()].flatMap((node) =>
      node.troubles().map((each) => `${node.name}: ${each}`),
    )
    reporter.failed(result.error.split('\n'), troubles)
    if (!isExpected(error)) throw error
  } finally {
    if (!released) await world.destroy()
  }
  return result
}

interface Play {
  readonly keep: boolean
  readonly names: Map<string, string>
  readonly reporter: Reporter
  readonly result: { -readonly [K in keyof DemoResult]: DemoResult[K] }
}

async function play(context: Context, scenario: Scenario, world: DemoWorld, part: Play): Promise<void> {
  const { names, reporter, result } = part
  const { clock } = context.system
  await world.start(scenario, part.keep, (node, process) => {
    names.set(process.endpoints.id, node.name)
    reporter.nodeStarted(node, process)
  })
  await world.acquaint(scenario)
  await world.listed(scenario)
  const consumer = world.node(scenario.consumer).client
  const provider = world.node(scenario.provider).client
  const { guests } = await provider.get<NodeStatus>('/tributary/v1/status')
  reporter.acquainted(guestsRow(guests) ?? '')

  const before = await untilWhole(context, provider, scenario.provider)
  const feed = new StepFeed(context, scenario.workflow, (event) => reporter.step(event))
  let intent: Intent
  try {
    await feed.start([...world.nodes.values()].map(({ client }) => client))
    const manifest = await helloManifest(context)
    result.intent = manifest.metadata.name
    reporter.applied(SHOWN_MANIFEST, wishText(manifest), before)
    await applyHello(context, consumer)
    intent = await untilRunning(context, consumer, result.intent, () => feed.check())
    await untilComplete(context, scenario, feed)
  } finally {
    await feed.stop()
    result.steps = resultsOf(feed.events, names)
  }
  checkOrder(scenario, feed.events)
  const first = firstOfEachStep(feed.events)
  const spared = workflowSteps(scenario.workflow).filter(
    ({ step, optional }) => optional && !first.some((event) => event.step === step),
  )
  reporter.stepsDone(
    first.length,
    (first.at(-1)?.at ?? 0) - beginOf(first),
    spared.map(({ step }) => step),
  )
  reporter.running(
    `${result.intent} runs on ${scenario.consumer}'s virtual node ${intent.status?.nodes ?? '?'}, a part of ${scenario.provider}`,
    await capacityOf(provider),
  )

  const bought = await purchasesOf(consumer, { namespace: 'default', name: result.intent }, names)
  result.bought = bought
  reporter.bought(bought)
  await visit(context, scenario, intent, part)
  await tearDown(context, scenario, world, part)

  async function visit(
    _context: Context,
    { provider: owner }: Scenario,
    { status }: Intent,
    { result: found }: Play,
  ) {
    const url = status?.url
    if (url === undefined) throw new CliError(`${found.intent} runs, but has no URL`)
    found.url = url
    const asked = clock.monotonic()
    const page = await fetchPage(url, context.signal).catch((error: unknown) => {
      context.signal.throwIfAborted()
      throw new CliError(`${url} does not answer: ${messageOf(error)}`, undefined, { cause: error })
    })
    found.body = page.body
    reporter.fetched(url, page.body, clock.monotonic() - asked)
    if (page.status !== 200) throw new CliError(`${url} answered with status ${page.status}`)
    if (!page.body.includes(owner)) throw new CliError(`the answer does not say that it comes from ${owner}`)
    found.reachable = true
  }
}

async function helloManifest(context: Context): Promise<ManifestObject> {
  const [manifest] = await readManifests(context, [MANIFEST])
  return manifest!.object
}

async function applyHello(context: Context, client: ControlClient): Promise<ManifestObject> {
  const manifest = await helloManifest(context)
  const resource = resolveResource(await discover(client), 'intent')
  await applyObject(client, resource, manifest, { namespace: NAMESPACE, dryRun: false })
  return manifest
}

/** What is asked for, in a line. */
function wishText({ metadata, spec }: ManifestObject): string {
  const { workload = [] } = (spec ?? {}) as { workload?: readonly Deployment[] }
  const wishes = workload.map(({ kind, metadata: { name }, spec: { template } }) => {
    const requests = template.spec.containers[0]?.resources?.requests ?? {}
    return `${kind} ${name} (${Object.entries(requests)
      .map(([resource, amount]) => `${resource} ${amount}`)
      .join(', ')})`
  })
  return `intent ${metadata.name}: run ${wishes.join(' and ')}`
}

function intentPath(name: string): string {
  return pathOf(
    { group: 'tributary.io', version: 'v1alpha1', plural: 'intents', namespaced: true } as never,
    NAMESPACE,
    name,
  )
}

async function untilRunning(
  context: Context,
  client: ControlClient,
  name: string,
  check: () => void = () => undefined,
): Promise<Intent> {
  let said = ''
  return poll(
    context,
    WITHIN_MS.running,
    () => `${name} does not run: ${said}`,
    async () => {
      check()
      const intent = await client.get<Intent>(intentPath(name))
      const { phase = 'Pending', message = '' } = intent.status ?? {}
      said = [phase, message].filter((part) => part !== '').join(': ')
      if (phase === 'Failed') throw new CliError(`${name} failed: ${message}`)
      return phase === 'Running' && intent.status?.url !== undefined ? intent : undefined
    },
  )
}

/** The last steps are told by their nodes a moment after they happened. */
async function untilComplete(context: Context, { workflow }: Scenario, feed: StepFeed): Promise<void> {
  const { clock } = context.system
  const end = clock.monotonic() + WITHIN_MS.lastSteps
  while (clock.monotonic() < end) {
    feed.check()
    const missing = [
      ...missingSteps(workflowSteps(workflow), feed.events),
      ...missingAlongside(workflow, feed.events),
    ]
    if (missing.length === 0 && feed.isDrained) return
    await sleep(clock, POLL_MS, context.signal)
  }
}

function checkOrder({ workflow }: Scenario, events: readonly TraceEvent[]): void {
  const problems = [
    ...checkSteps(workflowSteps(workflow), events),
    ...missingAlongside(workflow, events).map(
      ({ step, component, message }) => `beside step ${step} nothing was done by ${component}: ${message}`,
    ),
  ]
  if (problems.length > 0) throw new CliError(problems.join('\n'))
}

function resultsOf(events: readonly TraceEvent[], names: ReadonlyMap<string, string>): DemoResult['steps'] {
  const first = firstOfEachStep(events)
  return first.map((event) => stepResult(event, beginOf(first), names))
}

async function tearDown(
  context: Context,
  scenario: Scenario,
  world: DemoWorld,
  { reporter, result }: Play,
): Promise<void> {
  const { clock } = context.system
  const began = clock.monotonic()
  const consumer = world.node(scenario.consumer).client
  reporter.tearingDown()
  await consumer.request('DELETE', intentPath(result.intent))
  let held = ''
  await poll(
    context,
    WITHIN_MS.gone,
    () => `${result.intent} does not go: ${held}`,
    async () => {
      try {
        const { status, metadata } = await consumer.get<Intent>(intentPath(result.intent))
        held = `${status?.message ?? status?.phase ?? ''} (held by ${metadata.finalizers?.join(', ') ?? 'nobody'})`
        return undefined
      } catch (error) {
        if (error instanceof ApiStatusError && error.code === 404) return true
        throw error
      }
    },
  )
  let left: readonly string[] = []
  await poll(
    context,
    WITHIN_MS.gone,
    () => `still there: ${left.join(', ')}`,
    async () => {
      left = await leftovers(scenario, world)
      return left.length === 0 ? true : undefined
    },
  )
  const after = await untilWhole(context, world.node(scenario.provider).client, scenario.provider)
  result.tornDown = true
  reporter.tornDown(after, clock.monotonic() - began)
}

/** What should be gone with the intent: nodes but a node's own, workloads, routers, contracts in force. */
async function leftovers(scenario: Scenario, world: DemoWorld): Promise<readonly string[]> {
  const tributary = '/apis/tributary.io/v1alpha1'
  const paths = [
    '/api/v1/pods',
    '/apis/apps/v1/deployments',
    `${tributary}/virtualnodes`,
    `${tributary}/virtualrouters`,
  ]
  const found = await Promise.all(
    scenario.nodes.flatMap(({ name }) => {
      const { client } = world.node(name)
      const list = (path: string) => client.get<{ items: readonly { metadata: { name: string } }[] }>(path)
      return [
        ...paths.map(async (path) => {
          const { items } = await list(path)
          return items.map(({ metadata }) => `${path.split('/').at(-1)} ${metadata.name} on ${name}`)
        }),
        (async () => {
          const { items } = await client.get<{ items: readonly Contract[] }>(CONTRACTS)
          const open = items.filter(({ status }) => status?.phase?.phase !== 'Closed')
          return open.map(({ metadata }) => `contract ${metadata.name}, not closed on ${name}`)
        })(),
        (async () => {
          const { items } = await list('/api/v1/nodes')
          return items.flatMap(({ metadata }) =>
            metadata.name === name ? [] : [`node ${metadata.name} on ${name}`],
          )
        })(),
      ]
    }),
  )
  return found.flat()
}

async function untilWhole(context: Context, client: ControlClient, name: string): Promise<Capacity> {
  let text = ''
  return poll(
    context,
    WITHIN_MS.whole,
    () => `${name}'s capacity is not whole: ${text}`,
    async () => {
      const capacity = await capacityOf(client)
      text = capacity.text
      return capacity.whole ? capacity : undefined
    },
  )
}

/** @throws CliError with `failure()` when `attempt` has nothing for `withinMs` */
async function poll<T>(
  { system: { clock }, signal }: Context,
  withinMs: number,
  failure: () => string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const end = clock.monotonic() + withinMs
  for (;;) {
    const found = await attempt()
    if (found !== undefined) return found
    if (clock.monotonic() > end) throw new CliError(`${failure()} (waited ${withinMs / 1000} s)`)
    await sleep(clock, POLL_MS, signal)
  }
}
