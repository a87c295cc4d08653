/** The carrier of each contract: made when it is asked for, made anew when the way of the contract changes. */
import type { Clock } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { VirtualRouter } from '../objects/virtual-router.ts'
import {
  type Transport,
  TransportError,
  type TransportIdentity,
  type TransportLimits,
  type TransportTarget,
} from '../rear/transport/index.ts'
import { tlsContext } from '../rear/transport/tls-context.ts'
import { type Carrier, directCarrier } from './carrier.ts'
import { RelayedCarrier } from './relay/relayed-carrier.ts'
import type { RouterIndex } from './router-index.ts'

export interface CarriersOptions {
  readonly routers: Pick<RouterIndex, 'of'>
  readonly transport: Transport
  /** Needed for ways through relays. */
  readonly identity: TransportIdentity | undefined
  readonly clock: Clock
  readonly transportLimits: TransportLimits
  /** For opening a way through relays, in milliseconds. */
  readonly relayTimeoutMs: number
}

interface KnownCarrier {
  /** What it was made for, as text. */
  readonly madeFor: string
  readonly carrier: Carrier & { close?(): void }
}

/** What is left of a way when its contract is over. */
const NO_CARRIER: Carrier = {
  request: () => Promise.reject(new TransportError('aborted', 'the contract ended')),
  openStream: () => Promise.reject(new TransportError('aborted', 'the contract ended')),
}

export class Carriers {
  readonly #options: CarriersOptions
  readonly #context: ReturnType<typeof tlsContext> | undefined
  readonly #carriers = new Map<string, KnownCarrier>()

  constructor(options: CarriersOptions) {
    this.#options = options
    this.#context = options.identity && tlsContext(options.identity)
  }

  /**
   * @returns what carries the traffic of a contract now; once it is over, one that refuses everything
   * @throws Error when the way leads through relays and this node was given no identity
   */
  of(contractID: string): Carrier {
    const router = this.#options.routers.of(contractID)
    if (router === undefined) return NO_CARRIER
    const { peer, path = [] } = router.spec
    const madeFor = JSON.stringify([router.metadata.uid, peer, path])
    const known = this.#carriers.get(contractID)
    if (known?.madeFor === madeFor) return known.carrier
    known?.carrier.close?.()
    const carrier =
      path.length === 0 ? directCarrier(this.#options.transport, targetOf(peer)) : this.#relayed(router)
    this.#carriers.set(contractID, { madeFor, carrier })
    return carrier
  }

  close(contractID: string): void {
    this.#carriers.get(contractID)?.carrier.close?.()
    this.#carriers.delete(contractID)
  }

  closeAll(): void {
    for (const { carrier } of this.#carriers.values()) carrier.close?.()
    this.#carriers.clear()
  }

  #relayed({ spec: { contractID, remoteContractID, peer, path } }: VirtualRouter): RelayedCarrier {
    if (!this.#context) throw new Error('a relayed way needs the identity of this node')
    const { transport, clock, transportLimits, relayTimeoutMs } = this.#options
    return new RelayedCarrier({
      transport,
      context: this.#context,
      clock,
      limits: transportLimits,
      contractID,
      remoteContractID: remoteContractID ?? contractID,
      firstRelay: targetOf(path![0]!),
      provider: peer.nodeID,
      timeoutMs: relayTimeoutMs,
    })
  }
}

function targetOf(node: { readonly nodeID: string; readonly address: string }): TransportTarget {
  return { address: node.address, id: node.nodeID as NodeId }
}
