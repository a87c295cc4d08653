/**
 * The status of a pod that runs here, as Kubernetes would show it. Pure.
 */
import { rfc3339 } from '../../kernel/system.ts'
import type { ContainerStatus, Pod, PodPhase, PodStatus } from '../../objects/core/pod.ts'
import { type Condition, setCondition } from '../../objects/meta.ts'
import { qosClass } from '../pod-resources.ts'

export interface PodFacts {
  readonly podIP: string
  readonly hostIP: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** In the order of the spec. */
  readonly containers: readonly ContainerStatus[]
  /** Whether each of them has ended for good. */
  readonly finished: boolean
}

/** @returns the whole status; equal facts give an equal status, but for times of what changed */
export function podStatus(pod: Pod, before: PodStatus | undefined, facts: PodFacts): PodStatus {
  const { podIP, hostIP, now, containers, finished } = facts
  const phase = phaseOf(containers, finished)
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name)
  const done = phase === 'Succeeded' || phase === 'Failed'
  const readiness: Omit<Condition, 'type'> =
    unready.length === 0
      ? { status: 'True' }
      : done
        ? { status: 'False', reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
        : {
            status: 'False',
            reason: 'ContainersNotReady',
            message: `containers with unready status: [${unready.join(' ')}]`,
          }
  const conditions = [
    { type: 'PodReadyToStartContainers', status: done ? ('False' as const) : ('True' as const) },
    { type: 'Initialized', status: 'True' as const },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' as const },
  ].reduce<readonly Condition[]>(
    (all, condition) => setCondition(all, condition, rfc3339(now)),
    before?.conditions ?? [],
  )
  return {
    observedGeneration: pod.metadata.generation,
    phase,
    conditions: [...conditions],
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: before?.startTime ?? rfc3339(now),
    containerStatuses: [...containers],
    qosClass: qosClass(pod.spec),
  }
}

function phaseOf(containers: readonly ContainerStatus[], finished: boolean): PodPhase {
  if (finished)
    return containers.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed'
  // A container that never ran keeps the pod pending.
  const never = containers.some(
    ({ state, lastState }) => state?.waiting !== undefined && !lastState?.terminated,
  )
  return never ? 'Pending' : 'Running'
}

/** @returns the status of a pod whose node has not been heard of for a while */
export function lostPodStatus(status: PodStatus | undefined, message: string, now: number): PodStatus {
  const conditions = ['Ready', 'ContainersReady'].reduce<readonly Condition[]>(
    (all, type) =>
      setCondition(all, { type, status: 'False', reason: 'NodeNotReady', message }, rfc3339(now)),
    status?.conditions ?? [],
  )
  return { ...status, conditions: [...conditions] }
}

/** @returns the status of a pod that its node refuses to run */
export function refusedPodStatus(pod: Pod, reason: string, message: string, now: number): PodStatus {
  return {
    ...podStatus(pod, pod.status, {
      podIP: '',
      hostIP: '',
      now,
      finished: false,
      containers: pod.spec.containers.map(({ name, image }) => ({
        name,
        state: { waiting: { reason, message } },
        lastState: {},
        ready: false,
        started: false,
        restartCount: 0,
        image: image ?? '',
        imageID: '',
      })),
    }),
    ...NO_ADDRESS,
  }
}

const NO_ADDRESS = { hostIP: '', hostIPs: [], podIP: '', podIPs: [] }
