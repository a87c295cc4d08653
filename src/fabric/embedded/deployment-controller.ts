/**
 * The Deployment controller: keeps as many pods of a Deployment's template as it says, and replaces
 * them step by step when the template changes. Pods belong to the Deployment directly.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller, type ReconcileResult } from '../../kernel/controller.ts'
import type { Informer, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { isStoreError, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { type Deployment, DeploymentKind } from '../../objects/core/deployment.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { selectsLabels } from '../../objects/label-selector.ts'
import { controllerOf, type ObjectKey, ownedBy } from '../../objects/meta.ts'
import { deploymentStatus } from './deployment-status.ts'
import type { EventRecorder } from './event-recorder.ts'
import { TEMPLATE_HASH_LABEL } from './names.ts'
import {
  countPods,
  planRollout,
  type RolloutCounts,
  type RolloutPlan,
  safeText,
  templateHash,
} from './rollout.ts'

export interface DeploymentControllerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
}

const SOURCE = 'deployment-controller'
/** Pods by the uid of the Deployment that they belong to. */
const OWNER_INDEX = 'owner'

export class DeploymentController implements Component {
  readonly #options: DeploymentControllerOptions
  readonly #deployments: Informer<Deployment>
  readonly #pods: Informer<Pod>
  readonly #controller: Controller<[Deployment, Pod]>

  constructor(options: DeploymentControllerOptions) {
    const { informers, system, log } = options
    this.#options = options
    this.#deployments = informers.of(DeploymentKind)
    this.#pods = informers.of(PodKind)
    this.#pods.addIndex(OWNER_INDEX, (pod) => {
      const owner = controllerOf(pod)
      return owner === undefined ? [] : [owner.uid]
    })
    this.#controller = new Controller<[Deployment, Pod]>({
      name: SOURCE,
      system,
      log,
      concurrency: 4,
      watches: [
        { informer: this.#deployments },
        {
          informer: this.#pods,
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
    const { uid } = deployment.metadata
    let owned = this.#pods.byIndex(OWNER_INDEX, uid)
    const planned = (): RolloutPlan => planRollout(deployment, owned, hash, system.clock.now())
    if (spec.paused !== true && !isEmpty(planned())) {
      // Before anything is done the store is asked: what was created a moment ago must count.
      const namespace = deployment.metadata.namespace ?? 'default'
      owned = (await store.list(PodKind, { namespace })).items.filter((pod) => controllerOf(pod)?.uid === uid)
      const plan = planned()
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

function isEmpty({ create, remove }: RolloutPlan): boolean {
  return create === 0 && remove.length === 0
}
