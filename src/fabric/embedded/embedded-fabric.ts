/**
 * The embedded fabric: a cluster without Kubernetes. This machine is one node of it, and each bought
 * slice another whose pods run on the provider's machine. Puts the parts together; what they do is theirs.
 */
import { type Component, startAll, stopAll } from '../../kernel/component.ts'
import type { PodSpec } from '../../objects/core/pod-spec.ts'
import type { ObjectKey } from '../../objects/meta.ts'
import { shortages } from '../../quantity/amounts.ts'
import type { Route } from '../../rear/route.ts'
import type {
  Cluster,
  ClusterNode,
  ExecOptions,
  ExecResult,
  LogOptions,
  PodEndpoint,
  PodRef,
  PodSpecPatch,
} from '../cluster.ts'
import type {
  BoughtSlice,
  Fabric,
  FabricChange,
  FabricOptions,
  FabricStream,
  PreparedRequest,
  ResourceOffer,
  SoldSlice,
} from '../fabric.ts'
import { DEFAULT_GUESTS, type GuestSettings, type GuestTerms } from '../../objects/guests.ts'
import type { ProvidedState, VirtualNodeState } from '../states.ts'
import { ChosenRunner, termsOf } from './choose-runner.ts'
import { DeploymentController } from './deployment-controller.ts'
import { EmbeddedCluster } from './embedded-cluster.ts'
import { EventRecorder } from './event-recorder.ts'
import { Kubelet } from './kubelet.ts'
import { KUBERNETES_ARCH, KUBERNETES_OS, LocalNode } from './local-node.ts'
import { IMAGES_LABEL } from './names.ts'
import { NamespaceMarker } from './namespace-marker.ts'
import { OrphanCollector } from './orphan-collector.ts'
import { ContainerRunner } from './runners/container/container-runner.ts'
import { GroupBudgets } from './runners/group-budgets.ts'
import { ProcessRunner } from './runners/process/process-runner.ts'
import { RemotePods } from './remote-pods.ts'
import { SandboxRunner } from './runners/sandbox/sandbox-runner.ts'
import type { Runner } from './runner.ts'
import { Scheduler } from './scheduler.ts'
import { VirtualKubelet } from './virtual-kubelet.ts'

export interface EmbeddedFabricOptions extends FabricOptions {
  /** Real processes unless given. */
  readonly runner?: Runner
}

/** Its informers may be started before or with it. */
export class EmbeddedFabric implements Fabric, Cluster {
  readonly name = 'embedded'
  readonly #options: EmbeddedFabricOptions
  readonly #guests: GuestSettings
  readonly #runner: Runner
  /** Undefined where the runner is given. */
  readonly #chosen: ChosenRunner | undefined
  readonly #remotePods: RemotePods
  readonly #virtualKubelet: VirtualKubelet
  readonly #cluster: EmbeddedCluster
  readonly #parts: readonly Component[]
  readonly #listeners = new Set<(change: FabricChange) => void>()
  #running: Promise<void> | undefined

  constructor(options: EmbeddedFabricOptions) {
    const { store, informers, system, nodeName, directory, allowWorkloads, contracts } = options
    const { channels, version, hidden = [] } = options
    const log = options.log.child({ fabric: 'embedded' })
    const guests = options.guests ?? DEFAULT_GUESTS
    this.#guests = guests
    const budgets = new GroupBudgets({ diskBytes: guests.diskBytes })
    this.#chosen =
      options.runner === undefined
        ? new ChosenRunner({
            processes: new ProcessRunner({ directory, system, log, hidden }),
            containers: new ContainerRunner({
              ...{ directory, system, log, budgets },
              imageBytes: guests.imageBytes,
            }),
            sandboxes: new SandboxRunner({ directory, system, log, budgets }),
            guests,
            allowWorkloads,
            log,
          })
        : undefined
    const runner = options.runner ?? this.#chosen!
    const events = new EventRecorder({ store, system, log, nodeName })
    const common = { store, informers, system, log, events }
    const kubelet = new Kubelet({ ...common, runner, nodeName, directory, guests })
    this.#options = options
    this.#runner = runner
    const remotePods = new RemotePods({
      ...common,
      kubelet,
      runner,
      nodeName,
      terms: () => this.guests,
      allowWorkloads,
      contracts,
      changed: (contractID) => this.#changed({ type: 'provided', contractID }),
    })
    const virtualKubelet = new VirtualKubelet({
      ...common,
      channels,
      version,
      changed: (name) => this.#changed({ type: 'virtual-node', nodeName: name }),
    })
    this.#remotePods = remotePods
    this.#virtualKubelet = virtualKubelet
    this.#cluster = new EmbeddedCluster({
      informers,
      nodeName,
      runner,
      kubelet,
      virtualKubelet,
      remotePods,
    })
    this.#parts = [
      events,
      runner,
      new LocalNode({
        ...{ ...options, log, runner, terms: () => this.guests },
        runsImages: () => this.#chosen?.ownImages ?? runner.enforces.images,
      }),
      remotePods,
      kubelet,
      virtualKubelet,
      new NamespaceMarker(common),
      new DeploymentController(common),
      new Scheduler({ ...common, nodeName }),
      new OrphanCollector(common),
    ]
  }

  get routes(): readonly Route[] {
    return this.#remotePods.routes
  }

  start(): Promise<void> {
    this.#running ??= startAll(this.#parts)
    return this.#running
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return
    await this.#running.catch(() => {})
    this.#running = undefined
    await stopAll(this.#parts)
  }

  onStream(stream: FabricStream): boolean {
    return this.#remotePods.onStream(stream)
  }

  onChange(listener: (change: FabricChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Nothing has to be told: who asks is known, and what was bought is in the contract. */
  async prepare(): Promise<PreparedRequest> {
    return { status: 'Prepared' }
  }

  async offer(slice: SoldSlice): Promise<ResourceOffer> {
    const { contractID } = slice
    const { allowWorkloads, forSale = {}, labels } = this.#options
    if (!allowWorkloads) {
      const message = 'this node does not run programs of others: its operator has not allowed it'
      return { status: 'Denied', contractID, reason: 'WorkloadsNotAllowed', message }
    }
    const terms = await this.guestTerms()
    if (terms.status === 'Refused') {
      return { status: 'Denied', contractID, reason: 'NotIsolated', message: terms.message }
    }
    const lacking = shortages(slice.amounts, { pods: '110', ...forSale }).filter(
      ({ resource }) => resource in forSale,
    )
    if (lacking.length > 0) {
      const numbers = lacking.map((one) => `${one.resource}: ${one.wanted} of ${one.available}`).join(', ')
      const message = `this machine is smaller than what was sold (${numbers})`
      return { status: 'Denied', contractID, reason: 'InsufficientCapacity', message }
    }
    await this.#remotePods.prepare(slice)
    return {
      status: 'Accepted',
      contractID,
      resources: slice.amounts,
      nodeLabels: {
        'kubernetes.io/arch': KUBERNETES_ARCH,
        'kubernetes.io/os': KUBERNETES_OS,
        ...labels,
        [IMAGES_LABEL]: String(terms.images),
      },
      enforcement: this.enforcement,
    }
  }

  withdraw(contractID: string): Promise<void> {
    return this.#remotePods.withdraw(contractID)
  }

  provided(contractID: string): Promise<ProvidedState> {
    return this.#remotePods.provided(contractID)
  }

  attach(slice: BoughtSlice): Promise<void> {
    return this.#virtualKubelet.attach(slice)
  }

  detach(nodeName: string): Promise<void> {
    return this.#virtualKubelet.detach(nodeName)
  }

  async observe(nodeName: string): Promise<VirtualNodeState> {
    return this.#virtualKubelet.observe(nodeName)
  }

  async guestTerms(): Promise<GuestTerms> {
    await this.#chosen?.start()
    return this.guests
  }

  get guests(): GuestTerms {
    if (this.#chosen !== undefined) return this.#chosen.terms
    return termsOf(this.#runner, this.#guests)
  }

  get enforcement(): string {
    return this.#runner.enforcement
  }

  get isolation(): string {
    return this.#runner.isolation
  }

  get architectures(): readonly string[] {
    return this.#cluster.architectures
  }

  nodes(): readonly ClusterNode[] {
    return this.#cluster.nodes()
  }

  hasNode(nodeName: string): boolean {
    return this.#cluster.hasNode(nodeName)
  }

  contractOf(nodeName: string): string | undefined {
    return this.#cluster.contractOf(nodeName)
  }

  obstacle(spec: PodSpec, node: ClusterNode): string | undefined {
    return this.#cluster.obstacle(spec, node)
  }

  pin(spec: PodSpec, nodeName: string): PodSpecPatch | undefined {
    return this.#cluster.pin(spec, nodeName)
  }

  prepareNamespace(): ReturnType<Cluster['prepareNamespace']> {
    return this.#cluster.prepareNamespace()
  }

  endpoints(pod: PodRef): readonly PodEndpoint[] {
    return this.#cluster.endpoints(pod)
  }

  runningUnder(contractID: string): number {
    return this.#cluster.runningUnder(contractID)
  }

  logs(key: ObjectKey, options?: LogOptions): AsyncIterable<string> {
    return this.#cluster.logs(key, options)
  }

  exec(key: ObjectKey, _options: ExecOptions): Promise<ExecResult> {
    return this.#cluster.exec(key)
  }

  #changed(change: FabricChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
