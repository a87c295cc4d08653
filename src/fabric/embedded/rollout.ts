/**
 * What a Deployment's next step is, given its pods: how many to create, which to delete. Pure.
 *
 * Kubernetes' rules without ReplicaSets: pods carry the hash of the template they were made from.
 */
import canonicalize from 'canonicalize'
import { createHash } from 'node:crypto'
import type { Deployment } from '../../objects/core/deployment.ts'
import { isFinished, isReady, type Pod } from '../../objects/core/pod.ts'
import type { PodTemplate } from '../../objects/core/pod-spec.ts'
import { TEMPLATE_HASH_LABEL } from './names.ts'

/** Without vowels, and without digits that look like letters: no words come out. As Kubernetes. */
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** @returns `bytes` written in letters that are safe in names */
export function safeText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => SAFE_ALPHABET[byte % SAFE_ALPHABET.length]).join('')
}

/** @returns ten characters that depend on the template only */
export function templateHash(template: PodTemplate): string {
  return safeText(createHash('sha256').update(canonicalize(template)!).digest().subarray(0, 10))
}

export interface RolloutPlan {
  /** How many pods to make from the current template. */
  readonly create: number
  readonly remove: readonly Pod[]
}

/** The counts of a Deployment's status, over pods that are neither finished nor being deleted. */
export interface RolloutCounts {
  readonly desired: number
  readonly replicas: number
  readonly updated: number
  readonly ready: number
  readonly available: number
  readonly maxUnavailable: number
}

function isActive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod)
}

/** @returns whether the pod has been ready for `minReadySeconds` at `now` (milliseconds since 1970) */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isReady(pod)) return false
  if (minReadySeconds === 0) return true
  const since = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime
  return since !== undefined && Date.parse(since) + minReadySeconds * 1_000 <= now
}

function countOf(
  value: number | string | undefined,
  of: number,
  round: (x: number) => number,
  unset: string,
): number {
  const given = value ?? unset
  if (typeof given === 'number') return given
  const percent = /^(\d+)%$/.exec(given)
  return percent ? round((Number(percent[1]) * of) / 100) : Number.parseInt(given, 10) || 0
}

function bounds(deployment: Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const { strategy, replicas = 1 } = deployment.spec
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas }
  const maxSurge = countOf(strategy?.rollingUpdate?.maxSurge, replicas, Math.ceil, '25%')
  const maxUnavailable = countOf(strategy?.rollingUpdate?.maxUnavailable, replicas, Math.floor, '25%')
  // Both zero would never get anywhere.
  return {
    maxSurge,
    maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas),
  }
}

/** Who goes first when there are too many: not placed, not started, not ready, younger. */
function leastUsefulFirst(a: Pod, b: Pod): number {
  const rank = (pod: Pod): number =>
    pod.spec.nodeName === undefined ? 0 : pod.status?.phase !== 'Running' ? 1 : isReady(pod) ? 3 : 2
  return (
    rank(a) - rank(b) ||
    b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
    a.metadata.name.localeCompare(b.metadata.name)
  )
}

/**
 * @param pods all pods that the deployment controls
 * @param hash of the current template
 * @param now milliseconds since 1970
 */
export function countPods(
  deployment: Deployment,
  pods: readonly Pod[],
  hash: string,
  now: number,
): RolloutCounts {
  const active = pods.filter(isActive)
  return {
    desired: deployment.spec.replicas ?? 1,
    replicas: active.length,
    updated: active.filter((pod) => pod.metadata.labels?.[TEMPLATE_HASH_LABEL] === hash).length,
    ready: active.filter(isReady).length,
    available: active.filter((pod) => isAvailable(pod, deployment.spec.minReadySeconds ?? 0, now)).length,
    maxUnavailable: bounds(deployment).maxUnavailable,
  }
}

/** @returns the next step; the same arguments as `countPods` */
export function planRollout(
  deployment: Deployment,
  pods: readonly Pod[],
  hash: string,
  now: number,
): RolloutPlan {
  const { desired, available, maxUnavailable } = countPods(deployment, pods, hash, now)
  const active = pods.filter(isActive)
  const updated = active.filter((pod) => pod.metadata.labels?.[TEMPLATE_HASH_LABEL] === hash)
  const old = active.filter((pod) => !updated.includes(pod))
  // Finished pods are replaced, not kept.
  const finished = pods.filter((pod) => isFinished(pod) && pod.metadata.deletionTimestamp === undefined)
  const surplus = updated.toSorted(leastUsefulFirst).slice(0, Math.max(0, updated.length - desired))

  if (deployment.spec.strategy?.type === 'Recreate') {
    const gone = pods.every((pod) => pod.metadata.labels?.[TEMPLATE_HASH_LABEL] === hash || isFinished(pod))
    return {
      create: gone ? Math.max(0, desired - updated.length) : 0,
      remove: [...finished, ...surplus, ...old],
    }
  }

  const { maxSurge } = bounds(deployment)
  const create = Math.max(0, Math.min(desired - updated.length, desired + maxSurge - active.length))
  // Old pods that serve nobody cost nothing; of those that serve, as many as may be missing.
  const isUp = (pod: Pod): boolean => isAvailable(pod, deployment.spec.minReadySeconds ?? 0, now)
  const surplusUp = surplus.filter(isUp).length
  let mayGo = Math.max(0, available - surplusUp - (desired - maxUnavailable))
  const outdated = old.toSorted(leastUsefulFirst).filter((pod) => !isUp(pod) || mayGo-- > 0)
  return { create, remove: [...finished, ...surplus, ...outdated] }
}
