/**
 * The Cluster port: what components may know of the cluster that this node speaks for.
 *
 * For the orchestrator, the Local Resource Manager, the Network Manager, telemetry, the control API and the
 * status of the node. Whether the cluster is this machine or many, how a workload is bound to one of its
 * nodes, and where its pods answer is the implementation's. What is read here comes from local copies and
 * may lag behind a little.
 */
import type { NodeId } from '../objects/ids.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { PodSpec } from '../objects/core/pod-spec.ts'
import type { Amounts } from '../quantity/amounts.ts'
import type { Reach } from './reach.ts'
import type { Pending } from './fabric.ts'
import type { Taint } from './taints.ts'

export { ClusterError, type ClusterErrorCode } from './cluster-error.ts'

/** What a node stands for: a machine of our own, or what was bought under a contract. */
export type NodeOrigin =
  | { readonly type: 'own' }
  | { readonly type: 'bought'; readonly contractID: string; readonly provider: NodeId | undefined }

export interface ClusterNode {
  readonly name: string
  readonly origin: NodeOrigin
  /** Takes new workloads: ready, and neither cordoned nor on its way out. */
  readonly usable: boolean
  readonly labels: Readonly<Record<string, string>>
  /** Those that a workload has to tolerate by itself; what `pin` makes it tolerate is not among them. */
  readonly taints: readonly Taint[]
  readonly capacity: Amounts
  readonly allocatable: Amounts
  /** Allocatable, without what the pods on it request. */
  readonly free: Amounts
}

/** A pod, as its owner calls it. */
export interface PodRef {
  /** The contract under which it runs here for its buyer; absent for a pod of our own. */
  readonly contractID?: string
  readonly namespace: string
  readonly name: string
}

/** Where a port that a pod declares can be connected to from this process. */
export type PodEndpoint = Reach & {
  /** As the pod declares it. */
  readonly containerPort: number
}

export interface LogOptions {
  /** The pod's first container unless given. */
  readonly container?: string
  /** Whether to wait for more at the end. */
  readonly follow?: boolean
  /** Only the last lines. */
  readonly tailLines?: number
  /** Ends it. */
  readonly signal?: AbortSignal
}

export interface ExecOptions {
  readonly command: readonly string[]
  /** The pod's first container unless given. */
  readonly container?: string
  readonly signal: AbortSignal
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What a workload's pod template has to be patched with; a merge patch of its `spec`. */
export type PodSpecPatch = Pick<PodSpec, 'nodeSelector' | 'tolerations'>

export interface Cluster {
  /** How limits are kept, for people; known after the start. */
  readonly enforcement: string
  /** What keeps programs from each other and from the machines, for people; known after the start. */
  readonly isolation: string
  /** Kubernetes' names of the processor architectures of our own nodes; known before the start. */
  readonly architectures: readonly string[]

  /** @returns all nodes, our own first */
  nodes(): readonly ClusterNode[]
  hasNode(nodeName: string): boolean
  /** @returns the contract that a virtual node stands for; undefined for our own and for unknown nodes */
  contractOf(nodeName: string): string | undefined
  /**
   * @returns why a workload cannot run on the node whatever room there is: what its selector or its tolerations
   *   say against it, for people; undefined when nothing does. What an earlier `pin` wrote does not count
   */
  obstacle(spec: PodSpec, node: ClusterNode): string | undefined
  /** @returns what binds a workload to the node; undefined when it is bound to it already */
  pin(spec: PodSpec, nodeName: string): PodSpecPatch | undefined
  /** Makes a namespace fit for pods on the node. To be repeated until it is. */
  prepareNamespace(namespace: string, nodeName: string): Promise<{ readonly status: 'Ready' } | Pending>

  /** @returns where the ports that a pod declares are reached; none while it does not run in this cluster */
  endpoints(pod: PodRef): readonly PodEndpoint[]
  /** @returns how many pods run under a contract: a buyer's here, or our own at a provider */
  runningUnder(contractID: string): number
  /**
   * @returns what a container wrote, wherever its pod runs
   * @throws ClusterError, at once or while iterating
   */
  logs(key: ObjectKey, options?: LogOptions): AsyncIterable<string>
  /**
   * Runs a command in a container.
   * @throws ClusterError `unsupported` where that cannot be done
   */
  exec(key: ObjectKey, options: ExecOptions): Promise<ExecResult>
}
