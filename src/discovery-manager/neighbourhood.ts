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
export interface NeighbourhoodEdges {
  readonly services?: OpenLocalServices
  readonly datagrams?: OpenDatagramSocket
}

export interface NeighbourhoodOptions extends NodeBase {
  readonly config: Pick<Config, 'neighbours' | 'rear' | 'role'>
  readonly registry: Pick<PeerRegistry, 'learn'>
  readonly edges: NeighbourhoodEdges
  /** host:port of our REAR listener, once it listens. */
  readonly rearAddress: () => string
  /** host:port of our plain HTTP listener, while there is one. */
  readonly plainAddress: () => string | undefined
}

const DEFAULT_LISTEN = '127.0.0.1:0'
const DEFAULT_ROLE: PeerRole = 'node'

/** @returns whether a node announces itself on the local network and looks for others: never from loopback */
export function usesLocalNetwork({ rear, role, neighbours }: NeighbourhoodOptions['config']): boolean {
  if (isLoopback(rear?.listen ?? DEFAULT_LISTEN)) return false
  return neighbours?.mdns ?? (role ?? DEFAULT_ROLE) !== 'catalog'
}

/**
 * Starts after the REAR listener.
 * @throws RangeError when the multicast group is no IPv4 host:port
 */
export function createNeighbourhood(options: NeighbourhoodOptions): Component {
  const { config, edges, plainAddress } = options
  const parts: Component[] = []
  if (edges.services && usesLocalNetwork(config)) {
    parts.push(
      new LocalNetwork({
        ...options,
        role: config.role ?? DEFAULT_ROLE,
        open: edges.services,
        advertised: config.rear?.advertise !== undefined,
      }),
    )
  }
  const multicast = config.neighbours?.multicast
  if (edges.datagrams && multicast) {
    const own = multicast.interface
    parts.push(
      new UpstreamMulticast({
        ...options,
        group: { ...parseGroup(multicast.address), ...(own === undefined ? {} : { interface: own }) },
        open: edges.datagrams,
        plainAddress: () => reachable(plainAddress(), [config.rear?.advertise, own]),
      }),
    )
  }
  return { start: () => startAll(parts), stop: () => stopAll(parts) }
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
    throw new RangeError(`neighbours.multicast.address: no IPv4 multicast host:port: ${address}`)
  }
  return { group: match[1]!, port }
}
