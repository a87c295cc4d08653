/** The component: brings intents in line, from the request to the running workload and back. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { DeploymentKind, type Deployment } from '../objects/core/deployment.ts'
import { CORE_KINDS } from '../objects/core/index.ts'
import { NodeKind } from '../objects/core/node.ts'
import { PodKind } from '../objects/core/pod.ts'
import { IntentKind, type Intent, type IntentStatus } from '../objects/intent.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { apiVersionOf } from '../objects/kind.ts'
import {
  DEFAULT_NAMESPACE,
  keyOf,
  ownedBy,
  setCondition,
  type KubeObject,
  type ObjectKey,
} from '../objects/meta.ts'
import { SolverKind, type Considered, type Solver, type SolverSpec } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import { addAmounts, type Amounts } from '../quantity/amounts.ts'
import type { Selector } from '../rear/wire/index.ts'
import { selectorFor, wantedOf } from '../rear-manager/index.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'
import { decompose, manifestsOf, type Manifest, type WorkloadRequest } from './decompose.ts'
import { CONTRACT_LABEL, fitsOn, meetsRequirements } from './places.ts'

type RequestStatus = NonNullable<IntentStatus['requests']>[number]

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

const FINALIZER = 'tributary.io/intent'
const HOSTNAME = 'kubernetes.io/hostname'

export class NodeOrchestrator implements Component {
  readonly #options: NodeOrchestratorOptions
  readonly #controller: Controller

  constructor(options: NodeOrchestratorOptions) {
    this.#options = options
    const { informers } = options
    const intents = informers.of(IntentKind)
    const owning = ({ object }: { readonly object: KubeObject }): ObjectKey | undefined => {
      const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'Intent')
      if (owner) return { namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE, name: owner.name }
      // A workload that was there before its intent has the same name.
      return object.kind === 'Deployment' ? keyOf(object) : undefined
    }
    this.#controller = new Controller({
      name: 'node-orchestrator',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: intents },
        { informer: informers.of(SolverKind), keys: ({ object }) => this.#intentOfSolver(object) },
        { informer: informers.of(DeploymentKind), keys: owning },
        {
          informer: informers.of(VirtualRouterKind),
          keys: () =>
            intents
              .list()
              .filter(({ status }) => status?.phase === 'Deploying' || status?.phase === 'Running')
              .map(keyOf),
        },
        // What could not be placed may fit now.
        {
          informer: informers.of(NodeKind),
          keys: () =>
            intents
              .list()
              .filter(({ status }) => status?.phase === 'Pending')
              .map(keyOf),
        },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
    informers.of(PodKind)
    informers.of(VirtualNodeKind)
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
    deployments: readonly Deployment[],
    signal: AbortSignal,
  ): Promise<readonly PlannedRequest[]> {
    const planned: PlannedRequest[] = []
    const promised = new Map<string, Amounts>()
    for (const request of decompose(deployments)) {
      const solver = this.#solver(intent as Intent, request, false, undefined)
      const wanted = wantedOf({ ...solver, metadata: { name: solver.metadata.name } } as unknown as Solver)
      const place = this.#findPlace(intent, request, promised)
      const common = {
        name: request.name,
        workload: request.workload,
        wanted: { amounts: wanted.amounts, requirements: wanted.requirements },
      }
      await this.#options.discover(selectorFor(wanted), signal)
      const { considered } = this.#options.consider(solver as unknown as Solver)
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
        planned.push({
          ...common,
          decision: taken && intent.spec.placement !== 'Local' ? 'Purchase' : 'None',
          considered,
        })
      }
    }
    return planned
  }

  async #reconcile(key: ObjectKey): Promise<{ requeueAfterMs?: number } | void> {
    const { store } = this.#options
    const intent = await store.get(IntentKind, key)
    if (intent === undefined) return
    if (intent.metadata.deletionTimestamp !== undefined) return this.#tearDown(intent)
    const trace = traceOf(intent)
    // Not accepted by the Service Handler yet.
    if (trace === undefined || intent.status?.phase === undefined) return
    if (!intent.metadata.finalizers?.includes(FINALIZER)) {
      await mutate(store, IntentKind, key, (each) => ({
        ...each,
        metadata: { ...each.metadata, finalizers: [...(each.metadata.finalizers ?? []), FINALIZER] },
      }))
      return
    }
    if (intent.status.phase === 'Failed') return
    const deployments = await this.#deploymentsOf(intent)
    if (deployments === undefined) {
      await this.#say(intent, {
        phase: 'Failed',
        message: `the workload ${intent.spec.workloadRef?.name} is gone`,
      })
      return
    }
    if (intent.status.requests === undefined) return this.#begin(intent, trace, deployments)
    return this.#advance(intent, trace, deployments)
  }

  /** Steps 2 and 3, and, for what does not fit here, the acquisition. */
  async #begin(intent: Intent, trace: TraceContext, deployments: readonly Deployment[]): Promise<void> {
    const { tracer, store } = this.#options
    const since = tracer.now()
    const requests = decompose(deployments)
    tracer.step(trace, 'intent-decomposed', {
      since,
      detail: requests.map(({ name, amounts }) => `${name}: ${JSON.stringify(amounts)}`).join('; '),
    })
    const promised = new Map<string, Amounts>()
    const sinceLook = tracer.now()
    const placed = requests.map((request): RequestStatus => {
      const place = this.#findPlace(intent, request, promised)
      if (place) promised.set(place.node, addAmounts(promised.get(place.node) ?? {}, request.amounts))
      return { name: request.name, workload: request.workload, ...(place ?? {}) }
    })
    const missing = placed.filter(({ node }) => node === undefined)
    tracer.step(trace, 'places-looked-up', {
      since: sinceLook,
      detail:
        missing.length === 0
          ? `fits on ${placed.map(({ node }) => node).join(', ')}`
          : `no place for ${missing.map(({ name }) => name).join(', ')}`,
    })
    if (missing.length > 0 && intent.spec.placement === 'Local') {
      await this.#say(intent, {
        phase: 'Pending',
        message: 'does not fit on this node, and the intent allows no other',
      })
      return
    }
    const together = missing.length > 1
    const withSolvers = placed.map((request): RequestStatus =>
      request.node === undefined
        ? { ...request, placement: 'Purchase', solver: solverName(intent, request.name) }
        : request,
    )
    await Promise.all(
      requests
        .filter(({ name }) => withSolvers.some((each) => each.name === name && each.solver !== undefined))
        .map((request) => ensure(store, SolverKind, this.#solver(intent, request, together, trace) as never)),
    )
    await this.#say(intent, {
      phase: missing.length > 0 ? 'Acquiring' : 'Deploying',
      message: missing.length > 0 ? 'looking for resources of others' : 'deploying',
      requests: withSolvers,
      observedGeneration: intent.metadata.generation,
    })
  }

  /** Steps 30 to 32, and what comes after. */
  async #advance(
    intent: Intent,
    trace: TraceContext,
    deployments: readonly Deployment[],
  ): Promise<{ requeueAfterMs?: number } | void> {
    const { store, tracer, informers } = this.#options
    const requests = intent.status?.requests ?? []
    const solvers = new Map<string, Solver | undefined>()
    for (const { solver } of requests) {
      if (solver !== undefined) solvers.set(solver, await store.get(SolverKind, solverKey(intent, solver)))
    }
    // A purchase of several parts: all are reserved before any is bought.
    const waiting = [...solvers.values()].filter((solver) => solver?.spec.reserveOnly === true)
    if (waiting.length > 0) {
      if (waiting.every((solver) => solver?.status?.reservationPhase === 'Solved')) {
        await Promise.all(
          waiting.map((solver) =>
            mutate(store, SolverKind, keyOf(solver!), (each) => ({
              ...each,
              spec: { ...each.spec, reserveOnly: false },
            })),
          ),
        )
      }
      await this.#say(intent, {
        message: waiting
          .map((solver) => solver?.status?.solverPhase?.message)
          .filter(Boolean)
          .join('; '),
      })
      return
    }
    const failed = [...solvers.entries()].find(
      ([, solver]) => solver === undefined || solver.status?.solverPhase?.phase === 'Failed',
    )
    if (failed) return this.#react(intent, failed[0], failed[1])
    const unsolved = [...solvers.values()].find((solver) => solver?.status?.solverPhase?.phase !== 'Solved')
    if (unsolved) {
      await this.#say(intent, {
        phase: 'Acquiring',
        message: unsolved.status?.solverPhase?.message ?? 'looking for resources of others',
      })
      return
    }
    const placed = requests.map((request) => {
      const node =
        request.solver === undefined ? request.node : solvers.get(request.solver)?.status?.virtualNode?.name
      return node === undefined ? request : { ...request, node }
    })
    if (intent.status?.phase === 'Acquiring') {
      const since = tracer.now()
      tracer.step(trace, 'intent-resumed')
      const missing = placed.filter(
        ({ node }) => node === undefined || informers.of(NodeKind).get({ name: node }) === undefined,
      )
      if (missing.length > 0 && missing.some(({ node }) => node !== undefined)) return { requeueAfterMs: 50 }
      tracer.step(trace, 'place-found', {
        since,
        detail: placed.map(({ node }) => node ?? 'bought').join(', '),
      })
      await this.#deploy(intent, trace, deployments, placed)
      await this.#say(intent, {
        phase: 'Deploying',
        message: 'deploying',
        requests: placed,
        nodes: placed.map(({ node }) => node).join(','),
      })
      return
    }
    await this.#deploy(intent, intent.status?.nodes === undefined ? trace : undefined, deployments, placed)
    return this.#follow(intent, placed)
  }

  /** Step 32. Idempotent: what is there already is left, what was changed by the user is changed. */
  async #deploy(
    intent: Intent,
    trace: TraceContext | undefined,
    deployments: readonly Deployment[],
    placed: readonly RequestStatus[],
  ): Promise<void> {
    const { store, tracer } = this.#options
    const since = tracer.now()
    if (intent.spec.workloadRef) {
      for (const deployment of deployments) {
        const node = placed.find(({ workload }) => workload === deployment.metadata.name)?.node
        if (node === undefined) continue
        await mutate(store, DeploymentKind, keyOf(deployment), (each) =>
          each.spec.template.spec.nodeSelector?.[HOSTNAME] === node
            ? undefined
            : withNodeSelector(each, node),
        )
      }
    } else {
      for (const manifest of manifestsOf(intent)) {
        const kind = CORE_KINDS.find(
          (each) => each.kind === manifest.kind && apiVersionOf(each) === manifest.apiVersion,
        )
        if (kind === undefined) continue
        const node = placed.find(({ workload }) => workload === manifest.metadata.name)?.node
        const owned = this.#ownedManifest(intent, manifest)
        const object =
          manifest.kind === 'Deployment' && node !== undefined
            ? withNodeSelector(owned as unknown as Deployment, node)
            : owned
        await ensure(store, kind as KindDefinition, object as never)
      }
    }
    if (trace)
      tracer.step(trace, 'workload-deployed', {
        since,
        detail: placed.map(({ workload, node }) => `${workload} on ${node}`).join(', '),
      })
  }

  #ownedManifest(intent: Intent, manifest: Manifest): Manifest {
    return {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        namespace: manifest.metadata.namespace ?? intent.metadata.namespace ?? DEFAULT_NAMESPACE,
        ownerReferences: [ownedBy(intent)],
      },
    } as Manifest
  }

  /** Whether it runs, and where it answers. */
  async #follow(intent: Intent, placed: readonly RequestStatus[]): Promise<void> {
    const { store, informers } = this.#options
    const namespace = intent.metadata.namespace ?? DEFAULT_NAMESPACE
    const stored = await Promise.all(
      placed.map(({ workload }) => store.get(DeploymentKind, { namespace, name: workload })),
    )
    const ready = stored.every(
      (each) => each !== undefined && (each.status?.availableReplicas ?? 0) >= (each.spec.replicas ?? 1),
    )
    const pods = new Set(
      informers
        .of(PodKind)
        .list()
        .filter((pod) =>
          stored.some(
            (each) => each && pod.metadata.ownerReferences?.some(({ uid }) => uid === each.metadata.uid),
          ),
        )
        .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`),
    )
    const endpoints = informers
      .of(VirtualRouterKind)
      .list()
      .flatMap((router) => router.status?.endpoints ?? [])
      .filter(({ namespace: of, pod }) => pods.has(`${of}/${pod}`))
      .map(({ pod, port, url }) => ({ name: pod, port, url }))
    const local = localEndpoints(
      informers
        .of(PodKind)
        .list()
        .filter(
          (pod) =>
            pods.has(`${pod.metadata.namespace}/${pod.metadata.name}`) &&
            pod.spec.nodeName === this.#options.self.name,
        ),
    )
    const all = [...endpoints, ...local].sort((a, b) =>
      `${a.name}:${a.port}` < `${b.name}:${b.port}` ? -1 : 1,
    )
    const waiting = stored.find(
      (each) => each === undefined || (each.status?.availableReplicas ?? 0) < (each.spec.replicas ?? 1),
    )
    const wasRunning = intent.status?.phase === 'Running' || intent.status?.phase === 'Degraded'
    await this.#say(intent, {
      phase: ready ? 'Running' : wasRunning ? 'Degraded' : 'Deploying',
      message: ready
        ? 'running'
        : `waiting for ${waiting?.metadata.name ?? 'the workload'}: ${waiting?.status?.availableReplicas ?? 0} of ${waiting?.spec.replicas ?? 1} replicas are available`,
      nodes: placed.map(({ node }) => node).join(','),
      endpoints: all,
      ...(all[0] ? { url: all[0].url } : {}),
      requests: [...placed],
    })
  }

  /** The other side broke its promise, or its contract ended: replace, keep or stop, as the intent says. */
  async #react(intent: Intent, solverID: string, solver: Solver | undefined): Promise<void> {
    const { store } = this.#options
    const why = solver?.status?.solverPhase?.message ?? 'its acquisition is gone'
    switch (intent.spec.onFailure ?? 'Keep') {
      case 'Keep':
        await this.#say(intent, {
          phase: 'Degraded',
          message: `${why}; kept, as the intent says (onFailure: Keep)`,
        })
        return
      case 'Stop':
        await this.#removeWorkloads(intent)
        if (solver) await remove(store, SolverKind, keyOf(solver))
        await this.#say(intent, {
          phase: 'Failed',
          message: `${why}; stopped, as the intent says (onFailure: Stop)`,
        })
        return
      case 'Replace':
        if (solver) {
          await remove(store, SolverKind, solverKey(intent, solverID))
          if (await store.get(SolverKind, solverKey(intent, solverID))) {
            await this.#say(intent, { phase: 'Degraded', message: `${why}; giving up the old provider` })
            return
          }
        }
        await this.#removeWorkloads(intent)
        await mutateStatus(store, IntentKind, keyOf(intent), ({ status }) => {
          const {
            requests: _requests,
            endpoints: _endpoints,
            url: _url,
            nodes: _nodes,
            ...rest
          } = status ?? {}
          return { ...rest, phase: 'Pending' as const, message: `${why}; looking for another provider` }
        })
    }
  }

  /** Everything back: the workloads first, then what was bought for them. */
  async #tearDown(intent: Intent): Promise<{ requeueAfterMs?: number } | void> {
    const { store } = this.#options
    if (intent.status?.phase !== 'Deleting')
      await this.#say(intent, { phase: 'Deleting', message: 'stopping the workload' })
    await this.#removeWorkloads(intent)
    const solvers = (intent.status?.requests ?? []).flatMap(({ solver }) =>
      solver === undefined ? [] : [solver],
    )
    await Promise.all(solvers.map((name) => remove(store, SolverKind, solverKey(intent, name))))
    for (const name of solvers) {
      if (await store.get(SolverKind, solverKey(intent, name))) {
        await this.#say(intent, { phase: 'Deleting', message: 'giving the resources back' })
        return
      }
    }
    await mutate(store, IntentKind, keyOf(intent), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  async #removeWorkloads(intent: Intent): Promise<void> {
    const { store } = this.#options
    for (const manifest of manifestsOf(intent)) {
      const kind = CORE_KINDS.find(
        (each) => each.kind === manifest.kind && apiVersionOf(each) === manifest.apiVersion,
      )
      if (kind === undefined) continue
      const key = keyOf(this.#ownedManifest(intent, manifest))
      const stored = await store.get(kind, key)
      // What is not ours only has the same name.
      if (stored?.metadata.ownerReferences?.some(({ uid }) => uid === intent.metadata.uid))
        await remove(store, kind, key)
    }
  }

  #findPlace(
    intent: Pick<Intent, 'spec'>,
    request: WorkloadRequest,
    promised: ReadonlyMap<string, Amounts>,
  ): { readonly placement: 'Local' | 'ExistingVirtualNode'; readonly node: string } | undefined {
    const { informers, self } = this.#options
    const { placement = 'Any', requirements = {} } = intent.spec
    const pods = informers.of(PodKind).list()
    const fits = (name: string): boolean => {
      const node = informers.of(NodeKind).get({ name })
      return node !== undefined && fitsOn(node, pods, request.amounts, promised.get(name) ?? {})
    }
    const local = informers.of(NodeKind).get({ name: self.name })
    if (
      placement !== 'Remote' &&
      local &&
      meetsRequirements(local, requirements, self.domain) &&
      fits(self.name)
    ) {
      return { placement: 'Local', node: self.name }
    }
    if (placement === 'Local') return undefined
    // What was bought under other terms may not meet these: only an intent without any takes what is there.
    if (Object.keys(requirements).length > 0) return undefined
    const bought = informers
      .of(NodeKind)
      .list()
      .filter((node) => node.metadata.labels?.[CONTRACT_LABEL] !== undefined && fits(node.metadata.name))[0]
    return bought && { placement: 'ExistingVirtualNode', node: bought.metadata.name }
  }

  #solver(
    intent: Pick<Intent, 'metadata' | 'spec'>,
    request: WorkloadRequest,
    together: boolean,
    trace: TraceContext | undefined,
  ) {
    const { requirements, weights, duration } = intent.spec
    const { cpu, memory, pods, storage } = request.amounts
    const spec: SolverSpec = {
      intentID: intent.metadata.name,
      findCandidate: true,
      reserveAndBuy: true,
      establishPeering: true,
      request: {
        ...(cpu === undefined ? {} : { cpu }),
        ...(memory === undefined ? {} : { memory }),
        ...(pods === undefined ? {} : { pods }),
        ...(storage === undefined ? {} : { storage }),
      },
      ...(requirements ? { requirements } : {}),
      ...(weights ? { weights } : {}),
      ...(duration === undefined ? {} : { duration }),
      ...(together ? { reserveOnly: true } : {}),
    }
    return {
      metadata: {
        namespace: intent.metadata.namespace ?? DEFAULT_NAMESPACE,
        name: solverName(intent, request.name),
        annotations: traceAnnotations(trace),
        labels: { 'tributary.io/intent': intent.metadata.name },
      },
      spec,
    }
  }

  #intentOfSolver(solver: Solver): ObjectKey {
    return {
      namespace: solver.metadata.namespace ?? DEFAULT_NAMESPACE,
      name: solver.metadata.labels?.['tributary.io/intent'] ?? solver.spec.intentID,
    }
  }

  /** @returns the Deployments of an intent as they are to be; undefined when one that it refers to is gone */
  async #deploymentsOf(intent: Intent): Promise<readonly Deployment[] | undefined> {
    const ref = intent.spec.workloadRef
    if (ref === undefined) {
      return manifestsOf(intent).filter(
        ({ kind }) => kind === 'Deployment',
      ) as unknown as readonly Deployment[]
    }
    const found = await this.#options.store.get(DeploymentKind, {
      namespace: intent.metadata.namespace ?? DEFAULT_NAMESPACE,
      name: ref.name,
    })
    return found && [found]
  }

  async #say(intent: Intent, change: Partial<IntentStatus>): Promise<void> {
    const { store, system } = this.#options
    const now = rfc3339(system.clock.now())
    await mutateStatus(store, IntentKind, keyOf(intent), ({ status }) => {
      const next = { ...status, ...change }
      const ready = next.phase === 'Running'
      return {
        ...next,
        conditions: [
          ...setCondition(
            status?.conditions,
            {
              type: 'Ready',
              status: ready ? 'True' : 'False',
              reason: next.phase ?? 'Pending',
              message: next.message ?? '',
            },
            now,
          ),
        ],
      }
    })
  }
}

function solverName(intent: { readonly metadata: { readonly name: string } }, request: string): string {
  return intent.metadata.name === request
    ? intent.metadata.name
    : `${intent.metadata.name}-${request}`.slice(0, 200)
}

function solverKey(intent: Intent, name: string): ObjectKey {
  return { namespace: intent.metadata.namespace ?? DEFAULT_NAMESPACE, name }
}

function withNodeSelector(deployment: Deployment, node: string): Deployment {
  const { template } = deployment.spec
  return {
    ...deployment,
    spec: {
      ...deployment.spec,
      template: {
        ...template,
        spec: { ...template.spec, nodeSelector: { ...template.spec.nodeSelector, [HOSTNAME]: node } },
      },
    },
  }
}

/** Pods of this machine answer on their own loopback address. */
function localEndpoints(
  pods: readonly {
    readonly metadata: { readonly name: string }
    readonly spec: {
      readonly containers: readonly { readonly ports?: readonly { readonly containerPort: number }[] }[]
    }
    readonly status?: { readonly podIP?: string }
  }[],
): { name: string; port: number; url: string }[] {
  return pods.flatMap((pod) =>
    pod.status?.podIP === undefined
      ? []
      : pod.spec.containers.flatMap(({ ports }) =>
          (ports ?? []).map(({ containerPort }) => ({
            name: pod.metadata.name,
            port: containerPort,
            url: `http://${pod.status!.podIP}:${containerPort}`,
          })),
        ),
  )
}
