/**
 * The scheduler: binds each pod to the node that its `nodeSelector` names, if it may go there and there is room.
 *
 * It does not choose between sellers: where a workload that asks to be offloaded goes is decided by the Node
 * Orchestrator, which has the decision written into the workload's `nodeSelector`. Until then its pods wait; those
 * of a Deployment that does not ask run on the local node, as in any cluster.
 */
import { withFinalizer } from '../../kernel/reconcile/finalizers.ts'
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informer, InformerEvent, Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { mutate, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { type Deployment, DeploymentKind } from '../../objects/core/deployment.ts'
import { type Namespace, NamespaceKind } from '../../objects/core/namespace.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { isFinished, type Pod, PodKind } from '../../objects/core/pod.ts'
import {
  controllerOf,
  DEFAULT_NAMESPACE,
  keyOf,
  type KubeObject,
  type ObjectKey,
  setCondition,
} from '../../objects/meta.ts'
import { asksForOffload } from '../../objects/offload.ts'
import { type Amounts, addAmounts } from '../../quantity/amounts.ts'
import { podRequests } from '../pod-resources.ts'
import type { EventRecorder } from './event-recorder.ts'
import { CONTRACT_LABEL, HOSTNAME_LABEL, RUNNING_FINALIZER } from './names.ts'
import { closedTo, hasLabels, sameForScheduling, shortageOn, taintAgainst } from './scheduling.ts'

export interface SchedulerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly events: EventRecorder
  /** Name of the local node, where a pod of no controller goes that names no node. */
  readonly nodeName: string
}

type Decision =
  | { readonly bind: string }
  | { readonly wait: 'AwaitingPlacement' | 'Unschedulable'; readonly message: string }

const SOURCE = 'scheduler'

export class Scheduler implements Component {
  readonly #options: SchedulerOptions
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>
  readonly #deployments: Informer<Deployment>
  readonly #namespaces: Informer<Namespace>
  readonly #controller: Controller<[Pod, Node, Deployment, Namespace]>
  /** Bound, but the informer does not know yet: by pod uid. */
  readonly #assumed = new Map<string, { readonly node: string; readonly requests: Amounts }>()

  constructor(options: SchedulerOptions) {
    const { informers, system, log } = options
    this.#options = options
    this.#nodes = informers.of(NodeKind)
    this.#pods = informers.of(PodKind)
    this.#deployments = informers.of(DeploymentKind)
    this.#namespaces = informers.of(NamespaceKind)
    this.#controller = new Controller<[Pod, Node, Deployment, Namespace]>({
      name: SOURCE,
      system,
      log,
      // One at a time: each decision counts on those before it.
      concurrency: 1,
      watches: [
        { informer: this.#pods, keys: (event) => this.#concernedBy(event) },
        {
          informer: this.#nodes,
          // Status is written often; only what a decision looks at is news.
          keys: ({ object, before }) =>
            before && sameForScheduling(before, object) ? undefined : this.#pending(),
        },
        // Whose pods stay here follows from what these ask for.
        {
          informer: this.#deployments,
          keys: ({ object, before }) => (asksTheSame(before, object) ? [] : this.#pending()),
        },
        {
          informer: this.#namespaces,
          keys: ({ object, before }) => (asksTheSame(before, object) ? [] : this.#pending()),
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

  #pending(): readonly ObjectKey[] {
    return this.#pods.list().filter(isPending).map(keyOf)
  }

  #concernedBy({ type, object, before }: InformerEvent<Pod>): readonly ObjectKey[] {
    if (type === 'deleted') this.#assumed.delete(object.metadata.uid)
    const freed = type === 'deleted' || (isFinished(object) && before !== undefined && !isFinished(before))
    if (freed) return this.#pending()
    return isPending(object) ? [keyOf(object)] : []
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const pod = this.#pods.get(key)
    if (pod === undefined || !isPending(pod) || this.#assumed.has(pod.metadata.uid)) return
    const decision = this.#decide(pod)
    if ('bind' in decision) await this.#bind(pod, decision.bind)
    else await this.#wait(pod, decision.wait, decision.message)
  }

  #decide(pod: Pod): Decision {
    const { nodeSelector = {} } = pod.spec
    if (Object.keys(nodeSelector).length > 0) return this.#decideAmong(pod, nodeSelector)
    if (this.#isPlacedByOthers(pod)) {
      const message = 'waiting to be placed: no nodeSelector says on which node this workload is to run'
      return { wait: 'AwaitingPlacement', message }
    }
    return this.#decideAmong(pod, { [HOSTNAME_LABEL]: this.#options.nodeName })
  }

  /** Whether a node is going to be named for it: it is of an intent, or its Deployment asks for a place. */
  #isPlacedByOthers(pod: Pod): boolean {
    const controller = controllerOf(pod)
    if (controller?.kind !== DeploymentKind.kind) return false
    const { namespace = DEFAULT_NAMESPACE } = pod.metadata
    const deployment = this.#deployments.get({ namespace, name: controller.name })
    if (deployment === undefined || controllerOf(deployment) !== undefined) return true
    return asksForOffload(deployment, this.#namespaces.get({ name: namespace }))
  }

  #decideAmong(pod: Pod, selector: Readonly<Record<string, string>>): Decision {
    const all = this.#nodes.list()
    const requests = podRequests(pod.spec)
    const complaints: string[] = []
    const matching = all.filter(({ metadata }) => hasLabels(metadata.labels, selector))
    if (matching.length < all.length) {
      complaints.push(`${all.length - matching.length} node(s) didn't match Pod's node affinity/selector`)
    }
    for (const node of matching) {
      const { name } = node.metadata
      const complaint =
        closedTo(node) ?? taintAgainst(node, pod.spec) ?? shortageOn(node, requests, this.#usedOn(name))
      if (complaint === undefined) return { bind: name }
      complaints.push(`${name}: ${complaint}`)
    }
    return {
      wait: 'Unschedulable',
      message: `0/${all.length} nodes are available: ${complaints.join(', ') || 'there is none'}.`,
    }
  }

  #usedOn(node: string): Amounts {
    let used: Amounts = {}
    for (const pod of this.#pods.list()) {
      if (pod.spec.nodeName !== node) continue
      this.#assumed.delete(pod.metadata.uid)
      // What is sold is carved out of the node's capacity already.
      if (pod.metadata.labels?.[CONTRACT_LABEL] !== undefined) continue
      // A pod that is being deleted still uses what it uses.
      if (!isFinished(pod)) used = addAmounts(used, podRequests(pod.spec))
    }
    for (const one of this.#assumed.values()) if (one.node === node) used = addAmounts(used, one.requests)
    return used
  }

  async #wait(pod: Pod, reason: string, message: string): Promise<void> {
    const { store, system, events } = this.#options
    const condition = { type: 'PodScheduled', status: 'False' as const, reason, message }
    const before = pod.status?.conditions?.find(({ type }) => type === condition.type)
    if (before?.reason === reason && before.message === message) return
    if (reason === 'Unschedulable') events.record(pod, SOURCE, 'Warning', 'FailedScheduling', message)
    await mutateStatus(store, PodKind, keyOf(pod), (stored) =>
      stored.metadata.uid !== pod.metadata.uid || !isPending(stored)
        ? undefined
        : {
            ...stored.status,
            phase: 'Pending' as const,
            conditions: [...setCondition(stored.status?.conditions, condition, rfc3339(system.clock.now()))],
          },
    )
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { store, events } = this.#options
    const { uid, namespace, name } = pod.metadata
    this.#assumed.set(uid, { node, requests: podRequests(pod.spec) })
    try {
      const bound = await mutate(store, PodKind, keyOf(pod), (stored) =>
        stored.metadata.uid !== uid || !isPending(stored) ? undefined : boundTo(stored, node),
      )
      if (bound?.spec.nodeName !== node) this.#assumed.delete(uid)
      else {
        const message = `Successfully assigned ${namespace}/${name} to ${node}`
        events.record(pod, SOURCE, 'Normal', 'Scheduled', message)
      }
    } catch (error) {
      this.#assumed.delete(uid)
      throw error
    }
  }
}

/** With the finalizer in the same write: from here on the pod does not vanish before it has stopped. */
function boundTo(pod: Pod, node: string): Pod {
  return { ...withFinalizer(pod, RUNNING_FINALIZER), spec: { ...pod.spec, nodeName: node } }
}

function isPending(pod: Pod): boolean {
  return pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined && !isFinished(pod)
}

function asksTheSame(before: KubeObject | undefined, { metadata }: KubeObject): boolean {
  const asked = ({ labels, annotations }: KubeObject['metadata']): string =>
    JSON.stringify([labels, annotations])
  return before !== undefined && asked(before.metadata) === asked(metadata)
}
