/** The embedded cluster as the Cluster port shows it: this machine, and the virtual nodes. */
import type { Informer, Informers } from '../../kernel/informer.ts'
import { type Node, NodeKind } from '../../objects/core/node.ts'
import { type Pod, PodKind } from '../../objects/core/pod.ts'
import type { PodSpec } from '../../objects/core/pod-spec.ts'
import type { NodeId } from '../../objects/ids.ts'
import { keyString, type ObjectKey } from '../../objects/meta.ts'
import {
  type Cluster,
  ClusterError,
  type ClusterNode,
  type ExecResult,
  type LogOptions,
  type NodeOrigin,
  type PodEndpoint,
  type PodRef,
  type PodSpecPatch,
} from '../cluster.ts'
import { commandless } from '../pod-images.ts'
import { taintsOf, taintText, tolerationsOf, untolerated } from '../taints.ts'
import { freeOn } from './free-on.ts'
import type { Kubelet } from './kubelet.ts'
import { KUBERNETES_ARCH, LOCAL_NODE_LABEL } from './local-node.ts'
import { contractNamespace, HOSTNAME_LABEL, IMAGES_LABEL, PROVIDER_ANNOTATION } from './names.ts'
import { isForBuyer } from './remote-pod-state.ts'
import type { RemotePods } from './remote-pods.ts'
import type { Runner } from './runner.ts'
import { closedTo, hasLabels } from './scheduling.ts'
import { contractIdOf, isVirtual } from './virtual-node-object.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

export interface EmbeddedClusterOptions {
  readonly informers: Informers
  readonly nodeName: string
  readonly runner: Runner
  readonly kubelet: Kubelet
  readonly virtualKubelet: VirtualKubelet
  readonly remotePods: RemotePods
}

const NODE_INDEX = 'node'

export class EmbeddedCluster implements Cluster {
  readonly architectures = [KUBERNETES_ARCH]
  readonly #options: EmbeddedClusterOptions
  readonly #nodes: Informer<Node>
  readonly #pods: Informer<Pod>

  constructor(options: EmbeddedClusterOptions) {
    this.#options = options
    this.#nodes = options.informers.of(NodeKind)
    this.#pods = options.informers.of(PodKind)
    this.#pods.addIndex(NODE_INDEX, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]))
  }

  get enforcement(): string {
    return this.#options.runner.enforcement
  }

  get isolation(): string {
    return this.#options.runner.isolation
  }

  nodes(): readonly ClusterNode[] {
    const all = this.#nodes.list().flatMap((node) => {
      const origin = originOf(node)
      return origin === undefined ? [] : [this.#describe(node, origin)]
    })
    return [
      ...all.filter(({ origin }) => origin.type === 'own'),
      ...all.filter(({ origin }) => origin.type === 'bought'),
    ]
  }

  hasNode(nodeName: string): boolean {
    return this.#nodes.get({ name: nodeName }) !== undefined
  }

  contractOf(nodeName: string): string | undefined {
    const node = this.#nodes.get({ name: nodeName })
    return isVirtual(node) ? contractIdOf(node) : undefined
  }

  obstacle(spec: PodSpec, node: ClusterNode): string | undefined {
    const { [HOSTNAME_LABEL]: _, ...selector } = spec.nodeSelector ?? {}
    if (!hasLabels(node.labels, selector)) {
      const wanted = Object.entries(selector).map(([label, value]) => `${label}=${value}`)
      return `${node.name} does not match the nodeSelector ${wanted.join(',')}`
    }
    const nameless = commandless(spec)
    if (nameless !== undefined && node.labels[IMAGES_LABEL] === 'false')
      return `${node.name} runs commands, not images, and the container "${nameless}" has no command`
    const taint = untolerated(node.taints, tolerationsOf(spec))
    return taint && `${node.name} has the taint ${taintText(taint)}, which is not tolerated`
  }

  pin({ nodeSelector }: PodSpec, nodeName: string): PodSpecPatch | undefined {
    if (nodeSelector?.[HOSTNAME_LABEL] === nodeName) return undefined
    return { nodeSelector: { ...nodeSelector, [HOSTNAME_LABEL]: nodeName } }
  }

  /** Pods may be in any namespace here, and virtual nodes take them from everywhere. */
  async prepareNamespace(): Promise<{ readonly status: 'Ready' }> {
    return { status: 'Ready' }
  }

  endpoints({ contractID, namespace, name }: PodRef): readonly PodEndpoint[] {
    const { remotePods, nodeName, kubelet } = this.#options
    const pod =
      contractID === undefined
        ? this.#pods.get({ namespace, name })
        : remotePods.find(contractID, namespace, name)
    if (pod?.spec.nodeName !== nodeName || pod.status?.phase !== 'Running') return []
    // Only these: else a buyer could reach whatever listens on this machine.
    return pod.spec.containers
      .flatMap(({ ports }) => ports ?? [])
      .flatMap(({ containerPort }) => {
        const reach = kubelet.reach(pod, containerPort)
        return reach === undefined ? [] : [{ containerPort, ...reach }]
      })
  }

  runningUnder(contractID: string): number {
    const virtual = this.#nodes
      .list()
      .filter((node) => isVirtual(node) && contractIdOf(node) === contractID)
      .flatMap(({ metadata }) => this.#boundTo(metadata.name))
    const namespace = contractNamespace(contractID)
    const buyers = this.#boundTo(this.#options.nodeName).filter(
      (pod) => isForBuyer(pod) && pod.metadata.namespace === namespace,
    )
    return [...virtual, ...buyers].filter(({ status }) => status?.phase === 'Running').length
  }

  logs(key: ObjectKey, options: LogOptions = {}): AsyncIterable<string> {
    const { virtualKubelet, kubelet } = this.#options
    const pod = this.#pods.get(key)
    if (pod === undefined) throw new ClusterError('pod-not-found', `there is no pod ${keyString(key)}`)
    if (pod.spec.nodeName === undefined) {
      throw new ClusterError('not-started', `pod ${keyString(key)} has not been placed on a node yet`)
    }
    return virtualKubelet.has(pod) ? virtualKubelet.logs(pod, options) : kubelet.logs(key, options)
  }

  async exec(key: ObjectKey): Promise<ExecResult> {
    throw new ClusterError(
      'unsupported',
      `no command can be run in pod ${keyString(key)}: the embedded cluster runs only what pods are made of`,
    )
  }

  #boundTo(nodeName: string): readonly Pod[] {
    return this.#pods.byIndex(NODE_INDEX, nodeName)
  }

  #describe(node: Node, origin: NodeOrigin): ClusterNode {
    const { name, labels = {} } = node.metadata
    const { capacity = {}, allocatable = {} } = node.status ?? {}
    return {
      name,
      origin,
      usable: closedTo(node) === undefined,
      labels,
      taints: taintsOf(node.spec?.taints),
      capacity,
      allocatable,
      free: freeOn(allocatable, this.#boundTo(name)),
    }
  }
}

/** @returns undefined for nodes that somebody else made: nothing runs there */
function originOf(node: Node): NodeOrigin | undefined {
  const { labels, annotations } = node.metadata
  if (labels?.[LOCAL_NODE_LABEL] !== undefined) return { type: 'own' }
  const contractID = isVirtual(node) ? contractIdOf(node) : undefined
  if (contractID === undefined) return undefined
  return { type: 'bought', contractID, provider: annotations?.[PROVIDER_ANNOTATION] as NodeId | undefined }
}
