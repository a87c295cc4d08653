/**
 * The Network Manager: makes the two nodes of a contract reach each other, directly or through relays.
 *
 * For each contract it keeps one VirtualRouter, gives others a channel through it, exposes the ports of
 * remote pods on this machine, and finds out whether the way works. It owns the table of routers.
 * It decides nothing about contracts.
 */
import type { Cluster } from '../fabric/cluster.ts'
import type { Channel } from '../kernel/channel.ts'
import { type Component, startAll, stopAll } from '../kernel/component.ts'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { Contract } from '../objects/contract.ts'
import { PodKind } from '../objects/core/pod.ts'
import type { NodeId } from '../objects/ids.ts'
import { keyOf } from '../objects/meta.ts'
import type { Recorder } from '../trace/index.ts'
import type { Route as RearRoute } from '../rear/route.ts'
import {
  DEFAULT_LIMITS,
  type IncomingStream,
  type RearHandler,
  type StreamHandler,
  StreamRefused,
  type Transport,
  type TransportIdentity,
  type TransportLimits,
} from '../rear/transport/index.ts'
import { Carriers } from './carriers.ts'
import { createChannel } from './channel.ts'
import type { Path } from './contract-path.ts'
import { serveEcho } from './echo.ts'
import { EndpointController } from './endpoint-controller.ts'
import { HealthController } from './health-controller.ts'
import { createLocalConnections } from './local-connections.ts'
import { DEFAULT_NETWORK_LIMITS, type NetworkManagerLimits } from './network-limits.ts'
import { StreamRegistry } from './stream-registry.ts'
import { createPingRoute } from './ping-route.ts'
import { createPodStreams, type ServePodStream } from './pod-streams.ts'
import { createRelayStreams, type ServeRelayStream } from './relay/relay-streams.ts'
import { RouterController } from './router-controller.ts'
import { RouterIndex } from './router-index.ts'
import { purposeOf } from './stream-paths.ts'
import { TrafficReporter } from './traffic-reporter.ts'

export interface NetworkManagerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly transport: Transport
  /** Needed to be an end of a relayed way; without it only direct ways and relaying work. */
  readonly identity?: TransportIdentity
  readonly contracts: {
    /**
     * @returns who may use the slice that was sold under a contract in force: the buyer, or, when it was
     *   bought for somebody behind relays, that node
     */
    readonly sold: (contractID: string) => { readonly buyer: NodeId } | undefined
  }
  /** Whether the operator has rejected a node: nothing is carried to it. */
  readonly isRejected?: (nodeID: string) => boolean
  /** What is special about the way of a contract; undefined for direct ones. */
  readonly pathOf?: (contract: Contract) => Path | undefined
  /** Where a node is now, if that is better known than its contracts know it. */
  readonly addressOf?: (nodeID: string) => string | undefined
  /** What serves requests and streams that come out of a relayed way; asked for each connection. */
  readonly inner?: () => { readonly handler: RearHandler; readonly onStream: StreamHandler } | undefined
  /** Told when the router of a contract has been made (steps 18 and 19 of workflow 1); nothing is recorded unless given. */
  readonly recorder?: Recorder
  /** Where local ports listen; 127.0.0.1 unless given. */
  readonly listenHost?: string
  readonly limits?: Partial<NetworkManagerLimits>
  readonly transportLimits?: Partial<TransportLimits>
}

/** Constructed before the informers start; started after them. */
export class NetworkManager implements Component {
  /** What we add to the protocol. */
  readonly routes: readonly RearRoute[]
  readonly #options: NetworkManagerOptions
  readonly #limits: NetworkManagerLimits
  readonly #routers: RouterIndex
  readonly #carriers: Carriers
  readonly #streams: StreamRegistry
  readonly #reporter: TrafficReporter
  readonly #health: HealthController
  readonly #controllers: readonly Component[]
  readonly #servePod: ServePodStream
  readonly #serveRelay: ServeRelayStream
  /** By contract: why the next hop could not be reached, if that was the last thing that happened. */
  readonly #nextHopFailures = new Map<string, string>()
  #cluster: Pick<Cluster, 'endpoints' | 'contractOf'> | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: NetworkManagerOptions) {
    const { store, informers, system, transport, identity } = options
    const log = options.log.child({ component: 'network-manager' })
    const limits = { ...DEFAULT_NETWORK_LIMITS, ...options.limits }
    const transportLimits = { ...DEFAULT_LIMITS, ...options.transportLimits }
    const routers = new RouterIndex(informers)
    const channelFor = (contractID: string) => this.channelFor(contractID)
    const userOf = (contractID: string) => options.contracts.sold(contractID)?.buyer
    this.#options = options
    this.#limits = limits
    this.#routers = routers
    this.#carriers = new Carriers({
      routers,
      transport,
      identity,
      clock: system.clock,
      transportLimits,
      relayTimeoutMs: limits.relayTimeoutMs,
    })
    const streams = new StreamRegistry({
      system,
      maxStreams: limits.maxStreamsPerContract,
      onTraffic: (contractID) => this.#reporter.changed(contractID),
    })
    this.#streams = streams
    const trafficOf = (contractID: string) => streams.traffic(contractID)
    this.#reporter = new TrafficReporter({
      store,
      system,
      log,
      routers,
      trafficOf,
      intervalMs: limits.trafficIntervalMs,
    })
    this.#health = new HealthController({
      store,
      system,
      log,
      routers,
      channelFor,
      trafficOf,
      relayFailure: (contractID) => this.#nextHopFailures.get(contractID),
      // A process that was killed could not take back what it said.
      onNewRouter: ({ spec, status }) => {
        if ((status?.streams ?? 0) > 0) this.#reporter.changed(spec.contractID)
      },
      intervalMs: limits.probeIntervalMs,
      timeoutMs: limits.probeTimeoutMs,
    })
    this.#servePod = createPodStreams({
      system,
      log,
      streams,
      userOf,
      endpoints: (pod) => this.#cluster?.endpoints(pod) ?? [],
    })
    this.#serveRelay = createRelayStreams({
      transport,
      identity,
      clock: system.clock,
      limits: transportLimits,
      log,
      routers,
      streams,
      userOf,
      inner: options.inner ?? (() => undefined),
      onNextHop: (contractID, failure) => this.#onNextHop(contractID, failure),
      timeoutMs: limits.relayTimeoutMs,
    })
    this.routes = [createPingRoute({ system, isParty: (...of) => this.#isParty(...of) })]
    const routerController = new RouterController({
      store,
      informers,
      system,
      log,
      self: identity?.id,
      pathOf: options.pathOf ?? (() => undefined),
      addressOf: options.addressOf ?? (() => undefined),
      recorder: options.recorder,
    })
    const endpoints = new EndpointController({
      store,
      system,
      log,
      routers,
      pods: informers.of(PodKind),
      listenHost: options.listenHost ?? '127.0.0.1',
      retryMs: limits.portRetryMs,
      contractOfNode: (nodeName) => this.#cluster?.contractOf(nodeName),
      onConnection: createLocalConnections({
        ...{ log, streams, channelFor },
        isRejected: (contractID) => {
          const peer = routers.of(contractID)?.spec.peer.nodeID
          return peer !== undefined && options.isRejected?.(peer) === true
        },
      }),
    })
    this.#controllers = [routerController, endpoints, this.#health]
  }

  async start(): Promise<void> {
    this.#reporter.start()
    this.#unsubscribe ??= this.#routers.informer.onChange((event) => {
      if (event.type === 'deleted') this.#forget(event.object.spec.contractID)
    })
    await startAll(this.#controllers)
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    await stopAll(this.#controllers)
    this.#streams.cutAll()
    this.#carriers.closeAll()
    await this.#reporter.stop()
  }

  /** @returns the way to the other end of a contract; undefined while it has no router (yet, or any more) */
  channelFor(contractID: string): Channel | undefined {
    if (!this.#routers.of(contractID)) return undefined
    const { clock } = this.#options.system
    return createChannel(() => this.#carriers.of(contractID), {
      clock,
      timeoutMs: this.#limits.callTimeoutMs,
    })
  }

  /**
   * From now on the ports of pods on its virtual nodes are exposed here, and streams to pods that run in it are
   * served. To be called before the start.
   */
  useCluster(cluster: Pick<Cluster, 'endpoints' | 'contractOf'>): void {
    this.#cluster = cluster
  }

  /** Cuts what is carried between us and a node, under whatever contract. */
  cutPeer(nodeID: string, why: string): void {
    for (const { spec } of this.#routers.informer.list())
      if (spec.peer.nodeID === nodeID) this.#streams.cut(spec.contractID, why)
  }

  /** @returns whether streams of this path are ours */
  takesStream(path: string): boolean {
    return purposeOf(path) !== undefined
  }

  /**
   * Takes a stream.
   * @throws StreamRefused for those that are not ours, or that the caller may not open
   */
  readonly onStream: StreamHandler = async (stream) => {
    const purpose = purposeOf(stream.path)
    switch (purpose?.type) {
      case 'pod':
        return this.#servePod(stream, purpose)
      case 'relay':
        return this.#serveRelay(stream, purpose.contractID)
      case 'echo':
        return this.#serveEcho(stream, purpose.contractID)
      case undefined:
        throw new StreamRefused(404, 'no such stream')
    }
  }

  #serveEcho({ peer, duplex }: IncomingStream, contractID: string): void {
    const party = this.#isParty(contractID, peer.id)
    if (party === undefined) throw new StreamRefused(404, `contract ${contractID} is not in force here`)
    if (!party) throw new StreamRefused(403, 'caller is not a party to the contract')
    serveEcho(duplex, this.#options.system)
    this.#heard(contractID)
  }

  /** @returns undefined when there is no such contract */
  #isParty(contractID: string, nodeID: string): boolean | undefined {
    const user = this.#options.contracts.sold(contractID)?.buyer
    const router = this.#routers.of(contractID)
    if (user === undefined && router?.spec.role !== 'consumer') return undefined
    return user === nodeID || router?.spec.peer.nodeID === nodeID
  }

  #heard(contractID: string): void {
    const router = this.#routers.of(contractID)
    if (!router || router.spec.role !== 'provider') return
    this.#streams.heard(contractID)
    // The first sign of life, or the first after a silence, is news; the others can wait for the next look.
    if (router.status?.phase !== 'Ready') this.#health.enqueue(keyOf(router))
  }

  #onNextHop(contractID: string, failure: string | undefined): void {
    const before = this.#nextHopFailures.get(contractID)
    if (failure === undefined) this.#nextHopFailures.delete(contractID)
    else this.#nextHopFailures.set(contractID, failure)
    const router = this.#routers.of(contractID)
    if (router && before !== failure) this.#health.enqueue(keyOf(router))
  }

  /** What was open under a contract ends with its router. */
  #forget(contractID: string): void {
    this.#streams.close(contractID)
    this.#reporter.forget(contractID)
    this.#nextHopFailures.delete(contractID)
    this.#carriers.close(contractID)
  }
}
