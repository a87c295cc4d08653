/**
 * The scheduler: binds each pod to the node that its `nodeSelector` names, if it has room.
 *
 * It does not choose between sellers: where a workload that asks to be offloaded goes is decided by the Node
 * Orchestrator, which writes the decision into the workload's `nodeSelector`. Until then its pods wait; those of a
 * Deployment that does not ask run on the local node, as in any cluster.
 */
import type { Component } from '../../kernel/component.ts'
import { Controller } from '../../kernel/controller.ts'
import type { Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { mutate, mutateStatus, type ObjectStore } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { DeploymentKind } from '../../objects/core/deployment.ts'
import { isNodeReady, type Node, NodeKind } from '../../objects/core/node.ts'
import { isFinished, type Pod, PodKind } from '../../objects/core/pod.ts'
import {
  controllerOf,
  DEFAULT_NAMESPACE,
  keyOf,
  type KubeObject,
  type ObjectKey,
  setCondition,
} from '../../objects/meta.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { asksForOffload } from '../../objects/offload.ts'
import { type Amounts, addAmounts, shortages, subtractAmounts } from '../../quantity/amounts.ts'
import type { EventRecorder } from './event-recorder.ts'
import { CONTRACT_LABEL, HOSTNAME_LABEL, RUNNING_FINALIZER } from './names.ts'
import { podRequests } from '../pod-resources.ts'

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

export function createScheduler(options: SchedulerOptions): Component {
  const { store, informers, system, log, events, nodeName } = options
  const nodes = informers.of(NodeKind)
  const pods = informers.of(PodKind)
  const deployments = informers.of(DeploymentKind)
  const namespaces = informers.of(NamespaceKind)
  /** Bound, but the informer does not know yet: by pod uid. */
  const assumed = new Map<string, { readonly node: string; readonly requests: Amounts }>()

  const usedOn = (node: string): Amounts => {
    let used: Amounts = {}
    for (const pod of pods.list()) {
      if (pod.spec.nodeName !== node) continue
      assumed.delete(pod.metadata.uid)
      // What is sold is carved out of the node's capacity already.
      if (pod.metadata.labels?.[CONTRACT_LABEL] !== undefined) continue
      // A pod that is being deleted still uses what it uses.
      if (!isFinished(pod)) used = addAmounts(used, podRequests(pod.spec))
    }
    for (const one of assumed.values()) if (one.node === node) used = addAmounts(used, one.requests)
    return used
  }

  const decide = (pod: Pod): Decision => {
    const selector = pod.spec.nodeSelector ?? {}
    if (Object.keys(selector).length === 0) {
      if (isPlacedByOthers(pod)) {
        const message = 'waiting to be placed: no nodeSelector says on which node this workload is to run'
        return { wait: 'AwaitingPlacement', message }
      }
      return decideAmong(pod, { [HOSTNAME_LABEL]: nodeName })
    }
    return decideAmong(pod, selector)
  }

  /** Whether a node is going to be named for it: it is of an intent, or its Deployment asks for a place. */
  const isPlacedByOthers = (pod: Pod): boolean => {
    const controller = controllerOf(pod)
    if (controller?.kind !== DeploymentKind.kind) return false
    const { namespace = DEFAULT_NAMESPACE } = pod.metadata
    const deployment = deployments.get({ namespace, name: controller.name })
    if (deployment === undefined || controllerOf(deployment) !== undefined) return true
    return asksForOffload(deployment, namespaces.get({ name: namespace }))
  }

  const decideAmong = (pod: Pod, selector: Readonly<Record<string, string>>): Decision => {
    const all = nodes.list()
    const requests = podRequests(pod.spec)
    const complaints: string[] = []
    const matching = all.filter((node) =>
      Object.entries(selector).every(([label, value]) => node.metadata.labels?.[label] === value),
    )
    if (matching.length < all.length) {
      complaints.push(`${all.length - matching.length} node(s) didn't match Pod's node affinity/selector`)
    }
    for (const node of matching) {
      const complaint = obstacle(node) ?? shortage(node, requests)
      if (complaint === undefined) return { bind: node.metadata.name }
      complaints.push(`${node.metadata.name}: ${complaint}`)
    }
    return {
      wait: 'Unschedulable',
      message: `0/${all.length} nodes are available: ${complaints.join(', ') || 'there is none'}.`,
    }
  }

  const shortage = (node: Node, requests: Amounts): string | undefined => {
    const allocatable = node.status?.allocatable ?? {}
    // A node that does not say how many pods it takes, takes any.
    const wanted = allocatable.pods === undefined ? withoutPods(requests) : requests
    const free = subtractAmounts(allocatable, usedOn(node.metadata.name))
    const lacking = shortages(wanted, free)
    if (lacking.length === 0) return undefined
    return lacking
      .map(
        ({ resource, wanted: needs, available }) =>
          `Insufficient ${resource} (needs ${needs}, ${available} of ${allocatable[resource] ?? '0'} free)`,
      )
      .join(', ')
  }

  const reconcile = async (key: ObjectKey): Promise<void> => {
    const pod = pods.get(key)
    if (pod === undefined || !isPending(pod) || assumed.has(pod.metadata.uid)) return
    const decision = decide(pod)
    if ('bind' in decision) {
      await bind(pod, decision.bind)
      return
    }
    const condition = {
      type: 'PodScheduled',
      status: 'False' as const,
      reason: decision.wait,
      message: decision.message,
    }
    const before = pod.status?.conditions?.find(({ type }) => type === condition.type)
    if (before?.reason === condition.reason && before.message === condition.message) return
    if (decision.wait === 'Unschedulable') {
      events.record(pod, SOURCE, 'Warning', 'FailedScheduling', decision.message)
    }
    await mutateStatus(store, PodKind, key, (stored) =>
      stored.metadata.uid !== pod.metadata.uid || !isPending(stored)
        ? undefined
        : {
            ...stored.status,
            phase: 'Pending' as const,
            conditions: [...setCondition(stored.status?.conditions, condition, rfc3339(system.clock.now()))],
          },
    )
  }

  const bind = async (pod: Pod, node: string): Promise<void> => {
    assumed.set(pod.metadata.uid, { node, requests: podRequests(pod.spec) })
    try {
      const bound = await mutate(store, PodKind, keyOf(pod), (stored) => {
        if (stored.metadata.uid !== pod.metadata.uid || !isPending(stored)) return undefined
        const finalizers = stored.metadata.finalizers ?? []
        return {
          ...stored,
          metadata: {
            ...stored.metadata,
            // In the same write: from here on the pod does not vanish before it has stopped.
            finalizers: finalizers.includes(RUNNING_FINALIZER)
              ? finalizers
              : [...finalizers, RUNNING_FINALIZER],
          },
          spec: { ...stored.spec, nodeName: node },
        }
      })
      if (bound?.spec.nodeName !== node) assumed.delete(pod.metadata.uid)
      else {
        const { namespace, name } = pod.metadata
        events.record(
          pod,
          SOURCE,
          'Normal',
          'Scheduled',
          `Successfully assigned ${namespace}/${name} to ${node}`,
        )
      }
    } catch (error) {
      assumed.delete(pod.metadata.uid)
      throw error
    }
  }

  const pending = (): readonly ObjectKey[] => pods.list().filter(isPending).map(keyOf)

  return new Controller({
    name: SOURCE,
    system,
    log,
    // One at a time: each decision counts on those before it.
    concurrency: 1,
    watches: [
      {
        informer: pods,
        keys: ({ type, object, before }) => {
          if (type === 'deleted') assumed.delete(object.metadata.uid)
          const freed =
            type === 'deleted' || (isFinished(object) && before !== undefined && !isFinished(before))
          return freed ? pending() : isPending(object) ? keyOf(object) : undefined
        },
      },
      {
        informer: nodes,
        // Status is written often; only what a decision looks at is news.
        keys: ({ object, before }) => (before && sameForScheduling(before, object) ? undefined : pending()),
      },
      // Whose pods stay here follows from what these ask for.
      { informer: deployments, keys: ({ object, before }) => (asksTheSame(before, object) ? [] : pending()) },
      { informer: namespaces, keys: ({ object, before }) => (asksTheSame(before, object) ? [] : pending()) },
    ],
    reconcile,
  })
}

function isPending(pod: Pod): boolean {
  return pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined && !isFinished(pod)
}

function asksTheSame(before: KubeObject | undefined, { metadata }: KubeObject): boolean {
  const asked = ({ labels, annotations }: KubeObject['metadata']): string =>
    JSON.stringify([labels, annotations])
  return before !== undefined && asked(before.metadata) === asked(metadata)
}

function obstacle(node: Node): string | undefined {
  if (node.metadata.deletionTimestamp !== undefined) return 'node is being removed'
  if (node.spec?.unschedulable === true) return 'node is unschedulable'
  return isNodeReady(node) ? undefined : 'node is not ready'
}

function withoutPods({ pods: _, ...others }: Amounts): Amounts {
  return others
}

function sameForScheduling(a: Node, b: Node): boolean {
  const facts = (node: Node): string =>
    JSON.stringify([obstacle(node), node.metadata.labels, node.status?.allocatable])
  return facts(a) === facts(b)
}
