/**
 * The Deployment controller: keeps as many pods of a Deployment's template as it says, and replaces
 * them step by step when the template changes. Pods belong to the Deployment directly.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller, type ReconcileResult } from '../../kernel/controller.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { type Deployment, DeploymentKind, type DeploymentStatus } from '../../objects/core/deployment.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { selectsLabels } from '../../objects/label-selector.ts'
import { type Condition, controllerOf, type ObjectKey, ownedBy, setCondition } from '../../objects/meta.ts'
import type { EventRecorder } from './event-recorder.ts'
import { TEMPLATE_HASH_LABEL } from './names.ts'
import { countPods, planRollout, type RolloutCounts, safeText, templateHash } from './rollout.ts'

export interface DeploymentControllerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
}

const SOURCE = 'deployment-controller'
const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600

export class DeploymentController implements Component {
  readonly #options: DeploymentControllerOptions
  readonly #deployments: Informer<Deployment>
  readonly #controller: Controller<[Deployment, Pod]>

  constructor(options: DeploymentControllerOptions) {
    const { informers, system, log } = options
    this.#options = options
    this.#deployments = informers.of(DeploymentKind)
    this.#controller = new Controller<[Deployment, Pod]>({
      name: SOURCE,
      system,
      log,
      concurrency: 4,
      watches: [
        { informer: this.#deployments },
        {
          informer: informers.of(PodKind),
          keys: ({ object }) => {
            const owner = controllerOf(object)
            if (owner?.kind !== DeploymentKind.kind || object.metadata.namespace === undefined)
              return undefined
            return { namespace: object.metadata.namespace, name: owner.name }
          },
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

  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { store, system, events } = this.#options
    const deployment = this.#deployments.get(key)
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return
    const { spec } = deployment
    if (!selectsLabels(spec.selector, spec.template.metadata?.labels)) {
      const message = 'spec.selector does not select the labels of spec.template: no pod is made'
      events.record(deployment, SOURCE, 'Warning', 'InvalidSelector', message)
      return
    }
    const hash = templateHash(spec.template)
    // The store, not the informer: what was created a moment ago must count.
    const namespace = deployment.metadata.namespace ?? 'default'
    let owned = (await store.list(PodKind, { namespace })).items.filter(
      (pod) => controllerOf(pod)?.uid === deployment.metadata.uid,
    )
    if (spec.paused !== true) {
      const plan = planRollout(deployment, owned, hash, system.clock.now())
      const removed = await Promise.all(plan.remove.map((pod) => this.#removePod(deployment, pod)))
      const created = await Promise.all(
        Array.from({ length: plan.create }, () => this.#createPod(deployment, hash)),
      )
      owned = [
        ...owned.filter((pod) => !plan.remove.includes(pod)),
        ...removed.filter((pod) => pod !== undefined),
        ...created,
      ]
    }
    return this.#writeStatus(deployment, countPods(deployment, owned, hash, system.clock.now()))
  }

  async #createPod(deployment: Deployment, hash: string): Promise<Pod> {
    const { store, system, events } = this.#options
    const { template } = deployment.spec
    const prefix = `${deployment.metadata.name}-${hash}-`
    for (;;) {
      try {
        const pod = await store.create(PodKind, {
          metadata: {
            name: `${prefix}${safeText(system.random.bytes(5))}`,
            namespace: deployment.metadata.namespace ?? 'default',
            labels: { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash },
            ...(template.metadata?.annotations && { annotations: template.metadata.annotations }),
            ownerReferences: [ownedBy(deployment)],
          },
          spec: template.spec,
        })
        events.record(deployment, SOURCE, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
        return pod
      } catch (error) {
        if (!isStoreError(error, 'AlreadyExists')) throw error
      }
    }
  }

  async #removePod(deployment: Deployment, pod: Pod): Promise<Pod | undefined> {
    const { store, events } = this.#options
    try {
      const marked = await store.delete(PodKind, pod.metadata, { uid: pod.metadata.uid })
      events.record(deployment, SOURCE, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
      return marked.metadata.deletionTimestamp === undefined ? undefined : marked
    } catch (error) {
      if (isStoreError(error, 'NotFound', 'Conflict')) return undefined
      throw error
    }
  }

  async #writeStatus(deployment: Deployment, counts: RolloutCounts): Promise<ReconcileResult> {
    const { store, system } = this.#options
    let requeueAfterMs: number | undefined
    await mutateStatus(store, DeploymentKind, deployment.metadata, (stored) => {
      if (stored.metadata.uid !== deployment.metadata.uid) return undefined
      const next = deploymentStatus(deployment, stored.status, counts, system.clock.now())
      requeueAfterMs = next.requeueAfterMs
      return next.status
    })
    const wait = deployment.spec.minReadySeconds
    if (wait && counts.available < counts.ready) {
      requeueAfterMs = Math.min(requeueAfterMs ?? wait * 1_000, wait * 1_000)
    }
    return requeueAfterMs === undefined ? {} : { requeueAfterMs }
  }
}

/**
 * @param deployment whose generation the counts belong to
 * @param before the stored status
 * @param now milliseconds since 1970
 * @returns the status, and when to look again although nothing changes
 */
export function deploymentStatus(
  deployment: Deployment,
  before: DeploymentStatus | undefined,
  counts: RolloutCounts,
  now: number,
): { readonly status: DeploymentStatus; readonly requeueAfterMs?: number } {
  const { desired, replicas, updated, ready, available, maxUnavailable } = counts
  const { name } = deployment.metadata
  const time = rfc3339(now)
  const enough = available >= desired - maxUnavailable
  let conditions = setCondition(
    before?.conditions,
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
    },
    time,
  )

  const moved =
    before?.observedGeneration !== deployment.metadata.generation ||
    (before.replicas ?? 0) !== replicas ||
    (before.updatedReplicas ?? 0) !== updated ||
    (before.readyReplicas ?? 0) < ready ||
    (before.availableReplicas ?? 0) < available
  const known = conditions.find(({ type }) => type === 'Progressing') as ProgressCondition | undefined
  const lastUpdateTime = moved ? time : (known?.lastUpdateTime ?? time)
  const deadline = (deployment.spec.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS) * 1_000
  const left = Date.parse(lastUpdateTime) + deadline - now
  const complete = updated === desired && replicas === desired && available === desired
  const progress: Omit<ProgressCondition, 'lastTransitionTime'> = complete
    ? {
        type: 'Progressing',
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `Deployment "${name}" has successfully progressed.`,
        lastUpdateTime,
      }
    : left > 0 || known?.reason === 'NewReplicaSetAvailable'
      ? {
          type: 'Progressing',
          status: 'True',
          // A deployment that was complete and lost a pod is not rolling out again.
          reason:
            known?.reason === 'NewReplicaSetAvailable' && updated === desired
              ? 'NewReplicaSetAvailable'
              : 'ReplicaSetUpdated',
          message: `Deployment "${name}" is progressing.`,
          lastUpdateTime,
        }
      : {
          type: 'Progressing',
          status: 'False',
          reason: 'ProgressDeadlineExceeded',
          message: `Deployment "${name}" has timed out progressing.`,
          lastUpdateTime,
        }
  conditions = setCondition(conditions, progress, time).map((condition) =>
    condition.type === 'Progressing' && moved ? { ...condition, lastUpdateTime } : condition,
  )
  const status: DeploymentStatus = {
    ...before,
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: updated,
    readyReplicas: ready,
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
    conditions: [...conditions],
  }
  return complete || left <= 0 ? { status } : { status, requeueAfterMs: left + 1_000 }
}

type ProgressCondition = Condition & { readonly lastUpdateTime?: string }
