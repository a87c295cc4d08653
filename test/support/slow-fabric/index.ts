/**
 * A fabric that is slow: two round trips with payloads both ways, a while for everything, `Pending` as an answer at
 * each turn, and all of it goes on after a restart. What runs in the end runs in the fabric that it is put around.
 */
import type {
  Cluster,
  ClusterNode,
  ExecOptions,
  ExecResult,
  LogOptions,
  PodEndpoint,
  PodRef,
  PodSpecPatch,
} from '../../../src/fabric/cluster.ts'
import type {
  BoughtSlice,
  Fabric,
  FabricChange,
  FabricPayload,
  FabricStream,
  PendingOffer,
  PreparedRequest,
  ProvidedState,
  ResourceOffer,
  SoldSlice,
  VirtualNodeState,
  WantedSlice,
} from '../../../src/fabric/fabric.ts'
import type { PodSpec } from '../../../src/objects/core/pod-spec.ts'
import type { ObjectKey } from '../../../src/objects/meta.ts'
import type { Route } from '../../../src/rear/route.ts'
import { SlowConsumer } from './slow-consumer.ts'
import { SlowProvider, type SlowSideOptions } from './slow-provider.ts'

export interface SlowFabricOptions extends SlowSideOptions {
  readonly inner: Fabric & Cluster
}

export class SlowFabric implements Fabric, Cluster {
  readonly name = 'slow'
  readonly #inner: Fabric & Cluster
  readonly #consumer: SlowConsumer
  readonly #provider: SlowProvider
  readonly #listeners = new Set<(change: FabricChange) => void>()

  constructor(options: SlowFabricOptions) {
    this.#inner = options.inner
    this.#consumer = new SlowConsumer(options, (nodeName) => this.#tell({ type: 'virtual-node', nodeName }))
    this.#provider = new SlowProvider(options, (contractID) => this.#tell({ type: 'provided', contractID }))
    this.#inner.onChange((change) => {
      if (change.type === 'virtual-node') this.#consumer.look(change.nodeName)
      else this.#provider.look(change.contractID)
      this.#tell(change)
    })
  }

  async start(): Promise<void> {
    await this.#inner.start()
    await this.#consumer.start()
    await this.#provider.start()
  }

  async stop(): Promise<void> {
    await this.#provider.stop()
    await this.#consumer.stop()
    await this.#inner.stop()
  }

  prepare(slice: WantedSlice, answer?: PendingOffer): Promise<PreparedRequest> {
    return this.#consumer.prepare(slice, answer)
  }

  offer(slice: SoldSlice, payload?: FabricPayload): Promise<ResourceOffer> {
    return this.#provider.offer(slice, payload)
  }

  attach(slice: BoughtSlice): Promise<void> {
    return this.#consumer.attach(slice)
  }

  detach(nodeName: string): Promise<void> {
    return this.#consumer.detach(nodeName)
  }

  observe(nodeName: string): Promise<VirtualNodeState> {
    return this.#consumer.observe(nodeName)
  }

  withdraw(contractID: string): Promise<void> {
    return this.#provider.withdraw(contractID)
  }

  provided(contractID: string): Promise<ProvidedState> {
    return this.#provider.provided(contractID)
  }

  onChange(listener: (change: FabricChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get routes(): readonly Route[] {
    return this.#inner.routes
  }

  onStream(stream: FabricStream): boolean {
    return this.#inner.onStream(stream)
  }

  get enforcement(): string {
    return this.#inner.enforcement
  }

  get isolation(): string {
    return this.#inner.isolation
  }

  get architectures(): readonly string[] {
    return this.#inner.architectures
  }

  nodes(): readonly ClusterNode[] {
    return this.#inner.nodes()
  }

  hasNode(nodeName: string): boolean {
    return this.#inner.hasNode(nodeName)
  }

  contractOf(nodeName: string): string | undefined {
    return this.#inner.contractOf(nodeName)
  }

  obstacle(spec: PodSpec, node: ClusterNode): string | undefined {
    return this.#inner.obstacle(spec, node)
  }

  pin(spec: PodSpec, nodeName: string): PodSpecPatch | undefined {
    return this.#inner.pin(spec, nodeName)
  }

  prepareNamespace(namespace: string, nodeName: string): ReturnType<Cluster['prepareNamespace']> {
    return this.#inner.prepareNamespace(namespace, nodeName)
  }

  endpoints(pod: PodRef): readonly PodEndpoint[] {
    return this.#inner.endpoints(pod)
  }

  runningUnder(contractID: string): number {
    return this.#inner.runningUnder(contractID)
  }

  logs(key: ObjectKey, options?: LogOptions): AsyncIterable<string> {
    return this.#inner.logs(key, options)
  }

  exec(key: ObjectKey, options: ExecOptions): Promise<ExecResult> {
    return this.#inner.exec(key, options)
  }

  #tell(change: FabricChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
