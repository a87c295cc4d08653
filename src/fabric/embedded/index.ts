/**
 * The embedded fabric: a cluster without Kubernetes. This machine is one node of it, and each bought
 * slice another whose pods run on the provider's machine.
 */
import type { Channel } from '../../kernel/channel.ts'
import { type Component, startAll, stopAll } from '../../kernel/component.ts'
import type { Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import { ensure, type ObjectStore } from '../../kernel/object-store.ts'
import type { System } from '../../kernel/system.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { PodKind } from '../../objects/core/pod.ts'
import type { ContractId } from '../../objects/ids.ts'
import { DEFAULT_NAMESPACE, keyString, type ObjectKey } from '../../objects/meta.ts'
import { shortages } from '../../quantity/amounts.ts'
import type { Route } from '../../rear/route.ts'
import type { Amounts, Fabric, ResourceOffer, SoldSlice } from '../fabric.ts'
import { createDeploymentController } from './deployment-controller.ts'
import { EventRecorder } from './event-recorder.ts'
import { type ContainerLogOptions, Kubelet } from './kubelet.ts'
import { ensureLocalNode, KUBERNETES_ARCH, KUBERNETES_OS } from './local-node.ts'
import { createNamespaceMarker } from './namespace-marker.ts'
import { createOrphanCollector } from './orphan-collector.ts'
import { PodLogError } from './pod-log-error.ts'
import { createProcessRunner } from './process-runner.ts'
import { type IncomingPodStream, RemotePods } from './remote-pods.ts'
import type { Runner } from './runner.ts'
import { createScheduler } from './scheduler.ts'
import { VirtualKubelet } from './virtual-kubelet.ts'

export { PodLogError, type PodLogErrorCode } from './pod-log-error.ts'
export { createProcessRunner } from './process-runner.ts'
export type { ContainerLogOptions } from './kubelet.ts'
export type { IncomingPodStream } from './remote-pods.ts'
export * from './runner.ts'

export interface EmbeddedFabricOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  /** Name of the local node. */
  readonly nodeName: string
  /** A directory of the fabric's own; made if it is not there. */
  readonly directory: string
  /** What our own programs may use of this machine: `cpu`, `memory`, and `pods` if not 110. */
  readonly capacity: Amounts
  /** What is sold of this machine, besides that. */
  readonly forSale?: Amounts
  /** Further labels of the local node, for example of the place; they go to virtual nodes of buyers, too. */
  readonly labels?: Readonly<Record<string, string>>
  /** Whether programs of others may run here; the operator has to say so. */
  readonly allowWorkloads: boolean
  /** Real processes unless given. */
  readonly runner?: Runner
  /** Paths that programs must not see, even where they can only run as our own user: our data and keys. */
  readonly hidden?: readonly string[]
  readonly contracts: {
    /** @returns what runs under the contract now; undefined when it is unknown, ended, or not ours to provide */
    sold(contractID: ContractId): SoldSlice | undefined
  }
  /** @returns the way to the other end of a contract; undefined while there is none */
  readonly channels: (contractID: ContractId) => Channel | undefined
  /** Of this program. */
  readonly version: string
}

export interface EmbeddedFabric extends Fabric {
  /** How limits are kept on this machine; known after the start. */
  readonly enforcement: string
  /** What keeps programs from each other and from this machine, for people; known after the start. */
  readonly isolation: string
  /** To be served to peers. */
  readonly routes: readonly Route[]
  /**
   * To be called for each stream that a peer opens.
   * @returns false when the path is none of ours
   * @throws StreamRefused when the peer may not
   */
  onStream(stream: IncomingPodStream): boolean
  /**
   * @returns what a container wrote, wherever its pod runs
   * @throws PodLogError, at once or while iterating
   */
  podLogs(key: ObjectKey, options?: ContainerLogOptions): AsyncIterable<string>
  /**
   * Where a port of a pod on this machine is reached.
   * @param contractID under which it runs; undefined for a pod of our own
   * @param namespace and `name`: as the buyer calls the pod
   * @returns undefined unless the pod runs here and declares the port
   */
  podEndpoint(
    contractID: ContractId | undefined,
    namespace: string,
    name: string,
    port: number,
  ): { readonly host: string; readonly port: number } | undefined
}

/** @returns a fabric that has not been started; its informers may be started before or with it */
export function createEmbeddedFabric(options: EmbeddedFabricOptions): EmbeddedFabric {
  const {
    store,
    informers,
    system,
    nodeName,
    directory,
    capacity,
    forSale = {},
    labels = {},
    allowWorkloads,
  } = options
  const { contracts, channels, version } = options
  const log = options.log.child({ fabric: 'embedded' })
  const runner =
    options.runner ?? createProcessRunner({ directory, system, log, hidden: options.hidden ?? [] })
  const events = new EventRecorder({ store, system, log, nodeName })
  const common = { store, informers, system, log, events }
  const pods = informers.of(PodKind)
  const kubelet = new Kubelet({ ...common, runner, nodeName, directory })
  const remotePods = new RemotePods({ ...common, kubelet, runner, nodeName, allowWorkloads, contracts })
  const virtualKubelet = new VirtualKubelet({ ...common, channels, version })

  const localNode: Component = {
    async start() {
      await ensure(store, NamespaceKind, { metadata: { name: DEFAULT_NAMESPACE } })
      const { enforcement } = runner
      await ensureLocalNode({ store, system, nodeName, capacity, labels, version, enforcement })
      if (allowWorkloads) {
        log.warn(
          { enforcement, isolation: runner.isolation },
          'PROGRAMS OF OTHERS MAY RUN ON THIS MACHINE as ordinary processes: sell only to whom you trust',
        )
      }
    },
    stop: () => Promise.resolve(),
  }
  const parts: readonly Component[] = [
    events,
    runner,
    localNode,
    remotePods,
    kubelet,
    virtualKubelet,
    createNamespaceMarker(common),
    createDeploymentController(common),
    createScheduler({ ...common, nodeName }),
    createOrphanCollector(common),
  ]
  let running: Promise<void> | undefined

  return {
    name: 'embedded',
    routes: remotePods.routes,
    get enforcement() {
      return runner.enforcement
    },
    get isolation() {
      return runner.isolation
    },

    start() {
      running ??= startAll(parts)
      return running
    },

    async stop() {
      if (running === undefined) return
      await running.catch(() => {})
      running = undefined
      await stopAll(parts)
    },

    async offer(slice): Promise<ResourceOffer> {
      const { contractID } = slice
      if (!allowWorkloads) {
        const message = 'this node does not run programs of others: its operator has not allowed it'
        return { status: 'Denied', contractID, reason: 'WorkloadsNotAllowed', message }
      }
      const lacking = shortages(slice.amounts, { pods: '110', ...forSale }).filter(
        ({ resource }) => resource in forSale,
      )
      if (lacking.length > 0) {
        const numbers = lacking.map((one) => `${one.resource}: ${one.wanted} of ${one.available}`).join(', ')
        const message = `this machine is smaller than what was sold (${numbers})`
        return { status: 'Denied', contractID, reason: 'InsufficientCapacity', message }
      }
      await remotePods.prepare(slice)
      return {
        status: 'Accepted',
        contractID,
        resources: slice.amounts,
        nodeLabels: { 'kubernetes.io/arch': KUBERNETES_ARCH, 'kubernetes.io/os': KUBERNETES_OS, ...labels },
        enforcement: runner.enforcement,
      }
    },

    withdraw: (contractID) => remotePods.withdraw(contractID),
    attach: (slice) => virtualKubelet.attach(slice),
    detach: (name) => virtualKubelet.detach(name),
    status: (name) => virtualKubelet.status(name),
    onStream: (stream) => remotePods.onStream(stream),
    podEndpoint: (contractID, namespace, name, port) =>
      remotePods.endpoint(contractID, namespace, name, port),

    podLogs(key, logOptions = {}) {
      const pod = pods.get(key)
      if (pod === undefined) throw new PodLogError('pod-not-found', `there is no pod ${keyString(key)}`)
      if (pod.spec.nodeName === undefined) {
        throw new PodLogError('not-started', `pod ${keyString(key)} has not been placed on a node yet`)
      }
      return virtualKubelet.has(pod) ? virtualKubelet.logs(pod, logOptions) : kubelet.logs(key, logOptions)
    },
  }
}
