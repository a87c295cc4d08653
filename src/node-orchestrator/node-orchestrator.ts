/** The component: brings intents in line, from the request to the running workload and back. One file for each step. */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { ensureFinalizer, hasFinalizer } from '../kernel/reconcile/finalizers.ts'
import type { ReconcileResult } from '../kernel/reconcile/result.ts'
import { DeploymentKind } from '../objects/core/deployment.ts'
import { NodeKind } from '../objects/core/node.ts'
import { INTENT_FINALIZER, IntentKind, isAccepted, type Intent } from '../objects/intent.ts'
import { DEFAULT_NAMESPACE, keyOf, type KubeObject, type ObjectKey } from '../objects/meta.ts'
import type { PlanTerms } from '../objects/plan.ts'
import { SolverKind } from '../objects/solver.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import { traceOf } from '../trace/index.ts'
import { adoptLimits } from './adopt-limits.ts'
import { advanceIntent } from './advance-intent.ts'
import { decompose, type WantedDeployment } from './decompose.ts'
import { dryRun, type PlannedRequest } from './dry-run.ts'
import type { NodeOrchestratorOptions, Orchestration } from './orchestration.ts'
import { planIntent } from './plan-intent.ts'
import { RecentPlacements } from './recent-placements.ts'
import { restartIntent } from './restart-intent.ts'
import { setStatus } from './set-status.ts'
import { intentOfSolver } from './solver-of-request.ts'
import { isBeingRestarted, isPlacedAsWanted, specHash } from './spec-hash.ts'
import { tearDown } from './tear-down.ts'
import { Workloads } from './workloads.ts'

/** Between attempts to get several offers at once. */
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 60_000

export class NodeOrchestrator implements Component {
  readonly #orchestration: Orchestration
  readonly #controller: Controller
  /** Each decision where something runs counts on those before it. */
  readonly #oneAtATime = new OneAtATime()

  constructor(options: NodeOrchestratorOptions) {
    const { informers, system } = options
    const intents = informers.of(IntentKind)
    informers.of(VirtualNodeKind).addIndex('name', ({ metadata }) => [metadata.name])
    this.#orchestration = {
      options,
      workloads: new Workloads(options),
      recent: new RecentPlacements(intents),
      backoffs: new Backoffs({
        clock: system.clock,
        firstMs: FIRST_PAUSE_MS,
        longestMs: LONGEST_PAUSE_MS,
        of: intents,
      }),
    }
    intents.addIndex('phase', ({ status }) => [status?.phase ?? ''])
    const inPhase = (...phases: readonly string[]): readonly ObjectKey[] =>
      phases.flatMap((phase) => intents.byIndex('phase', phase)).map(keyOf)
    this.#controller = new Controller({
      name: 'node-orchestrator',
      system,
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

  /** Dry run: what would be done for an intent, and every offer that was looked at. */
  plan(
    intent: Pick<Intent, 'metadata' | 'spec'>,
    deployments: readonly WantedDeployment[],
    signal: AbortSignal,
    terms?: ReadonlyMap<string, PlanTerms>,
  ): Promise<readonly PlannedRequest[]> {
    return dryRun(this.#orchestration, intent, deployments, signal, terms)
  }

  /** The order of the steps; the first that has something to do does it, and what it writes leads back here. */
  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { options, recent, workloads } = this.#orchestration
    const intent = await options.store.get(IntentKind, key)
    if (intent === undefined) return recent.forget(key)
    if (intent.metadata.deletionTimestamp !== undefined) return tearDown(this.#orchestration, intent)
    const trace = traceOf(intent)
    // Not judged yet as it is now, or wrong: the Service Handler says what, and whoever mends it wakes us.
    if (trace === undefined || intent.status === undefined || !isAccepted(intent)) return undefined
    if (!hasFinalizer(intent, INTENT_FINALIZER)) {
      await ensureFinalizer(options.store, IntentKind, intent, INTENT_FINALIZER)
      return undefined
    }
    const { phase, requests, observedGeneration } = intent.status
    const changed = observedGeneration !== intent.metadata.generation
    const deployments = await workloads.wanted(intent)
    if (deployments === undefined) {
      const message = `Deployment ${intent.spec.workloadRef?.name}, which the intent refers to, does not exist`
      return setStatus(this.#orchestration, intent, { event: 'workload-gone', message })
    }
    if (requests === undefined) {
      if (phase === 'Failed' && !changed) return undefined
      return this.#oneAtATime.run('plan', () => planIntent(this.#orchestration, intent, trace, deployments))
    }
    if (phase === 'Pending') return restartIntent(this.#orchestration, intent, intent.status.message ?? '')
    if (changed) return this.#onChange(intent, deployments)
    if (phase === 'Failed') return undefined
    if (isBeingRestarted(intent.status))
      return restartIntent(this.#orchestration, intent, 'giving back what it had before')
    return advanceIntent(this.#orchestration, intent, trace)
  }

  /** The user changed the intent: what is bought is kept if it still is what is wanted. */
  async #onChange(intent: Intent, deployments: readonly WantedDeployment[]): Promise<void> {
    const { status = {} } = intent
    const requests = decompose(deployments)
    if (status.phase === 'Failed' || !isPlacedAsWanted(intent, requests, status))
      return restartIntent(this.#orchestration, intent, 'the intent was changed')
    const money = await adoptLimits(this.#orchestration, intent)
    if (money !== undefined) return restartIntent(this.#orchestration, intent, money)
    await setStatus(
      this.#orchestration,
      intent,
      { observedGeneration: intent.metadata.generation, specHash: specHash(intent, requests) },
      ['wish'],
    )
  }
}

/** @returns the intent that a Deployment belongs to */
function intentOfWorkload({ object }: { readonly object: KubeObject }): ObjectKey {
  const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === 'Intent')
  // A workload that was there before its intent has the same name.
  if (owner === undefined) return keyOf(object)
  return { namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE, name: owner.name }
}
