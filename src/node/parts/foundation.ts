/**
 * What stands under every part: the store and its informers, who we are, and the place where others reach us.
 * The clock, the store, the network and the machine come from outside.
 */
import { effectiveConfig, type Config, type EffectiveConfig } from '../../config/index.ts'
import type { Cluster } from '../../fabric/cluster.ts'
import type { Runner } from '../../fabric/embedded/index.ts'
import type { Fabric, FabricOptions } from '../../fabric/fabric.ts'
import type { LocalDiscoveryEdges } from '../../discovery-manager/index.ts'
import { cachedReads } from '../../kernel/cached-store.ts'
import { Fence, fencedStore } from '../../kernel/fenced-store.ts'
import { Informers } from '../../kernel/informer.ts'
import type { Log } from '../../kernel/log.ts'
import type { OpenedStore } from '../../kernel/opened-store.ts'
import type { System } from '../../kernel/system.ts'
import type { NodeBase, Self } from '../../node-base.ts'
import { ALL_KINDS } from '../../objects/index.ts'
import type { PeerRole } from '../../objects/peer.ts'
import type { Identity } from '../../privacy-and-security-manager/index.ts'
import type { Transport } from '../../rear/transport/index.ts'
import { FactObjects } from '../../ratings-and-metrics/index.ts'
import { Recorder, TraceObjects } from '../../trace/index.ts'
import { RearServer } from '../rear-server.ts'
import type { Part } from './part.ts'

/** What a node is made on: real on a machine, simulated in a test. */
export interface NodeEdges {
  readonly config: Config
  readonly directory: string
  readonly identity: Identity
  /** Its components run with the node; who opened it closes it. */
  readonly openedStore: OpenedStore
  readonly system: System
  /** Names the node in each line. */
  readonly log: Log
  readonly transport: Transport
  /** How programs are run; real processes unless given. */
  readonly runner?: Runner
  /** What workloads run in; the embedded fabric unless given. */
  readonly makeFabric?: (options: FabricOptions) => Fabric & Cluster
  /** The local network, where others may be found; not searched unless given. */
  readonly localDiscovery?: LocalDiscoveryEdges
  /**
   * This process acted for the node and may not any more, because it lost the Lease of a store that others share.
   * All is stopped; start a new one. Called once at most.
   */
  readonly onLost?: () => void
}

export interface FoundationHandles extends NodeBase, Omit<NodeEdges, 'config'> {
  readonly config: EffectiveConfig
  readonly base: NodeBase
  readonly role: PeerRole
  readonly rearServer: RearServer
  /** Open while this process acts for the node; what any part writes passes it. */
  readonly fence: Fence
  /** Where the recorder keeps facts. */
  readonly facts: FactObjects
}

/** @throws ConfigError */
export function createFoundation(edges: NodeEdges): Part<FoundationHandles> {
  const { identity, openedStore, system, log, transport } = edges
  const fence = new Fence()
  // Where nobody else can write, nobody needs to be kept from it.
  const fenced = openedStore.exclusive ? openedStore.store : fencedStore(openedStore.store, fence)
  const config = effectiveConfig(edges.config)
  const informers = new Informers({ store: fenced, system, log })
  const store = cachedReads(fenced, informers)
  const facts = new FactObjects({ store, informers, system, log })
  const recorder = new Recorder({
    system,
    node: config.name,
    sinks: [new TraceObjects({ store, system, log }), facts],
  })
  const rearServer = new RearServer({ config, transport, system, log })
  const domain = config.domain.name
  const self: Self = {
    id: identity.id,
    name: config.name,
    domain,
    identity: () => ({
      domain,
      nodeID: identity.id,
      ip: config.rear.advertise ?? rearServer.address ?? '',
      additionalInformation: { liqoID: config.name },
    }),
  }
  const base: NodeBase = { store, informers, system, log, recorder, self }
  return {
    handles: { ...edges, ...base, base, config, role: config.role, rearServer, fence, facts },
    components: [
      informers,
      recorder,
      // Where it listens is part of what the tables hold.
      rearServer,
      ...openedStore.components({ informers, store, kinds: ALL_KINDS, log, system }),
    ],
    routes: [],
  }
}
