/**
 * The composition root: makes a node of its components. The only place that knows all of them.
 *
 * `createNode` takes the edges (clock, store, transport, runner) from outside, so that a whole market of nodes
 * runs in one process; `startNode` in `start-node.ts` gives it the real ones.
 */
import { AvailableResources } from '../available-resources/index.ts'
import { createControlApi, type ControlApi } from '../api/index.ts'
import type { Config } from '../config/index.ts'
import {
  Buyer,
  Closing,
  contractRoutes,
  Contracts,
  FLAVOR_SIGNATURE,
  Forwarder,
  pathOf,
  Seller,
} from '../contract-manager/index.ts'
import {
  PeerConnector,
  audienceOf,
  LocalDiscovery,
  Discoverer,
  discoveryRoutes,
  Advertising,
  FlavorAnswers,
  FlavorListing,
  PeerHandshake,
  KnownClusters,
  PeerExchange,
  memberRoutes,
  type LocalDiscoveryEdges,
} from '../discovery-manager/index.ts'
import { createEmbeddedFabric, type EmbeddedFabric, type Runner } from '../fabric/embedded/index.ts'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import { GarbageCollector } from '../kernel/garbage-collector.ts'
import { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import { LocalResourceManager, measuredCapacity } from '../local-resource-manager/index.ts'
import { createNetworkManager } from '../network-manager/index.ts'
import type { NodeBase, Self } from '../node-base.ts'
import { NodeOrchestrator } from '../node-orchestrator/index.ts'
import { ALL_KINDS } from '../objects/index.ts'
import { NodeKind } from '../objects/core/node.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import { PeerKind } from '../objects/peer.ts'
import { CandidateListing, PeeringCandidates, PublishedRatings } from '../peering-candidates/index.ts'
import {
  createMembershipService,
  PeerRegistry,
  Revocations,
  signDocument,
  type Identity,
} from '../privacy-and-security-manager/index.ts'
import { subtractAmounts } from '../quantity/amounts.ts'
import { durationSeconds } from '../quantity/price.ts'
import { RatingsAndMetrics } from '../ratings-and-metrics/index.ts'
import { RearManager } from '../rear-manager/index.ts'
import type { Audience } from '../rear/audience.ts'
import { RearClient } from '../rear/client.ts'
import type { Route } from '../rear/route.ts'
import type { Transport } from '../rear/transport/index.ts'
import { flavorTerms, flavorToWire } from '../rear/wire/index.ts'
import { ServiceHandler } from '../service-handler/index.ts'
import { ContractTelemetry, TraceGathering } from '../telemetry/index.ts'
import { Recorder } from '../trace/index.ts'
import { VERSION } from '../version.ts'
import { VirtualFabricManager } from '../virtual-fabric-manager/index.ts'
import { admit } from './admission.ts'
import { controlRoutes } from './control-routes.ts'
import { DEFAULT_LISTEN, parseListen } from './listen-address.ts'
import { nodeStatus, type NodeStatus } from './node-status.ts'
import { createRearServer, openApiRoute, type RearServer } from './rear-server.ts'
import { acceptancePolicy, trustedAuthorities } from './trust-settings.ts'

export interface NodeOptions {
  readonly config: Config
  readonly directory: string
  readonly identity: Identity
  readonly store: ObjectStore
  readonly system: System
  /** Names the node in each line. */
  readonly log: Log
  readonly transport: Transport
  /** How programs are run; real processes unless given. */
  readonly runner?: Runner
  /** The local network, where others may be found; not searched unless given. */
  readonly localDiscovery?: LocalDiscoveryEdges
  /** Whether to serve the control API; a simulated node has none. */
  readonly control?: boolean
}

export interface TributaryNode extends Component {
  readonly id: NodeId
  readonly name: string
  /** host:port of the REAR listener. @throws Error before the start */
  readonly rearAddress: string
  /** @throws Error before the start, or when there is none */
  readonly controlUrl: string
  readonly store: ObjectStore
  readonly informers: Informers
  /** All of the protocol that the node serves. */
  readonly routes: readonly Route[]
  status(): NodeStatus
}

const DEFAULT_HOLD = '2m'
const DEFAULT_LONGEST = '365d'
/** Offers of one provider in a catalog. */
const DEFAULT_QUOTA = 1_000

/** @returns a node that has not been started */
export function createNode(options: NodeOptions): TributaryNode {
  const { config, identity, store, system, log, transport, directory } = options
  const started = system.clock.monotonic()
  const informers = new Informers({ store, system, log })
  const recorder = new Recorder({ store, system, log, node: config.name })
  const domain = config.domain?.name ?? 'local'
  const role = config.role ?? 'node'
  const address = (): string => config.rear?.advertise ?? rearServer.address ?? ''
  const self: Self = {
    id: identity.id,
    name: config.name,
    domain,
    identity: () => ({
      domain,
      nodeID: identity.id,
      ip: address(),
      additionalInformation: { liqoID: config.name },
    }),
  }
  const base: NodeBase = { store, informers, system, log, recorder, self }

  // Trust
  const revocations = new Revocations()
  const trust = { trustedAuthorities: trustedAuthorities(config), revoked: revocations }
  const registry = new PeerRegistry({
    store,
    informer: informers.of(PeerKind),
    system,
    log,
    self: identity.id,
    policy: acceptancePolicy(config, domain),
    trust,
  })
  const client = new RearClient({
    transport,
    system,
    log,
    addressOf: (nodeID) => registry.find(nodeID)?.spec.address,
  })
  const membership = createMembershipService({
    ...base,
    client,
    registry,
    trust,
    revocations,
    directory,
    membershipFile: config.domain?.membership,
    authorityDirectory: config.domain?.authorityDirectory,
    membershipLifetime: config.domain?.membershipLifetime,
    renewed: () => handshake.helloAll(),
  })
  const handshake: PeerHandshake = new PeerHandshake({
    ...base,
    client,
    registry,
    role,
    membership: () => membership.current(),
  })
  const peerExchange = new PeerExchange({ ...base, client, registry, role })
  const connector = new PeerConnector({ handshake, registry, system })
  const acquaint = ({ id, address: at }: { readonly id: string; readonly address: string }) =>
    connector.ensureConnected({ id: parseNodeId(id), address: at })
  const localDiscovery = new LocalDiscovery({
    ...base,
    config,
    registry,
    edges: options.localDiscovery ?? {},
    rearAddress: address,
    plainAddress: () => rearServer.plainAddress,
  })

  // Resources and money
  const available = new AvailableResources({
    ...base,
    signFlavor: (flavor) =>
      signDocument(flavorTerms(flavorToWire(flavor)), { ...FLAVOR_SIGNATURE, key: identity.key }),
  })
  const localResources = new LocalResourceManager(base, config)
  const ratings = new RatingsAndMetrics(base)
  const candidates = new PeeringCandidates(base, {
    compact: role === 'catalog',
    ...(role === 'node' ? {} : { quota: config.catalog?.quota ?? DEFAULT_QUOTA }),
  })
  const published = new PublishedRatings(base)
  const listing = new FlavorListing(base)
  const contracts = new Contracts(base)
  const passedOn = new CandidateListing({
    ...base,
    role,
    candidates,
    margin: config.supernode?.margin,
    ratingOf: (nodeID) => published.of(nodeID),
  })
  const advertising = new Advertising({
    ...base,
    role,
    client,
    registry,
    key: identity.key,
    candidates,
    listing: passedOn,
    ratings: published,
    shareRatings: config.ratings?.share ?? true,
    audienceOf: (peer) => audienceFor(peer?.id),
    subscriptions: (config.peers ?? []).filter(
      ({ subscribe, mirror }) => subscribe === true || mirror === true,
    ),
    ...(config.catalog?.longestValidity === undefined
      ? {}
      : { longestMs: (durationSeconds(config.catalog.longestValidity) ?? 3_600) * 1000 }),
    onInvalidAnswer: (catalog, detail) => void ratings.record(catalog, 'InvalidAnswer', { detail }),
  })

  // Acquisition. Closing and the Virtual Fabric Manager need each other: one tells the other that it is done.
  const discoverer = new Discoverer({ ...base, client, registry, candidates })
  const answers = new FlavorAnswers({
    ...base,
    role,
    own: listing.table,
    candidates: passedOn.table,
    audienceOf: (peer) => audienceFor(peer?.id),
    domainOf: (nodeID) => registry.membershipOf(nodeID as NodeId)?.domain,
    ask: (selector, ask) => discoverer.discover(selector, ask),
  })
  const rearManager: RearManager = new RearManager({
    ...base,
    available,
    candidates,
    ratings,
    roleOf: (nodeID) => registry.membershipOf(nodeID as NodeId)?.role,
    acquaint,
    latencyOf: (nodeID) => registry.find(nodeID)?.status?.roundTripMs,
    closeContract: (contractID, reason) => closing.close(contractID, reason),
  })
  const seconds = (text: string): number => (durationSeconds(text) ?? 0) * 1000
  const seller = new Seller({
    ...base,
    available,
    rearManager,
    key: identity.key,
    holdMs: seconds(config.contracts?.hold ?? DEFAULT_HOLD),
    longestMs: seconds(config.contracts?.longest ?? DEFAULT_LONGEST),
    recordSale: (contract) =>
      void ratings.record(contract.spec.buyer.nodeID, 'Purchased', {
        contractID: contract.metadata.name,
        once: contract.metadata.name,
      }),
    ...(role === 'supernode' ? { forwarder: () => forwarder } : {}),
  })
  const domainOf = (nodeID: string): string | undefined => registry.membershipOf(nodeID as NodeId)?.domain
  const forwarder: Forwarder = new Forwarder({
    ...base,
    available,
    candidates,
    acquaint,
    margin: config.supernode?.margin,
    // For our own domain from anywhere; for others only what is of our domain: no transit.
    mayForward: (caller, { spec }) =>
      domainOf(caller) === domain ||
      (spec.flavor.spec.owner.domain === domain && spec.flavor.spec.visibility !== 'internal'),
    roleFor: (caller) => answers.roleFor(caller),
    complete: (transaction, signature) => seller.completeForwarding(transaction, signature),
  })
  const buyer = new Buyer({
    ...base,
    client,
    key: identity.key,
    closeContract: (contractID, reason) => closing.close(contractID, reason),
    recordDealing: (about, type, reservation, detail) => {
      if (type !== 'Purchased') connector.failed(about)
      return ratings.record(about, type, { detail, once: `${reservation.metadata.uid}` })
    },
  })

  // The fabric and the network below it
  const networkManager = createNetworkManager({
    ...base,
    transport,
    identity,
    contracts,
    podEndpoint: (contractID, namespace, pod, port) => fabric.podEndpoint(contractID, namespace, pod, port),
    contractOfNode: (nodeName) =>
      informers.of(NodeKind).get({ name: nodeName })?.metadata.annotations?.['tributary.io/contract-id'],
    addressOf: (nodeID) => registry.find(nodeID)?.spec.address,
    pathOf: (contract) => pathOf(contract, contracts),
    inner: () => rearServer,
  })
  const ownCapacity =
    config.cluster?.capacity ?? subtractAmounts(measuredCapacity(), config.sell?.capacity ?? {})
  const fabric: EmbeddedFabric = createEmbeddedFabric({
    ...base,
    nodeName: config.name,
    directory: `${directory}/fabric`,
    capacity: ownCapacity,
    forSale: config.sell?.capacity ?? {},
    // Keys and database of this node are none of a guest's business.
    hidden: [directory],
    labels: placeLabels(config),
    allowWorkloads: config.allowWorkloads ?? false,
    ...(options.runner ? { runner: options.runner } : {}),
    contracts: { sold: (contractID) => contracts.provided(contractID) },
    channels: (contractID) => networkManager.channelFor(contractID),
    version: VERSION,
  })
  const fabricManager: VirtualFabricManager = new VirtualFabricManager({
    ...base,
    fabric,
    channelFor: (contractID) => networkManager.channelFor(contractID),
    sold: (contractID) => contracts.provided(contractID),
    peered: (contractID, by, trace) => rearManager.peered(contractID, by, trace),
    onDetached: (contractID) => closing.enqueue(contractID),
  })
  const closing: Closing = new Closing({
    ...base,
    client,
    key: identity.key,
    available,
    contracts,
    withdraw: (contractID) => fabricManager.withdraw(contractID),
    detached: (contractID) => fabricManager.detached(contractID),
    recordEnd: (about, type, contractID) =>
      ratings.record(about, type, { contractID, once: `${contractID} end` }),
  })

  const telemetry = new ContractTelemetry({
    ...base,
    channelFor: (contractID) => networkManager.channelFor(contractID),
    isParty: (contractID, nodeID) => {
      const spec = contracts.get(contractID)?.spec
      return (
        spec?.buyer.nodeID === nodeID ||
        spec?.seller.nodeID === nodeID ||
        contracts.sold(contractID)?.buyer === nodeID
      )
    },
  })
  const traces = new TraceGathering({ store, log, client, registry, recorder, self: identity.id })

  // What users ask for
  const serviceHandler = new ServiceHandler(base)
  const orchestrator = new NodeOrchestrator({
    ...base,
    discover: (selector, signal) => discoverer.discover(selector, { signal }),
    consider: (solver) => rearManager.consider(solver),
  })

  function audienceFor(nodeID: string | undefined): Audience {
    const caller = nodeID as NodeId | undefined
    return audienceOf({
      callerDomain: caller && registry.membershipOf(caller)?.domain,
      callerStanding: caller === undefined ? 'unknown' : registry.standing(caller),
      ownDomain: domain,
      listedDomains: config.listedDomains ?? [],
    })
  }

  const routes: readonly Route[] = [
    ...discoveryRoutes({
      answers,
      handshake,
    }),
    ...memberRoutes({
      registry,
      role,
      domain,
      introduce: config.supernode?.introduce ?? true,
      introduceTo: config.domain?.introduceTo ?? [],
    }),
    ...membership.routes,
    ...advertising.routes,
    ...contractRoutes(seller, closing, contracts),
    ...fabricManager.routes,
    ...fabric.routes,
    ...networkManager.routes,
    ...telemetry.routes,
    traces.route,
    openApiRoute(() => routes),
  ]
  const rearServer: RearServer = createRearServer({
    ...base,
    config,
    transport,
    routes,
    registry,
    contracts,
    networkManager,
    fabric,
  })

  const control: ControlApi | undefined =
    options.control === false
      ? undefined
      : createControlApi({
          store,
          kinds: ALL_KINDS,
          system,
          log,
          listen: parseListen(config.control?.listen ?? DEFAULT_LISTEN),
          version: VERSION,
          admit,
          podLogs: (key, logOptions) => fabric.podLogs(key, logOptions),
          extra: controlRoutes({
            store,
            informers,
            log,
            traces,
            orchestrator,
            status: () => node.status(),
          }),
        })

  const peers: Component = {
    async start() {
      for (const peer of config.peers ?? []) {
        await registry.configure({
          address: peer.address,
          ...(peer.id === undefined ? {} : { nodeId: parseNodeId(peer.id) }),
          ...(peer.accept === undefined ? {} : { accepted: peer.accept }),
          ...(peer.role === undefined ? {} : { role: peer.role }),
        })
      }
    },
    stop: () => Promise.resolve(),
  }

  // In this order they start, in the reverse order they stop.
  const components: readonly Component[] = [
    informers,
    recorder,
    membership,
    registry,
    rearServer,
    new GarbageCollector({ informers, store, kinds: ALL_KINDS, log, system }),
    localResources,
    available,
    listing,
    ratings,
    candidates,
    published,
    passedOn,
    seller,
    ...(role === 'supernode' ? [forwarder] : []),
    buyer,
    networkManager,
    fabric,
    fabricManager,
    closing,
    telemetry,
    discoverer,
    rearManager,
    orchestrator,
    serviceHandler,
    peers,
    new KnownClusters({ ...base, registry }),
    handshake,
    peerExchange,
    localDiscovery,
    advertising,
    rearServer.gate,
    ...(control ? [control] : []),
  ]

  const node: TributaryNode = {
    id: identity.id,
    name: config.name,
    store,
    informers,
    routes,
    get rearAddress() {
      if (rearServer.address === undefined) throw new Error('the node is not running')
      return address()
    },
    get controlUrl() {
      if (control === undefined) throw new Error('this node serves no control API')
      const { host, port } = control.address
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    },
    status: () =>
      nodeStatus({
        config,
        self,
        role,
        fabric,
        peers: registry.list(),
        uptimeMs: system.clock.monotonic() - started,
        plainAddress: rearServer.plainAddress,
        warnings: membership.warnings(),
      }),
    start: () => startAll(components),
    stop: () => stopAll(components),
  }
  return node
}

function placeLabels(config: Config): Readonly<Record<string, string>> {
  const { city, country } = config.sell?.location ?? {}
  return {
    ...(city === undefined ? {} : { 'topology.tributary.io/city': city }),
    ...(country === undefined ? {} : { 'topology.tributary.io/country': country }),
    ...config.cluster?.labels,
  }
}
