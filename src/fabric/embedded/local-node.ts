/**
 * This machine as a node of the cluster: its Node object, and the namespace that is there from the beginning.
 */
import { arch, release, type as osType } from 'node:os'
import type { Component } from '../../kernel/component.ts'
import type { Log } from '../../kernel/log.ts'
import { ensure, mutate, mutateStatus, type ObjectStore, remove } from '../../kernel/object-store.ts'
import { rfc3339, type System } from '../../kernel/system.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import type { GuestTerms } from '../../objects/guests.ts'
import { type Condition, DEFAULT_NAMESPACE, setCondition } from '../../objects/meta.ts'
import type { Amounts } from '../../quantity/amounts.ts'
import { HOSTNAME_LABEL, IMAGES_LABEL } from './names.ts'
import { HOST_IP } from './pod-instance.ts'
import type { Runner } from './runner.ts'

export interface LocalNodeOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly nodeName: string
  /** What programs may use of this machine, in all. */
  readonly capacity: Amounts
  /** Further labels, for example of the place. */
  readonly labels?: Readonly<Record<string, string>>
  readonly version: string
  /** Whether programs of others may run here. */
  readonly allowWorkloads: boolean
  /** Started before. */
  readonly runner: Runner
  /** @returns what buyers get here; asked after the runner has started */
  readonly terms: () => GuestTerms
  /** Whether our own pods run their images; asked after the runner has started. */
  readonly runsImages: () => boolean
}

const READY = {
  type: 'Ready',
  status: 'True',
  reason: 'KubeletReady',
  message: 'this machine runs programs',
} as const

/** Label of the node that is this machine. */
export const LOCAL_NODE_LABEL = 'tributary.io/local-node'
/** As many pods as Kubernetes lets a node run. */
const DEFAULT_PODS = '110'

/** Kubernetes' names for what Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }
export const KUBERNETES_ARCH = ARCHITECTURES[arch()] ?? arch()
export const KUBERNETES_OS = osType() === 'Windows_NT' ? 'windows' : osType().toLowerCase()

/** Its start makes the object say what is so. */
export class LocalNode implements Component {
  readonly #options: LocalNodeOptions

  constructor(options: LocalNodeOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { store, allowWorkloads, runner, terms, log } = this.#options
    await ensure(store, NamespaceKind, { metadata: { name: DEFAULT_NAMESPACE } })
    await this.#ensureNode()
    // That they are refused has been said by who refuses them.
    if (!allowWorkloads || terms().status === 'Refused') return
    const { enforcement, isolation } = runner
    log.warn({ enforcement, isolation }, 'PROGRAMS OF OTHERS MAY RUN ON THIS MACHINE')
  }

  async stop(): Promise<void> {}

  /** One of an earlier name of this node goes. */
  async #ensureNode(): Promise<void> {
    const { store, nodeName, system } = this.#options
    const labels = {
      'kubernetes.io/arch': KUBERNETES_ARCH,
      'kubernetes.io/os': KUBERNETES_OS,
      ...this.#options.labels,
      [HOSTNAME_LABEL]: nodeName,
      [IMAGES_LABEL]: String(this.#options.runsImages()),
      [LOCAL_NODE_LABEL]: 'true',
    }
    for (const { metadata } of (await store.list(NodeKind)).items) {
      if (metadata.labels?.[LOCAL_NODE_LABEL] && metadata.name !== nodeName)
        await remove(store, NodeKind, metadata)
    }
    await ensure(store, NodeKind, { metadata: { name: nodeName, labels }, spec: {} })
    await mutate(store, NodeKind, { name: nodeName }, (stored) => ({
      ...stored,
      metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels } },
    }))
    const now = rfc3339(system.clock.now())
    await mutateStatus(store, NodeKind, { name: nodeName }, ({ status }) => this.#status(status, now))
  }

  /** Whether programs of others run here, and what keeps them off this machine. */
  #guests(): Omit<Condition, 'lastTransitionTime'> {
    const { allowWorkloads, terms } = this.#options
    const type = 'GuestsIsolated'
    if (!allowWorkloads) {
      const message = 'programs of others are not run: allowWorkloads is off'
      return { type, status: 'Unknown', reason: 'WorkloadsNotAllowed', message }
    }
    const inForce = terms()
    if (inForce.status === 'Refused')
      return { type, status: 'Unknown', reason: 'NotIsolated', message: inForce.message }
    const { runner, limits, egress } = inForce
    const message = `programs of others run with the runner ${runner} (${limits}; egress: ${egress})`
    return runner === 'process'
      ? { type, status: 'False', reason: 'Unisolated', message }
      : { type, status: 'True', reason: 'Isolated', message }
  }

  #status(before: Node['status'], now: string): Node['status'] {
    const { nodeName, version, runner } = this.#options
    const capacity = { pods: DEFAULT_PODS, ...this.#options.capacity }
    const nodeInfo = {
      architecture: KUBERNETES_ARCH,
      operatingSystem: KUBERNETES_OS,
      osImage: osType(),
      kernelVersion: release(),
      kubeletVersion: version,
      containerRuntimeVersion: `tributary://${runner.enforcement.split(' ')[0]}`,
    }
    return {
      ...before,
      capacity: { ...capacity },
      allocatable: { ...capacity },
      conditions: [...setCondition(setCondition(before?.conditions, READY, now), this.#guests(), now)],
      addresses: [
        { type: 'InternalIP', address: HOST_IP },
        { type: 'Hostname', address: nodeName },
      ],
      nodeInfo,
    }
  }
}
