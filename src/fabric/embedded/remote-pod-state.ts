/** A pod that runs here for a buyer, as the buyer is told of it. Pure. */
import type { Pod, PodStatus } from '../../objects/core/pod.ts'
import { ORIGIN_ANNOTATION, type PodIdentity } from './names.ts'
import type { RemotePodState } from './pods-protocol.ts'

/** @returns whether the pod runs here for a buyer */
export function isForBuyer(pod: Pod): boolean {
  return pod.metadata.annotations?.[ORIGIN_ANNOTATION] !== undefined
}

/** @param pod one that runs here for a buyer */
export function stateOf(pod: Pod): RemotePodState {
  const { namespace, name, uid } = JSON.parse(pod.metadata.annotations![ORIGIN_ANNOTATION]!) as PodIdentity
  return {
    namespace,
    name,
    uid,
    ...(pod.metadata.deletionTimestamp !== undefined && { terminating: true }),
    ...(pod.status !== undefined && { status: pod.status as PodStatus }),
  }
}
