/**
 * What pods ask for and what they may use, in exact amounts. Pure; for fabrics and for who places pods.
 */
import type { Container, PodSpec } from '../objects/core/pod-spec.ts'
import { type Amounts, addAmounts } from '../quantity/amounts.ts'

/** YAML turns `cpu: 1` into a number. */
function toAmounts(quantities: Readonly<Record<string, string | number>> | undefined): Amounts {
  return Object.fromEntries(Object.entries(quantities ?? {}).map(([name, amount]) => [name, String(amount)]))
}

/** @returns what the container may use: its limits, and its requests where it has no limit */
export function containerLimits(container: Container): Amounts {
  return { ...toAmounts(container.resources?.requests), ...toAmounts(container.resources?.limits) }
}

/** @returns what the container needs: its requests, and its limits where it requests nothing (Kubernetes' default) */
export function containerRequests(container: Container): Amounts {
  return { ...toAmounts(container.resources?.limits), ...toAmounts(container.resources?.requests) }
}

/** @returns the sum over the pod's containers, and one of `pods` */
export function podRequests(spec: PodSpec): Amounts {
  return spec.containers.map(containerRequests).reduce(addAmounts, { pods: '1' })
}

/** @returns the sum of what the pod's containers may use, and one of `pods` */
export function podLimits(spec: PodSpec): Amounts {
  return spec.containers.map(containerLimits).reduce(addAmounts, { pods: '1' })
}

/** @returns Kubernetes' quality-of-service class of the pod */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const all = spec.containers.map(({ resources }) => ({
    limits: toAmounts(resources?.limits),
    requests: { ...toAmounts(resources?.limits), ...toAmounts(resources?.requests) },
  }))
  if (all.every(({ requests }) => Object.keys(requests).length === 0)) return 'BestEffort'
  const guaranteed = all.every(({ limits, requests }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && limits[name] === requests[name]),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
