/** Everything by which nodes find each other on the local network, as the configuration has it. */
import type { Config } from '../config/index.ts'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { NodeBase } from '../node-base.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { OpenDatagramSocket } from './datagram-socket.ts'
import { LocalNetwork } from './local-network.ts'
import type { OpenLocalServices } from './local-services.ts'
import { isLoopback, isPeerAddress } from './peer-address.ts'
import { UpstreamMulticast } from './upstream-multicast.ts'

/** The network itself; what is left out is not used. */
export interface LocalDiscoveryEdges {
  readonly services?: OpenLocalServices
  readonly datagrams?: OpenDatagramSocket
}

export interface LocalDiscoveryOptions extends NodeBase {
  readonly config: Pick<Config, 'neighbours' | 'rear' | 'role'>
  readonly registry: Pick<PeerRegistry, 'learn'>
  readonly edges: LocalDiscoveryEdges
  /** host:port of our REAR listener, once it listens. */
  readonly rearAddress: () => string
  /** host:port of our plain HTTP listener, while there is one. */
  readonly plainAddress: () => string | undefined
}

const DEFAULT_LISTEN = '127.0.0.1:0'
const DEFAULT_ROLE: PeerRole = 'node'

/** @returns whether a node announces itself on the local network and looks for others: never from loopback */
export function usesLocalNetwork({ rear, role, neighbours }: LocalDiscoveryOptions['config']): boolean {
  if (isLoopback(rear?.listen ?? DEFAULT_LISTEN)) return false
  return neighbours?.mdns ?? (role ?? DEFAULT_ROLE) !== 'catalog'
}

/** Starts after the REAR listener. */
export class LocalDiscovery implements Component {
  readonly #parts: readonly Component[]

  /** @throws RangeError when the multicast group is not IPv4 host:port */
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
  if (!edges.services || !usesLocalNetwork(config)) return []
  return [
    new LocalNetwork({
      ...options,
      role: config.role ?? DEFAULT_ROLE,
      open: edges.services,
      advertised: config.rear?.advertise !== undefined,
    }),
  ]
}

function multicast(options: LocalDiscoveryOptions): readonly Component[] {
  const { config, edges, plainAddress } = options
  const configured = config.neighbours?.multicast
  if (!edges.datagrams || !configured) return []
  const own = configured.interface
  return [
    new UpstreamMulticast({
      ...options,
      group: { ...parseGroup(configured.address), ...(own === undefined ? {} : { interface: own }) },
      open: edges.datagrams,
      plainAddress: () => reachable(plainAddress(), [config.rear?.advertise, own]),
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
  const port = listening.slice(listening.lastIndexOf(':') + 1)
  const host = hosts.find((each) => each !== undefined)?.replace(/:[0-9]+$/, '')
  const address = `${host}:${port}`
  return host !== undefined && isPeerAddress(address) ? address : undefined
}

function parseGroup(address: string): { readonly group: string; readonly port: number } {
  const match = /^(2(?:2[4-9]|3[0-9])(?:\.[0-9]{1,3}){3}):([0-9]{1,5})$/.exec(address)
  const port = Number(match?.[2])
  if (!match || !(port > 0 && port < 65_536)) {
    throw new RangeError(`neighbours.multicast.address: ${address} is not IPv4 multicast host:port`)
  }
  return { group: match[1]!, port }
}
