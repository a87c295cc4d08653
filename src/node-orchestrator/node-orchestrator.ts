/** The component: brings intents in line, from the request to the running workload and back. */
import { createHash } from 'node:crypto'
import { backOff } from '../kernel/back-off.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { NodeKind } from '../objects/core/node.ts'
import { PodKind } from '../objects/core/pod.ts'
import { IntentKind, isAccepted, type Intent, type IntentStatus } from '../objects/intent.ts'
import {
  DEFAULT_NAMESPACE,
  keyOf,
  keyString,
  setCondition,
  type KubeObject,
  type ObjectKey,
} from '../objects/meta.ts'
import { deploymentManifests } from '../objects/manifest.ts'
import { SolverKind, type Considered, type Solver } from '../objects/solver.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import { addAmounts, type Amounts } from '../quantity/amounts.ts'
import type { Selector } from '../rear/wire/index.ts'
import { selectorFor, wantedOf } from '../rear-manager/index.ts'
import { traceOf, type TraceContext } from '../trace/index.ts'
import { decompose, deploymentAmounts, type WantedDeployment, type WorkloadRequest } from './decompose.ts'
import { nextOfGroup } from './group.ts'
import { findPlace, lacking, type Cluster } from './places.ts'
import { promisesOf, type PlacedWorkload } from './promises.ts'
import { intentOfSolver, isSolverOf, solverKey, solverName, solverOf } from './solver-of-request.ts'
import { Workloads, type RequestStatus } from './workloads.ts'

export interface PlannedRequest {
  readonly name: string
  readonly workload: string
  readonly wanted: { readonly amounts: Amounts; readonly requirements: unknown }
  readonly decision: 'Local' | 'ExistingVirtualNode' | 'Purchase' | 'None'
  readonly node?: string
  readonly considered: readonly Considered[]
}

export interface NodeOrchestratorOptions extends NodeBase {
  /** Asks all known endpoints; what they offer is in Peering Candidates afterwards. */
  readonly discover: (selector: Selector, signal: AbortSignal) => Promise<unknown>
  /** Looks at every offer for a request that is not stored. */
  readonly consider: (solver: Solver) => { readonly considered: readonly Considered[] }
}

type Requeue = { readonly requeueAfterMs?: number } | void
type Solvers = ReadonlyMap<string, Solver | undefined>

const FINALIZER = 'tributary.io/intent'
/** Room that is free again is no event of a node: what waits for it looks again this often. */
const LOOK_AGAIN_MS = 10_000
/** Between attempts to get several offers at once. */
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 60_000

export class NodeOrchestrator implements Component {
  readonly #options: NodeOrchestratorOptions
  readonly #controller: Controller
  readonly #workloads: Workloads
  /** Each decision where something runs counts on those before it. */
  readonly #oneAtATime = new OneAtATime()
  /** By intent: how often several parts were not to be had at once, and when to try again. Lost in a crash, harmlessly. */
  readonly #pauses = new Map<string, { readonly count: number; readonly until: number }>()

  constructor(options: NodeOrchestratorOptions) {
    this.#options = options
    this.#workloads = new Workloads(options)
    const { informers } = options
    const intents = informers.of(IntentKind)
    const inPhase = (...phases: readonly (string | undefined)[]) =>
      intents
        .list()
        .filter(({ status }) => phases.includes(status?.phase))
        .map(keyOf)
    this.#controller = new Controller({
      name: 'node-orchestrator',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: intents },
        { informer: informers.of(SolverKind), keys: ({ object }) => intentOfSolver(object) },
        { informer: informers.of(DeploymentKind), keys: intentOfWorkload },
        { informer: informers.of(VirtualRouterKind), keys: () => inPhase('Deploying', 'Running') },
        // What could not be placed may fit now; what ran on a node that is gone does not any more.
        {
          informer: informers.of(NodeKind),
          keys: ({ type }) =>
            type === 'deleted' ? inPhase('Pending', 'Running', 'Degraded') : inPhase('Pending'),
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /**
   * Dry run: what would be done for an intent, and every offer that was looked at. Changes nothing but
   * what is known of the offers of others.
   */
  async plan(
    intent: Pick<Intent, 'metadata' | 'spec'>,
    deployments: readonly WantedDeployment[],
    signal: AbortSignal,
  ): Promise<readonly PlannedRequest[]> {
    const planned: PlannedRequest[] = []
    const promised = new Map(await this.#promises(intent))
    for (const request of decompose(deployments)) {
      // Never stored: only its spec is looked at.
      const solver = solverOf(intent, request, false, undefined) as Solver
      const wanted = wantedOf(solver)
      const place = findPlace(intent, request.amounts, this.#cluster(promised))
      const common = {
        name: request.name,
        workload: request.workload,
        wanted: { amounts: wanted.amounts, requirements: wanted.requirements },
      }
      await this.#options.discover(selectorFor(wanted), signal)
      const { considered } = this.#options.consider(solver)
      if (place) {
        promised.set(place.node, addAmounts(promised.get(place.node) ?? {}, request.amounts))
        planned.push({
          ...common,
          decision: place.placement,
          node: place.node,
          considered: considered.map((each) =>
            each.verdict === 'taken' ? { ...each, verdict: 'fits', reason: 'own-resources-first' } : each,
          ),
        })
      } else {
        const taken = considered.find(({ verdict }) => verdict === 'taken')
        const decision = taken && intent.spec.placement !== 'Local' ? 'Purchase' : 'None'
        planned.push({ ...common, decision, considered })
      }
    }
    return planned
  }

  async #reconcile(key: ObjectKey): Promise<Requeue> {
    const { store } = this.#options
    const intent = await store.get(IntentKind, key)
    if (intent === undefined) {
      this.#pauses.delete(keyString(key))
      return
    }
    if (intent.metadata.deletionTimestamp !== undefined) return this.#tearDown(intent)
    const trace = traceOf(intent)
    const { phase, requests, observedGeneration } = intent.status ?? {}
    // Not judged yet as it is now, or wrong: the Service Handler says what, and whoever mends it wakes us.
    if (trace === undefined || !isAccepted(intent)) return
    if (!intent.metadata.finalizers?.includes(FINALIZER)) {
      await mutate(store, IntentKind, key, (each) => ({
        ...each,
        metadata: { ...each.metadata, finalizers: [...(each.metadata.finalizers ?? []), FINALIZER] },
      }))
      return
    }
    const deployments = await this.#workloads.wanted(intent)
    if (deployments === undefined) {
      const message = `the workload ${intent.spec.workloadRef?.name} is gone`
      return this.#say(intent, { phase: 'Failed', message })
    }
    if (requests === undefined) {
      if (phase === 'Failed' && observedGeneration === intent.metadata.generation) return
      return this.#oneAtATime.run('begin', () => this.#begin(intent, trace, deployments))
    }
    if (phase === 'Pending') return this.#beginAnew(intent, intent.status?.message ?? '')
    if (observedGeneration !== intent.metadata.generation) return this.#change(intent, deployments)
    if (phase === 'Failed') return
    return this.#advance(intent, trace)
  }

  /** Steps 2 and 3, and, for what does not fit here, the acquisition. */
  async #begin(
    intent: Intent,
    trace: TraceContext,
    deployments: readonly WantedDeployment[],
  ): Promise<Requeue> {
    const { recorder, store, system } = this.#options
    const wait = (this.#pauses.get(keyString(keyOf(intent)))?.until ?? 0) - system.clock.now()
    if (wait > 0) return { requeueAfterMs: wait }
    const observedGeneration = intent.metadata.generation
    const obstacle = await this.#workloads.obstacle(intent)
    if (obstacle !== undefined) {
      await this.#say(intent, { phase: 'Pending', message: obstacle, observedGeneration })
      return { requeueAfterMs: LOOK_AGAIN_MS }
    }
    const since = recorder.now()
    const requests = decompose(deployments)
    recorder.step(trace, 'intent-decomposed', {
      since,
      detail: requests.map(({ name, amounts }) => `${name}: ${JSON.stringify(amounts)}`).join('; '),
    })
    const sinceLook = recorder.now()
    const promised = new Map(await this.#promises(intent))
    const placed = requests.map((request): RequestStatus => {
      const place = findPlace(intent, request.amounts, this.#cluster(promised))
      if (place) promised.set(place.node, addAmounts(promised.get(place.node) ?? {}, request.amounts))
      const { name, workload } = request
      return place
        ? { name, workload, ...place }
        : { name, workload, placement: 'Purchase', solver: solverName(intent, name) }
    })
    const missing = requests.filter((_, index) => placed[index]?.node === undefined)
    recorder.step(trace, 'places-looked-up', {
      since: sinceLook,
      detail:
        missing.length === 0
          ? `fits on ${placed.map(({ node }) => node).join(', ')}`
          : `no place for ${missing.map(({ name }) => name).join(', ')}`,
    })
    if (missing.length > 0 && intent.spec.placement === 'Local') {
      const message = `does not fit on this node, and the intent allows no other: ${this.#shortage(missing[0]!, promised)}`
      await this.#say(intent, { phase: 'Pending', message, observedGeneration })
      return { requeueAfterMs: LOOK_AGAIN_MS }
    }
    const together = missing.length > 1
    await Promise.all(
      missing.map((request) => ensure(store, SolverKind, solverOf(intent, request, together, trace))),
    )
    await this.#say(intent, {
      phase: missing.length > 0 ? 'Acquiring' : 'Deploying',
      message: missing.length > 0 ? 'looking for resources of others' : 'deploying',
      requests: placed,
      wish: wishOf(intent, requests),
      observedGeneration,
    })
    return undefined
  }

  /** The user changed the intent: what is bought is kept if it still is what is wanted. */
  async #change(intent: Intent, deployments: readonly WantedDeployment[]): Promise<Requeue> {
    const observedGeneration = intent.metadata.generation
    if (intent.status?.wish !== wishOf(intent, decompose(deployments)) || intent.status.phase === 'Failed')
      return this.#beginAnew(intent, 'the intent was changed')
    await this.#say(intent, { observedGeneration })
    return undefined
  }

  /** Steps 30 to 32, and what comes after. */
  async #advance(intent: Intent, trace: TraceContext): Promise<Requeue> {
    const { recorder, informers } = this.#options
    const requests = intent.status?.requests ?? []
    const solvers = await this.#solversOf(intent)
    const group = await this.#keepTogether(intent, solvers)
    if (group !== 'go-on') return group
    const failed = [...solvers].find(
      ([, solver]) => solver === undefined || solver.status?.solverPhase?.phase === 'Failed',
    )
    if (failed) return this.#react(intent, trace, ...failed)
    const unsolved = [...solvers.values()].find((solver) => solver?.status?.solverPhase?.phase !== 'Solved')
    if (unsolved) {
      const message = unsolved.status?.solverPhase?.message ?? 'looking for resources of others'
      return this.#say(intent, { phase: 'Acquiring', message })
    }
    const placed = requests.map((request) => {
      const node =
        request.solver === undefined ? request.node : solvers.get(request.solver)?.status?.virtualNode?.name
      return node === undefined ? request : { ...request, node }
    })
    const gone = placed.filter(
      ({ node }) => node !== undefined && informers.of(NodeKind).get({ name: node }) === undefined,
    )
    const acquired = intent.status?.phase === 'Acquiring'
    if (gone.length > 0 && acquired) return { requeueAfterMs: 50 }
    // It was bought for another workload, whose end was the end of it.
    if (gone.some(({ solver }) => solver === undefined))
      return this.#beginAnew(intent, `node ${gone[0]!.node} is gone`)
    const nodes = placed.map(({ node }) => node ?? 'bought').join(', ')
    const since = recorder.now()
    if (acquired) {
      recorder.step(trace, 'intent-resumed')
      recorder.step(trace, 'place-found', { since, detail: nodes })
    }
    await this.#workloads.deploy(intent, placed)
    if (acquired || intent.status?.nodes === undefined) {
      const detail = placed.map(({ workload, node }) => `${workload} on ${node}`).join(', ')
      recorder.step(trace, 'workload-deployed', { since, detail })
    }
    const state = await this.#workloads.follow(intent, placed)
    const ran = intent.status?.phase === 'Running' || intent.status?.phase === 'Degraded'
    await this.#say(intent, {
      phase: state.ready ? 'Running' : ran ? 'Degraded' : 'Deploying',
      message: state.message,
      requests: placed,
      nodes: placed.flatMap(({ node }) => node ?? []).join(','),
      endpoints: [...state.endpoints],
      ...(state.endpoints[0] ? { url: state.endpoints[0].url } : {}),
    })
    return undefined
  }

  /** Several purchases: all or none. @returns 'go-on' when there is nothing to be kept together */
  async #keepTogether(intent: Intent, solvers: Solvers): Promise<'go-on' | Requeue> {
    const { system } = this.#options
    const group = [...solvers.values()].filter((solver) => solver !== undefined)
    const key = keyString(keyOf(intent))
    const step = group.length < solvers.size ? 'go-on' : nextOfGroup(group)
    if (step === 'go-on') return step
    const message = group
      .map(({ metadata, status }) => `${metadata.name}: ${status?.solverPhase?.message ?? 'begins'}`)
      .join('; ')
    switch (step) {
      case 'wait':
        break
      case 'reserve': {
        const wait = (this.#pauses.get(key)?.until ?? 0) - system.clock.now()
        if (wait > 0) return { requeueAfterMs: wait }
        await this.#order(group, { reserveAndBuy: true })
        break
      }
      case 'buy':
        await this.#order(group, { reserveOnly: false })
        break
      case 'step-back':
        this.#pause(key)
        await this.#order(group, { reserveAndBuy: false })
        break
      case 'give-up':
        this.#pause(key)
        return this.#beginAnew(intent, `not all of it is to be had at once (${message})`)
    }
    return this.#say(intent, { phase: 'Acquiring', message })
  }

  async #order(
    solvers: readonly Solver[],
    change: Pick<Solver['spec'], 'reserveAndBuy' | 'reserveOnly'>,
  ): Promise<void> {
    const { store } = this.#options
    await Promise.all(
      solvers.map((solver) =>
        mutate(store, SolverKind, keyOf(solver), (each) => ({ ...each, spec: { ...each.spec, ...change } })),
      ),
    )
  }

  #pause(key: string): void {
    const count = (this.#pauses.get(key)?.count ?? 0) + 1
    const pause = backOff(count - 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    this.#pauses.set(key, { count, until: this.#options.system.clock.now() + pause })
  }

  /** The other side broke its promise, or its contract ended: replace, keep or stop, as the intent says. */
  async #react(intent: Intent, trace: TraceContext, name: string, solver: Solver | undefined): Promise<void> {
    const why = solver?.status?.solverPhase?.message ?? 'its acquisition is gone'
    switch (intent.spec.onFailure ?? 'Keep') {
      case 'Keep': {
        const message = `${why}; kept, as the intent says (onFailure: Keep)`
        return this.#say(intent, { phase: 'Degraded', message })
      }
      case 'Stop': {
        await this.#workloads.remove(intent)
        await this.#removeSolvers(intent)
        const message = `${why}; stopped, as the intent says (onFailure: Stop)`
        return this.#say(intent, { phase: 'Failed', message })
      }
      case 'Replace':
        return this.#replace(intent, trace, name, why)
    }
  }

  /** Acquires anew what one request needs. What runs elsewhere for the intent goes on. */
  async #replace(intent: Intent, trace: TraceContext, name: string, why: string): Promise<void> {
    const { store } = this.#options
    const key = solverKey(intent, name)
    await remove(store, SolverKind, key)
    if (await store.get(SolverKind, key))
      return this.#say(intent, { phase: 'Degraded', message: `${why}; giving up the old provider` })
    const lost = intent.status?.requests?.find(({ solver }) => solver === name)
    const deployments = (await this.#workloads.wanted(intent)) ?? []
    const request = decompose(deployments).find((each) => each.name === lost?.name)
    if (request === undefined) return this.#beginAnew(intent, why)
    await ensure(store, SolverKind, solverOf(intent, request, false, trace))
    const message = 'looking for another provider'
    return this.#say(intent, { phase: 'Acquiring', message })
  }

  /** Gives everything back that was placed and bought, and begins as if the intent were new. */
  async #beginAnew(intent: Intent, why: string): Promise<void> {
    const { store } = this.#options
    // A Pending intent with requests is on its way here: that survives a crash.
    if (intent.status?.phase !== 'Pending') await this.#say(intent, { phase: 'Pending', message: why })
    await this.#workloads.remove(intent)
    if (!(await this.#removeSolvers(intent))) return
    await mutateStatus(store, IntentKind, keyOf(intent), ({ status }) => {
      const { requests: _r, endpoints: _e, url: _u, nodes: _n, ...rest } = status ?? {}
      return { ...rest, phase: 'Pending' as const, message: why }
    })
  }

  /** Everything back: the workloads first, then what was bought for them. */
  async #tearDown(intent: Intent): Promise<void> {
    const { store } = this.#options
    if (intent.status?.phase !== 'Deleting')
      await this.#say(intent, { phase: 'Deleting', message: 'stopping the workload' })
    await this.#workloads.remove(intent)
    if (!(await this.#removeSolvers(intent)))
      return this.#say(intent, { phase: 'Deleting', message: 'giving the resources back' })
    await mutate(store, IntentKind, keyOf(intent), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  /** @returns whether none is left; one that has something to give back takes its time */
  async #removeSolvers(intent: Intent): Promise<boolean> {
    const { store } = this.#options
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    // By label, not by what the status says: a crash may have come between the solver and the word of it.
    const mine = async (): Promise<readonly Solver[]> =>
      (await store.list(SolverKind, { namespace })).items.filter((solver) => isSolverOf(solver, intent))
    const solvers = await mine()
    await Promise.all(solvers.map((solver) => remove(store, SolverKind, keyOf(solver))))
    return solvers.length === 0 || (await mine()).length === 0
  }

  async #solversOf(intent: Intent): Promise<Solvers> {
    const { store } = this.#options
    const names = (intent.status?.requests ?? []).flatMap(({ solver }) => solver ?? [])
    const solvers = await Promise.all(names.map((name) => store.get(SolverKind, solverKey(intent, name))))
    return new Map(names.map((name, index) => [name, solvers[index]]))
  }

  #cluster(promised: ReadonlyMap<string, Amounts>): Cluster {
    const { informers, self } = this.#options
    return { self, nodes: informers.of(NodeKind).list(), pods: informers.of(PodKind).list(), promised }
  }

  /** What other intents were promised and do not use yet. From the store: an informer may not know of the last one. */
  async #promises(except: Pick<Intent, 'metadata'>): Promise<ReadonlyMap<string, Amounts>> {
    const { informers, store } = this.#options
    const placed = (await store.list(IntentKind)).items
      .filter(({ metadata }) => keyString(keyOf({ metadata })) !== keyString(keyOf(except)))
      .flatMap((intent) => this.#placedBy(intent))
    return promisesOf(placed, informers.of(PodKind).list())
  }

  #placedBy(intent: Intent): readonly PlacedWorkload[] {
    const { informers } = this.#options
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const manifests = deploymentManifests(intent)
    return (intent.status?.requests ?? []).flatMap(({ workload, node: known, solver }) => {
      const deployment = informers.of(DeploymentKind).get({ namespace, name: workload })
      const wanted = manifests.find(({ metadata }) => metadata.name === workload)
      const bought = solver && informers.of(SolverKind).get(solverKey(intent, solver))?.status?.virtualNode
      const node = bought ? bought.name : known
      const source = wanted ?? deployment
      return node === undefined || source === undefined
        ? []
        : [{ node, amounts: deploymentAmounts(source), deployment }]
    })
  }

  /** What this node has too little of for a request, for people. */
  #shortage({ name, amounts }: WorkloadRequest, promised: ReadonlyMap<string, Amounts>): string {
    const { self } = this.#options
    const { nodes, pods } = this.#cluster(promised)
    const local = nodes.find(({ metadata }) => metadata.name === self.name)
    const short = local ? lacking(local, pods, amounts, promised.get(self.name) ?? {}) : []
    return short.length === 0
      ? `${name} requires what this node is not`
      : short
          .map((each) => `${name} needs ${each.resource} ${each.wanted}, free is ${each.available}`)
          .join('; ')
  }

  async #say(intent: Intent, change: Partial<IntentStatus>): Promise<void> {
    const { store, system } = this.#options
    const now = rfc3339(system.clock.now())
    await mutateStatus(store, IntentKind, keyOf(intent), ({ status }) => {
      const next = { ...status, ...change }
      const ready = next.phase === 'Running'
      const condition = {
        type: 'Ready',
        status: ready ? ('True' as const) : ('False' as const),
        reason: next.phase ?? 'Pending',
        message: next.message ?? '',
      }
      return { ...next, conditions: [...setCondition(status?.conditions, condition, now)] }
    })
  }
}

/** What decides where an intent may run: as long as this is the same, so are its places. */
function wishOf({ spec }: Pick<Intent, 'spec'>, requests: readonly WorkloadRequest[]): string {
  const { requirements, placement, weights, duration } = spec
  const wish = JSON.stringify([requests, requirements, placement, weights, duration])
  return createHash('sha256').update(wish).digest('hex').slice(0, 16)
}

/** @returns the intent that a Deployment belongs to */
function intentOfWorkload({ object }: { readonly object: KubeObject }): ObjectKey {
  const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'Intent')
  // A workload that was there before its intent has the same name.
  if (owner === undefined) return keyOf(object)
  return { namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE, name: owner.name }
}
