/**
 * What passes between the buyer of a slice and its provider about pods: paths and messages. Pure.
 *
 * The buyer PUTs and DELETEs pods, and asks in a long poll for the state of all of them. `revision` is
 * opaque: the poll is answered as soon as it differs from the one that the buyer has.
 */
import Type, { type Static } from 'typebox'
import type { PodStatus } from '../../objects/core/pod.ts'
import { anyObject, oneOf, open } from '../../objects/schema.ts'

/** How long a poll may be kept waiting, in milliseconds. */
export const LONGEST_WAIT_MS = 20_000

export const PODS_PATH = '/api/v2/contracts/{contractID}/pods'
export const POD_PATH = `${PODS_PATH}/{namespace}/{name}`

/** @returns the path of all pods under the contract */
export function podsPath(contractID: string): string {
  return `/api/v2/contracts/${encodeURIComponent(contractID)}/pods`
}

/** @returns the path of one pod, as the buyer names it */
export function podPath(contractID: string, namespace: string, name: string): string {
  return `${podsPath(contractID)}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
}

const LOG_PATH = /^\/api\/v2\/contracts\/([^/]+)\/pods\/([^/]+)\/([^/]+)\/log(?:\?(.*))?$/

export interface LogRequest {
  readonly contractID: string
  readonly namespace: string
  readonly name: string
  readonly container?: string
  readonly follow: boolean
  readonly tailLines?: number
}

/** @returns the path of the stream that carries a pod's log */
export function logPath({ contractID, namespace, name, container, follow, tailLines }: LogRequest): string {
  const query = new URLSearchParams({
    follow: String(follow),
    ...(tailLines !== undefined && { tail: String(tailLines) }),
    ...(container !== undefined && { container }),
  })
  return `${podPath(contractID, namespace, name)}/log?${query.toString()}`
}

/** The inverse of `logPath`. @returns undefined for any other path */
export function parseLogPath(path: string): LogRequest | undefined {
  const found = LOG_PATH.exec(path)
  if (found === null) return undefined
  const query = new URLSearchParams(found[4] ?? '')
  const tail = query.get('tail')
  const container = query.get('container')
  try {
    return {
      contractID: decodeURIComponent(found[1]!),
      namespace: decodeURIComponent(found[2]!),
      name: decodeURIComponent(found[3]!),
      follow: query.get('follow') === 'true',
      ...(tail !== null && /^\d{1,9}$/.test(tail) && { tailLines: Number(tail) }),
      ...(container !== null && { container }),
    }
  } catch {
    return undefined
  }
}

/** A ConfigMap or Secret that a pod refers to. It is for that pod alone, and goes with it. */
export const RemoteConfigSchema = open({
  kind: oneOf(['ConfigMap', 'Secret']),
  name: Type.String({ minLength: 1, maxLength: 253 }),
  data: Type.Record(Type.String(), Type.String(), { description: 'base64' }),
})
export type RemoteConfig = Static<typeof RemoteConfigSchema>

/** A pod as the buyer wants it to run. The spec is Kubernetes' and is checked by the handler. */
export const RemotePodSchema = open(
  {
    uid: Type.String({ minLength: 1, maxLength: 128, description: "The pod's uid in the buyer's cluster." }),
    nodeName: Type.String({ maxLength: 253, description: "The virtual node's name in the buyer's cluster." }),
    labels: Type.Optional(anyObject<Readonly<Record<string, string>>>()),
    annotations: Type.Optional(anyObject<Readonly<Record<string, string>>>()),
    spec: anyObject(),
    config: Type.Optional(
      Type.Array(RemoteConfigSchema, { maxItems: 100, description: 'What the pod refers to.' }),
    ),
  },
  { title: 'RemotePod', description: 'A pod that is to run under a contract.' },
)
export type RemotePod = Static<typeof RemotePodSchema>

export const RemotePodStateSchema = open({
  namespace: Type.String(),
  name: Type.String(),
  uid: Type.String(),
  terminating: Type.Optional(Type.Boolean()),
  status: Type.Optional(anyObject<PodStatus>()),
})
export type RemotePodState = Static<typeof RemotePodStateSchema>

export const RemotePodsSchema = open(
  { revision: Type.String(), pods: Type.Array(RemotePodStateSchema) },
  { title: 'RemotePods', description: 'All pods that there are under a contract.' },
)
export type RemotePods = Static<typeof RemotePodsSchema>

export const RemovedPodSchema = open(
  { gone: Type.Boolean({ description: 'False while the pod still ends.' }) },
  { title: 'RemovedPod' },
)
export type RemovedPod = Static<typeof RemovedPodSchema>
