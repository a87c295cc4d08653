/**
 * The Fabric port: what turns a contract into a virtual node.
 *
 * Between the Virtual Fabric Manager, which carries the messages, and an implementation (`embedded`, `liqo`),
 * which knows what goes into them. Nothing here waits for the other side: calls say what should be so and
 * return, `observe` and `provided` say what is so, and `onChange` tells when to look again. Every call may be
 * repeated, by another process too, after a crash between any two of them. One conformance suite runs
 * against each implementation.
 */
import type { Component } from '../kernel/component.ts'
import type { GuestSettings, GuestTerms } from '../objects/guests.ts'
import type { Log } from '../kernel/log.ts'
import type { Informers } from '../kernel/informer.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import type { Channel } from '../kernel/channel.ts'
import type { NodeId } from '../objects/ids.ts'
import type { Amounts } from '../quantity/amounts.ts'
import type { Route } from '../rear/route.ts'
import type { IncomingStream } from '../rear/transport/index.ts'
import type { ProvidedState, VirtualNodeState } from './states.ts'

export type { Amounts } from '../quantity/amounts.ts'
export type { ProvidedState, VirtualNodeState } from './states.ts'

/** JSON of the fabric's own, from one side to the other. Nobody in between looks into it or keeps it. */
export type FabricPayload = Readonly<Record<string, unknown>>

/** Not now, but the same question may be asked again. */
export interface Pending {
  readonly status: 'Pending'
  /** Stable, CamelCase. */
  readonly reason: string
  readonly message: string
  /** When it is worth asking again, in milliseconds. */
  readonly retryAfterMs: number
}

/** What a provider has sold under one contract. */
export interface SoldSlice {
  readonly contractID: string
  /** The node that may use the slice. */
  readonly buyer: NodeId
  readonly amounts: Amounts
}

/** What a consumer has bought under one contract and wants to use. */
export interface WantedSlice {
  /** Name of the virtual node, unique in the consumer's cluster. */
  readonly nodeName: string
  readonly contractID: string
  readonly provider: NodeId
  readonly amounts: Amounts
}

/** What the consumer's side has to say to the provider's. */
export type PreparedRequest = { readonly status: 'Prepared'; readonly payload?: FabricPayload } | Pending

export interface AcceptedOffer {
  readonly status: 'Accepted'
  readonly contractID: string
  readonly resources: Amounts
  /** Become labels of the virtual node. */
  readonly nodeLabels: Readonly<Record<string, string>>
  /** How the limits are kept, for example `cgroup-v2` or `watchdog`. */
  readonly enforcement: string
  readonly payload?: FabricPayload
}

export interface DeniedOffer {
  readonly status: 'Denied'
  readonly contractID: string
  /** Stable, CamelCase. */
  readonly reason: string
  readonly message: string
}

/** With a payload: the consumer's next request answers it. */
export interface PendingOffer extends Pending {
  readonly contractID: string
  readonly payload?: FabricPayload
}

/** The provider's answer to a request. */
export type ResourceOffer = AcceptedOffer | DeniedOffer | PendingOffer

/** What a consumer has bought, and the provider's offer for it. */
export interface BoughtSlice extends Omit<WantedSlice, 'amounts'> {
  readonly offer: AcceptedOffer
}

/** What has changed and should be looked at: a virtual node of ours, or what we provide under a contract. */
export type FabricChange =
  | { readonly type: 'virtual-node'; readonly nodeName: string }
  | { readonly type: 'provided'; readonly contractID: string }

export interface Fabric extends Component {
  readonly name: string
  /** To be served to peers. */
  readonly routes: readonly Route[]
  /**
   * To be called for each stream that a peer opens.
   * @returns false when the path is none of ours
   * @throws StreamRefused when the peer may not
   */
  onStream(stream: FabricStream): boolean

  /**
   * Consumer: what to ask the provider.
   * @param answer the provider's last offer, while it is `Pending`; none at the beginning. An exchange may begin
   *   anew at any time, for example after a restart: both sides then answer as they did
   */
  prepare(slice: WantedSlice, answer?: PendingOffer): Promise<PreparedRequest>
  /**
   * Provider: makes room for the slice, and says how far that is.
   * @param payload what the consumer's `prepare` gave; from another node, so to be checked
   */
  offer(slice: SoldSlice, payload?: FabricPayload): Promise<ResourceOffer>
  /**
   * Consumer: the virtual node should be there. Resolves when that is stored, not when the node is.
   * @throws Error when a node of that name stands for something else
   */
  attach(slice: BoughtSlice): Promise<void>
  /** Consumer: the virtual node should go, its pods first. Resolves when that is stored or begun. */
  detach(nodeName: string): Promise<void>
  /** Consumer: how it stands with a virtual node. */
  observe(nodeName: string): Promise<VirtualNodeState>
  /** Provider: everything under the contract should stop, and the slice go. Resolves when that is stored or begun. */
  withdraw(contractID: string): Promise<void>
  /** Provider: how it stands with what is provided under a contract. */
  provided(contractID: string): Promise<ProvidedState>
  /**
   * What buyers get here, or why nothing is sold that runs programs; finds out what works. Absent where that is for the
   * cluster to say.
   */
  guestTerms?(): Promise<GuestTerms>
  /** The same, known after the start. */
  readonly guests?: GuestTerms
  /** @returns ends it. Tells at least once of each change of a state; may tell when there is none */
  onChange(listener: (change: FabricChange) => void): () => void
}

/** A stream that a peer opened towards us. */
export type FabricStream = Pick<IncomingStream, 'path' | 'duplex'> & {
  readonly peer: { readonly id: NodeId }
}

/** What the composition root gives to whichever fabric there is. */
export interface FabricOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  /** What the operator calls this node. */
  readonly nodeName: string
  /** A directory of the fabric's own; made if it is not there. */
  readonly directory: string
  /** What our own programs may use of this machine: `cpu`, `memory`, and `pods` if not 110. */
  readonly capacity: Amounts
  /** What is sold of this machine, besides that. */
  readonly forSale?: Amounts
  /** Further labels of our own nodes, for example of the place; they go to virtual nodes of buyers, too. */
  readonly labels?: Readonly<Record<string, string>>
  /** Whether programs of others may run here; the operator has to say so. */
  readonly allowWorkloads: boolean
  /** How they run, if they may; the defaults unless given. */
  readonly guests?: GuestSettings
  /** Paths that programs must not see, even where they can only run as our own user: our data and keys. */
  readonly hidden?: readonly string[]
  readonly contracts: {
    /** @returns what runs under the contract now; undefined when it is unknown, ended, or not ours to provide */
    sold(contractID: string): SoldSlice | undefined
  }
  /** @returns the way to the other end of a contract; undefined while there is none */
  readonly channels: (contractID: string) => Channel | undefined
  /** Of this program. */
  readonly version: string
}
