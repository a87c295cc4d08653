/**
 * The Node object of this machine.
 */
import { arch, release, type as osType } from 'node:os'
import { ensure, mutate, mutateStatus, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { setCondition } from '../../objects/meta.ts'
import type { Amounts } from '../../quantity/amounts.ts'
import { HOSTNAME_LABEL } from './names.ts'
import { HOST_IP } from './pod-instance.ts'

export interface LocalNodeOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly nodeName: string
  /** What programs may use of this machine, in all. */
  readonly capacity: Amounts
  /** Further labels, for example of the place. */
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  /** How limits are kept. */
  readonly enforcement: string
}

const LOCAL_NODE_LABEL = 'tributary.io/local-node'
/** As many pods as Kubernetes lets a node run. */
const DEFAULT_PODS = '110'

/** Kubernetes' names for what Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }
export const KUBERNETES_ARCH = ARCHITECTURES[arch()] ?? arch()
export const KUBERNETES_OS = osType() === 'Windows_NT' ? 'windows' : osType().toLowerCase()

/** Makes the object say what is so; one of an earlier name of this node goes. */
export async function ensureLocalNode(options: LocalNodeOptions): Promise<Node> {
  const { store, system, nodeName, version, enforcement } = options
  const labels = {
    'kubernetes.io/arch': KUBERNETES_ARCH,
    'kubernetes.io/os': KUBERNETES_OS,
    ...options.labels,
    [HOSTNAME_LABEL]: nodeName,
    [LOCAL_NODE_LABEL]: 'true',
  }
  for (const { metadata } of (await store.list(NodeKind)).items) {
    if (metadata.labels?.[LOCAL_NODE_LABEL] && metadata.name !== nodeName)
      await remove(store, NodeKind, metadata)
  }
  const node = await ensure(store, NodeKind, { metadata: { name: nodeName, labels }, spec: {} })
  await mutate(store, NodeKind, { name: nodeName }, (stored) => ({
    ...stored,
    metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels } },
  }))
  const capacity = { pods: DEFAULT_PODS, ...options.capacity }
  const now = rfc3339(system.clock.now())
  return (
    (await mutateStatus(store, NodeKind, { name: nodeName }, ({ status }) => ({
      ...status,
      capacity: { ...capacity },
      allocatable: { ...capacity },
      conditions: [
        ...setCondition(
          status?.conditions,
          { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'this machine runs programs' },
          now,
        ),
      ],
      addresses: [
        { type: 'InternalIP', address: HOST_IP },
        { type: 'Hostname', address: nodeName },
      ],
      nodeInfo: {
        architecture: KUBERNETES_ARCH,
        operatingSystem: KUBERNETES_OS,
        osImage: osType(),
        kernelVersion: release(),
        kubeletVersion: version,
        containerRuntimeVersion: `tributary://${enforcement.split(' ')[0]}`,
      },
    }))) ?? node
  )
}
