/**
 * The Network Manager: makes the two nodes of a contract reach each other, directly or through relays.
 *
 * For each contract it keeps one VirtualRouter, gives others a channel through it, exposes the ports of
 * remote pods on this machine, and finds out whether the way works. It owns the table of routers.
 * It decides nothing about contracts.
 */
import type { Channel } from '../kernel/channel.ts'
import { type Component, startAll, stopAll } from '../kernel/component.ts'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { Contract } from '../objects/contract.ts'
import { PodKind } from '../objects/core/pod.ts'
import type { ContractId, NodeId } from '../objects/ids.ts'
import { keyOf } from '../objects/meta.ts'
import type { VirtualRouter } from '../objects/virtual-router.ts'
import type { Route as RearRoute } from '../rear/route.ts'
import {
  DEFAULT_LIMITS,
  type IncomingStream,
  type RearHandler,
  type StreamHandler,
  StreamRefused,
  type Transport,
  TransportError,
  type TransportIdentity,
  type TransportLimits,
  type TransportTarget,
} from '../rear/transport/index.ts'
import { tlsContext } from '../rear/transport/tls-context.ts'
import { type Carrier, directCarrier } from './carrier.ts'
import { createChannel } from './channel.ts'
import type { Path } from './contract-path.ts'
import { serveEcho } from './echo.ts'
import { createEndpointController } from './endpoint-controller.ts'
import { createHealthController } from './health-controller.ts'
import { createLocalConnections } from './local-connections.ts'
import { StreamRegistry } from './stream-registry.ts'
import { createPingRoute } from './ping-route.ts'
import { createPodStreams, type PodEndpointOf } from './pod-streams.ts'
import { createRelayStreams } from './relay/relay-streams.ts'
import { RelayedCarrier } from './relay/relayed-carrier.ts'
import { createRouterController } from './router-controller.ts'
import { createRouterIndex } from './router-index.ts'
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
    readonly sold: (contractID: ContractId) => { readonly buyer: NodeId } | undefined
  }
  /** Consumer: the contract that a virtual node stands for. No ports are exposed unless given. */
  readonly contractOfNode?: (nodeName: string) => ContractId | string | undefined
  /** What is special about the way of a contract; undefined for direct ones. */
  readonly pathOf?: (contract: Contract) => Path | undefined
  /** Where a node is now, if that is better known than its contracts know it. */
  readonly addressOf?: (nodeID: string) => string | undefined
  /** What serves requests and streams that come out of a relayed way; asked for each connection. */
  readonly inner?: () => { readonly handler: RearHandler; readonly onStream: StreamHandler } | undefined
  /** Told when the router of a contract has been made (steps 18 and 19 of workflow 1). */
  readonly onRouter?: (router: VirtualRouter, contract: Contract) => void
  /** Where local ports listen; 127.0.0.1 unless given. */
  readonly listenHost?: string
  readonly limits?: Partial<NetworkManagerLimits>
  readonly transportLimits?: Partial<TransportLimits>
}

export interface NetworkManagerLimits {
  /** Streams that may be open at a time under one contract. */
  readonly maxStreamsPerContract: number
  /** For a request, and for opening a stream, in milliseconds. */
  readonly callTimeoutMs: number
  /** For opening a way through relays, in milliseconds. */
  readonly relayTimeoutMs: number
  /** Between two probes of a way, in milliseconds. */
  readonly probeIntervalMs: number
  /** How long a probe may take, in milliseconds. */
  readonly probeTimeoutMs: number
  /** When to try again to listen on a local port that was taken, in milliseconds. */
  readonly portRetryMs: number
  /** Between two records of the traffic of a contract, in milliseconds. */
  readonly trafficIntervalMs: number
}

export const DEFAULT_NETWORK_LIMITS: NetworkManagerLimits = {
  maxStreamsPerContract: 1_024,
  callTimeoutMs: 30_000,
  relayTimeoutMs: 10_000,
  probeIntervalMs: 10_000,
  probeTimeoutMs: 5_000,
  portRetryMs: 5_000,
  trafficIntervalMs: 5_000,
}

export interface NetworkManager extends Component {
  /** @returns the way to the other end of a contract; undefined while it has no router (yet, or any more) */
  channelFor(contractID: ContractId | string): Channel | undefined
  /** Provider: streams to the pods that run here are led to what this says; refused until then. */
  servePods(endpointOf: PodEndpointOf): void
  /** @returns whether streams of this path are ours */
  takesStream(path: string): boolean
  /** Takes a stream; refuses those that are not ours. */
  readonly onStream: StreamHandler
  /** What we add to the protocol. */
  readonly routes: readonly RearRoute[]
}

/** A carrier, and what it was made for: made anew when that changes. */
interface KnownCarrier {
  readonly made: string
  readonly carrier: Carrier & { close?(): void }
}

export function createNetworkManager(options: NetworkManagerOptions): NetworkManager {
  const { store, informers, system, transport } = options
  const { clock } = system
  const log = options.log.child({ component: 'network-manager' })
  const limits = { ...DEFAULT_NETWORK_LIMITS, ...options.limits }
  const transportLimits = { ...DEFAULT_LIMITS, ...options.transportLimits }
  const context = options.identity && tlsContext(options.identity)
  const routers = createRouterIndex(informers)
  const carriers = new Map<string, KnownCarrier>()
  const nextHopFailures = new Map<string, string>()

  const streams = new StreamRegistry({
    system,
    maxStreams: limits.maxStreamsPerContract,
    onTraffic: (contractID) => reporter.changed(contractID),
  })
  const trafficOf = (contractID: string) => streams.traffic(contractID)
  const reporter = new TrafficReporter({
    store,
    system,
    log,
    routers,
    trafficOf,
    intervalMs: limits.trafficIntervalMs,
  })
  const userOf = (contractID: ContractId): NodeId | undefined => options.contracts.sold(contractID)?.buyer

  function carrierFor(router: VirtualRouter): Carrier {
    const { contractID, peer, path = [] } = router.spec
    const made = JSON.stringify([router.metadata.uid, peer, path])
    const known = carriers.get(contractID)
    if (known?.made === made) return known.carrier
    known?.carrier.close?.()
    const carrier = path.length === 0 ? directCarrier(transport, targetOf(peer)) : relayed(router)
    carriers.set(contractID, { made, carrier })
    return carrier
  }

  function relayed({ spec: { contractID, remoteContractID, peer, path } }: VirtualRouter): RelayedCarrier {
    if (!context) throw new Error('a relayed way needs the identity of this node')
    return new RelayedCarrier({
      transport,
      context,
      clock,
      limits: transportLimits,
      contractID,
      remoteContractID: remoteContractID ?? contractID,
      firstRelay: targetOf(path![0]!),
      provider: peer.nodeID,
      timeoutMs: limits.relayTimeoutMs,
    })
  }

  function channelFor(contractID: string): Channel | undefined {
    if (!routers.of(contractID)) return undefined
    const carrier = (): Carrier => {
      const router = routers.of(contractID)
      return router ? carrierFor(router) : NO_CARRIER
    }
    return createChannel(carrier, { clock, timeoutMs: limits.callTimeoutMs })
  }

  /** @returns undefined when there is no such contract */
  function isParty(contractID: string, nodeID: string): boolean | undefined {
    const user = userOf(contractID as ContractId)
    const router = routers.of(contractID)
    if (user === undefined && router?.spec.role !== 'consumer') return undefined
    return user === nodeID || router?.spec.peer.nodeID === nodeID
  }

  let endpointOfPod: PodEndpointOf = () => undefined
  const servePod = createPodStreams({
    system,
    log,
    streams,
    userOf,
    podEndpoint: (...pod) => endpointOfPod(...pod),
  })
  const serveRelay = createRelayStreams({
    transport,
    identity: options.identity,
    clock,
    limits: transportLimits,
    log,
    routers,
    streams,
    userOf,
    inner: options.inner ?? (() => undefined),
    onNextHop(contractID, failure) {
      const before = nextHopFailures.get(contractID)
      if (failure === undefined) nextHopFailures.delete(contractID)
      else nextHopFailures.set(contractID, failure)
      const router = routers.of(contractID)
      if (router && before !== failure) health.enqueue(keyOf(router))
    },
    timeoutMs: limits.relayTimeoutMs,
  })

  async function onStream(stream: IncomingStream): Promise<void> {
    const purpose = purposeOf(stream.path)
    switch (purpose?.type) {
      case 'pod':
        return servePod(stream, purpose)
      case 'relay':
        return serveRelay(stream, purpose.contractID)
      case 'echo': {
        const party = isParty(purpose.contractID, stream.peer.id)
        if (party === undefined)
          throw new StreamRefused(404, `contract ${purpose.contractID} is not in force here`)
        if (!party) throw new StreamRefused(403, 'only the other party of the contract may probe the way')
        serveEcho(stream.duplex, system)
        heard(purpose.contractID)
        return
      }
      case undefined:
        throw new StreamRefused(404, 'no such stream')
    }
  }

  function heard(contractID: string): void {
    const router = routers.of(contractID)
    if (!router || router.spec.role !== 'provider') return
    streams.heard(contractID)
    // The first sign of life, or the first after a silence, is news; the others can wait for the next look.
    if (router.status?.phase !== 'Ready') health.enqueue(keyOf(router))
  }

  const health = createHealthController({
    store,
    system,
    log,
    routers,
    channelFor,
    trafficOf,
    relayFailure: (contractID) => nextHopFailures.get(contractID),
    // A process that was killed could not take back what it said.
    onNewRouter: ({ spec, status }) => {
      if ((status?.streams ?? 0) > 0) reporter.changed(spec.contractID)
    },
    intervalMs: limits.probeIntervalMs,
    timeoutMs: limits.probeTimeoutMs,
  })
  const routerController = createRouterController({
    store,
    informers,
    system,
    log,
    self: options.identity?.id,
    pathOf: options.pathOf ?? (() => undefined),
    addressOf: options.addressOf ?? (() => undefined),
    onRouter: options.onRouter ?? (() => undefined),
  })
  const { contractOfNode } = options
  const components: Component[] = [routerController]
  if (contractOfNode) {
    components.push(
      createEndpointController({
        store,
        system,
        log,
        routers,
        pods: informers.of(PodKind),
        listenHost: options.listenHost ?? '127.0.0.1',
        retryMs: limits.portRetryMs,
        contractOfNode,
        onConnection: createLocalConnections({ log, streams, channelFor }),
      }),
    )
  }
  components.push(health)

  /** What was open under a contract ends with its router. */
  function forget(contractID: string): void {
    streams.close(contractID)
    reporter.forget(contractID)
    nextHopFailures.delete(contractID)
    carriers.get(contractID)?.carrier.close?.()
    carriers.delete(contractID)
  }

  let unsubscribe: (() => void) | undefined
  return {
    async start() {
      reporter.start()
      unsubscribe ??= routers.informer.onChange((event) => {
        if (event.type === 'deleted') forget(event.object.spec.contractID)
      })
      await startAll(components)
    },
    async stop() {
      unsubscribe?.()
      unsubscribe = undefined
      await stopAll(components)
      streams.cutAll()
      for (const { carrier } of carriers.values()) carrier.close?.()
      carriers.clear()
      await reporter.stop()
    },
    channelFor,
    servePods(endpointOf) {
      endpointOfPod = endpointOf
    },
    takesStream: (path) => purposeOf(path) !== undefined,
    onStream,
    routes: [createPingRoute({ system, isParty })],
  }
}

/** What is left of a way when its contract is over. */
const NO_CARRIER: Carrier = {
  request: () => Promise.reject(new TransportError('aborted', 'the contract ended')),
  openStream: () => Promise.reject(new TransportError('aborted', 'the contract ended')),
}

function targetOf(node: { readonly nodeID: string; readonly address: string }): TransportTarget {
  return { address: node.address, id: node.nodeID as NodeId }
}
