/**
 * Pod: Kubernetes' core kind, as far as the embedded cluster implements it.
 *
 * Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import Type, { type Static } from 'typebox'
import type { KindDefinition } from '../kind.ts'
import { ConditionSchema, type KubeObject, type ObjectMetadata } from '../meta.ts'
import { objectSchema, oneOf, open } from '../schema.ts'
import { touchesNames } from '../writable.ts'
import { PodSpecSchema } from './pod-spec.ts'
import { unsupportedFields } from './unsupported-fields.ts'

const opt = Type.Optional

export const POD_PHASES = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const
export type PodPhase = (typeof POD_PHASES)[number]

export const ContainerStateSchema = open({
  waiting: opt(open({ reason: opt(Type.String()), message: opt(Type.String()) })),
  running: opt(open({ startedAt: opt(Type.String()) })),
  terminated: opt(
    open({
      exitCode: Type.Integer(),
      signal: opt(Type.Integer()),
      reason: opt(Type.String()),
      message: opt(Type.String()),
      startedAt: opt(Type.String()),
      finishedAt: opt(Type.String()),
    }),
  ),
})
export type ContainerState = Static<typeof ContainerStateSchema>

export const ContainerStatusSchema = open({
  name: Type.String(),
  state: opt(ContainerStateSchema),
  lastState: opt(ContainerStateSchema),
  ready: Type.Boolean(),
  started: opt(Type.Boolean()),
  restartCount: Type.Integer(),
  image: Type.String(),
  imageID: Type.String(),
  containerID: opt(Type.String()),
})
export type ContainerStatus = Static<typeof ContainerStatusSchema>

export const PodStatusSchema = open({
  observedGeneration: opt(Type.Integer()),
  phase: opt(oneOf(POD_PHASES)),
  conditions: opt(Type.Array(ConditionSchema)),
  message: opt(Type.String()),
  reason: opt(Type.String()),
  hostIP: opt(Type.String()),
  hostIPs: opt(Type.Array(open({ ip: Type.String() }))),
  podIP: opt(Type.String()),
  podIPs: opt(Type.Array(open({ ip: Type.String() }))),
  startTime: opt(Type.String()),
  containerStatuses: opt(Type.Array(ContainerStatusSchema)),
  qosClass: opt(Type.String()),
})
export type PodStatus = Static<typeof PodStatusSchema>

export interface Pod extends KubeObject {
  readonly metadata: ObjectMetadata
  readonly spec: Static<typeof PodSpecSchema>
  readonly status?: PodStatus
}

/** @returns whether the pod will never run (again): its containers have ended and stay so. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** @returns whether the pod's condition `Ready` is `True`. */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

/** @returns the word that `kubectl get pods` shows as STATUS. */
export function podStatusWord(pod: Pod): string {
  let word: string = pod.status?.reason ?? pod.status?.phase ?? 'Pending'
  for (const { state } of pod.status?.containerStatuses ?? []) {
    if (state?.waiting?.reason) word = state.waiting.reason
    else if (state?.terminated) {
      const { reason, signal, exitCode } = state.terminated
      word = reason ?? (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`)
    }
  }
  const running = pod.status?.containerStatuses?.some(({ state }) => state?.running !== undefined)
  if (word === 'Completed' && running === true) word = isReady(pod) ? 'Running' : 'NotReady'
  return pod.metadata.deletionTimestamp === undefined ? word : 'Terminating'
}

/** What the node says of the pods of a contract. */
const OF_A_CONTRACT = [
  'tributary.io/contract',
  'tributary.io/contract-id',
  'tributary.io/contract-amounts',
  'tributary.io/origin',
]
const HOSTNAME_LABEL = 'kubernetes.io/hostname'
const FIXED = 'Forbidden: the spec of a pod stays as it is; delete the pod and make another one'

const description = 'A pod: containers that run together on one node.'

export const PodKind: KindDefinition<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  schema: objectSchema({ apiVersion: 'v1', kind: 'Pod' }, PodSpecSchema, PodStatusSchema, description),
  statusSubresource: true,
  writable: {
    by: 'user',
    reserved: [
      {
        what: 'the node that a pod runs on (spec.nodeName)',
        instead: `choose one with a nodeSelector, for example ${HOSTNAME_LABEL}`,
        touches: ({ before, after }) => after !== undefined && after.spec.nodeName !== before?.spec.nodeName,
      },
      {
        what: 'that a pod is run for another node, and as what',
        touches: (change) => change.after !== undefined && touchesNames(change, OF_A_CONTRACT),
      },
    ],
  },
  complaints: ({ spec }, before) => {
    if (before === undefined) return unsupportedFields(spec, 'spec')
    if (isDeepStrictEqual(spec, before.spec)) return []
    return [{ field: 'spec', message: FIXED, reason: 'FieldValueForbidden' }]
  },
  retention: { mode: 'kept', why: 'what the user wants; those of a Deployment go with it' },
  selectableFields: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  columns: [
    {
      name: 'Ready',
      path: 'status.containerStatuses',
      render: (object) => {
        const { spec, status } = object as Pod
        const ready = status?.containerStatuses?.filter((container) => container.ready).length ?? 0
        return `${ready}/${spec.containers.length}`
      },
    },
    { name: 'Status', path: 'status.phase', render: (object) => podStatusWord(object as Pod) },
    {
      name: 'Restarts',
      path: 'status.containerStatuses',
      render: (object) => {
        const restarts =
          (object as Pod).status?.containerStatuses?.map(({ restartCount }) => restartCount) ?? []
        return String(restarts.reduce((sum, count) => sum + count, 0))
      },
    },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
    { name: 'IP', path: 'status.podIP', wide: true },
    { name: 'Node', path: 'spec.nodeName', wide: true },
  ],
  description,
}
