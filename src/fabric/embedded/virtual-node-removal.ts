/** Takes a virtual node away: its pods first, with their grace, then its object. */
import type { Informer } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { mutate, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { deadline, type System } from '../../kernel/system.ts'
import { NodeKind } from '../../objects/core/node.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import { fieldsEqual } from '../../objects/field-selector.ts'
import { keyOf, keyString } from '../../objects/meta.ts'

export interface VirtualNodeRemovalOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly pods: Informer<Pod>
  /** Lets a pod's object go although its provider has not said that it has ended. */
  readonly release: (pod: Pod) => Promise<void>
  /** @returns whether the provider of the node can be expected to end pods */
  readonly answers: (nodeName: string) => Promise<boolean>
}

/** What a provider that answers gets, beyond the grace of its pods, to end them. */
const DETACH_LIMIT_MS = 10_000
/** What one that does not answer gets. */
const FORCED_DETACH_MS = 3_000

/** Keeps new pods off the node. @returns false when there is no such node */
export async function cordon(store: ObjectStore, nodeName: string): Promise<boolean> {
  const node = await mutate(store, NodeKind, { name: nodeName }, (stored) =>
    stored.spec?.unschedulable === true
      ? undefined
      : { ...stored, spec: { ...stored.spec, unschedulable: true } },
  )
  return node !== undefined
}

/**
 * Resolves when the node and its pods are gone; a provider that does not answer is not waited for.
 * @throws when `signal` aborts: whoever wants the node gone asks again after the next start
 */
export async function removeVirtualNode(
  options: VirtualNodeRemovalOptions,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  const { store, log, release, answers } = options
  const bound = await deletePods(store, nodeName)
  if (bound.length > 0) {
    const graceS = Math.max(0, ...bound.map((pod) => pod.spec.terminationGracePeriodSeconds ?? 30))
    const limitMs = (await answers(nodeName)) ? graceS * 1_000 + DETACH_LIMIT_MS : FORCED_DETACH_MS
    await untilGone(options, nodeName, limitMs, signal)
    signal.throwIfAborted()
    for (const pod of await deletePods(store, nodeName)) {
      log.warn(
        { pod: keyString(keyOf(pod)), node: nodeName },
        'a pod is given up: its provider does not answer',
      )
      await release(pod)
    }
  }
  await remove(store, NodeKind, { name: nodeName })
}

/** Asks for the deletion of all pods of the node. @returns those that still are there */
async function deletePods(store: ObjectStore, nodeName: string): Promise<readonly Pod[]> {
  const bound = await podsOn(store, nodeName)
  for (const pod of bound) {
    if (pod.metadata.deletionTimestamp === undefined) await remove(store, PodKind, pod.metadata)
  }
  return podsOn(store, nodeName)
}

async function podsOn(store: ObjectStore, nodeName: string): Promise<readonly Pod[]> {
  return (await store.list(PodKind, { fields: fieldsEqual({ 'spec.nodeName': nodeName }) })).items
}

/** Resolves when no pod is bound to the node any more, after `limitMs`, or when `aborted` says so. */
async function untilGone(
  { pods, system }: VirtualNodeRemovalOptions,
  nodeName: string,
  limitMs: number,
  aborted: AbortSignal,
): Promise<void> {
  const { signal, done } = deadline(system.clock, limitMs, aborted)
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (signal.aborted || !pods.list().some((pod) => pod.spec.nodeName === nodeName)) resolve()
  }
  const end = pods.onChange(look)
  signal.addEventListener('abort', look, { once: true })
  look()
  await promise
  end()
  done()
}
