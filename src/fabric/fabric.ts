/**
 * The Fabric port: what turns a contract into a virtual node.
 *
 * Between the Virtual Fabric Manager and an implementation (`embedded`, `liqo`). Every call is
 * idempotent: it says what should be so, and may be repeated after a crash. One conformance
 * suite runs against each implementation.
 */
import type { Component } from '../kernel/component.ts'
import type { ContractId, NodeId } from '../objects/ids.ts'

/** Kubernetes quantities by resource name: `cpu`, `memory`, `pods`, `storage`, … */
export type Amounts = Readonly<Record<string, string>>

/** What a provider has sold under one contract. */
export interface SoldSlice {
  readonly contractID: ContractId
  /** The node that may use the slice. */
  readonly buyer: NodeId
  readonly amounts: Amounts
}

/** The provider's answer to a ResourceRequest. */
export type ResourceOffer =
  | {
      readonly status: 'Accepted'
      readonly contractID: ContractId
      readonly resources: Amounts
      /** Become labels of the virtual node. */
      readonly nodeLabels: Readonly<Record<string, string>>
      /** How the limits are kept, for example `cgroup-v2` or `watchdog`. */
      readonly enforcement: string
    }
  | {
      readonly status: 'Denied'
      readonly contractID: ContractId
      /** Stable, CamelCase. */
      readonly reason: string
      readonly message: string
    }

/** What a consumer has bought under one contract. */
export interface BoughtSlice {
  /** Name of the virtual node, unique in the consumer's cluster. */
  readonly nodeName: string
  readonly contractID: ContractId
  readonly provider: NodeId
  readonly offer: Extract<ResourceOffer, { status: 'Accepted' }>
}

export interface FabricStatus {
  readonly ready: boolean
  /** Stable, CamelCase: why it is (not) ready. */
  readonly reason: string
  readonly message: string
}

export interface Fabric extends Component {
  readonly name: string
  /** Provider: makes room for the slice. */
  offer(slice: SoldSlice): Promise<ResourceOffer>
  /** Provider: stops everything that runs under the contract and takes the slice away. */
  withdraw(contractID: ContractId): Promise<void>
  /** Consumer: makes the virtual node appear. Resolves when the node object is stored. */
  attach(slice: BoughtSlice): Promise<void>
  /** Consumer: removes the virtual node; its pods are deleted first. */
  detach(nodeName: string): Promise<void>
  /** Consumer: whether the virtual node is usable; includes a probe of the path to the provider. */
  status(nodeName: string): Promise<FabricStatus>
}
