/** Everything by which nodes find each other on the local network, as the configuration has it. */
import type { EffectiveConfig } from '../config/index.ts'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import { parseHostPort } from '../objects/host-port.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { OpenDatagramSocket } from './datagram-socket.ts'
import { LocalNetwork } from './local-network.ts'
import type { OpenLocalServices } from './local-services.ts'
import { isPeerAddress } from './peer-address.ts'
import { UpstreamMulticast } from './upstream-multicast.ts'

/** The network itself; what is left out is not used. */
export interface LocalDiscoveryEdges {
  readonly services?: OpenLocalServices
  readonly datagrams?: OpenDatagramSocket
}

export interface LocalDiscoveryOptions extends NodeBase {
  readonly config: Pick<EffectiveConfig, 'neighbours' | 'rear' | 'role'>
  readonly registry: Pick<PeerRegistry, 'learn'>
  readonly edges: LocalDiscoveryEdges
  /** host:port of our REAR listener, once it listens. */
  readonly rearAddress: () => string
  /** host:port of our plain HTTP listener, while there is one. */
  readonly plainAddress: () => string | undefined
}

/** Starts after the REAR listener. */
export class LocalDiscovery implements Component {
  readonly #parts: readonly Component[]

  constructor(options: LocalDiscoveryOptions) {
    this.#parts = [...mdns(options), ...multicast(options)]
  }

  start(): Promise<void> {
    return startAll(this.#parts)
  }

  stop(): Promise<void> {
    return stopAll(this.#parts)
  }
}

function mdns(options: LocalDiscoveryOptions): readonly Component[] {
  const { config, edges } = options
  if (!edges.services || !config.neighbours.mdns) return []
  return [
    new LocalNetwork({
      ...options,
      role: config.role,
      open: edges.services,
      advertised: config.rear.advertise !== undefined,
    }),
  ]
}

function multicast(options: LocalDiscoveryOptions): readonly Component[] {
  const { config, edges, plainAddress } = options
  const configured = config.neighbours.multicast
  if (!edges.datagrams || !configured) return []
  const { host: group, port, interface: own } = configured
  return [
    new UpstreamMulticast({
      ...options,
      group: { group, port, ...(own === undefined ? {} : { interface: own }) },
      open: edges.datagrams,
      plainAddress: () => reachable(plainAddress(), [config.rear.advertise, own]),
    }),
  ]
}

/**
 * A listener on all interfaces is at no address that others could use.
 * @param hosts what they may use instead: host:port or a bare host, the first that is there
 */
function reachable(
  listening: string | undefined,
  hosts: readonly (string | undefined)[],
): string | undefined {
  const usable: boolean = isPeerAddress(listening)
  if (listening === undefined || usable) return listening
  const { port } = parseHostPort(listening)
  const host = hosts.find((each) => each !== undefined)?.replace(/:[0-9]+$/, '')
  const address = `${host}:${port}`
  return host !== undefined && isPeerAddress(address) ? address : undefined
}
