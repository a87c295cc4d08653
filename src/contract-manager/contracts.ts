/** Looking contracts up: fast answers from the informer for everybody who must know whether one is in force. */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { SoldSlice } from '../fabric/fabric.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract, type ContractPhase } from '../objects/contract.ts'
import type { NodeId } from '../objects/ids.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { contractAmounts } from '../rear/configured-amounts.ts'
import { FORWARDS, UNAUTHENTICATED, USER } from './extra-information.ts'

/** @returns the phase of a contract; a new one is active */
export function phaseOf(contract: Contract): ContractPhase {
  return (contract.status?.phase?.phase as ContractPhase | undefined) ?? 'Active'
}

/** @returns the party of a contract that is not us */
export function otherSide(contract: Contract): Contract['spec']['buyer'] {
  return contract.spec.role === 'seller' ? contract.spec.buyer : contract.spec.seller
}

/** @returns the contract with the next hop, where this one was sold on: one or none */
export function forwardedBy({ spec }: Contract): readonly string[] {
  const forwards = spec.extraInformation?.[FORWARDS]
  return spec.role === 'seller' && forwards !== undefined ? [forwards] : []
}

/** @returns who uses what was sold: the buyer, or the one for whom a supernode bought it */
export function userOf(contract: Contract): NodeId {
  return (contract.spec.extraInformation?.[USER] ?? contract.spec.buyer.nodeID) as NodeId
}

/**
 * Whether the buyer proved who he is: nobody else runs anything here, or reaches what does.
 */
export function isAuthenticated({ spec }: Contract): boolean {
  return spec.extraInformation?.[UNAUTHENTICATED] === undefined
}

export class Contracts implements Component {
  readonly informer: Informer<Contract>

  readonly #mayUse: (contract: Contract) => boolean

  /** @param mayUse whether anything runs here, or is reached, under a contract that we sold */
  constructor(base: Pick<NodeBase, 'informers'>, mayUse: (contract: Contract) => boolean = isAuthenticated) {
    this.#mayUse = mayUse
    this.informer = base.informers.of(ContractKind)
    this.informer.addIndex('forwards', forwardedBy)
    this.informer.addIndex('user', (contract) =>
      contract.spec.role === 'seller' && mayUse(contract) ? [userOf(contract)] : [],
    )
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  get(contractID: string): Contract | undefined {
    return this.informer.get(inDefaultNamespace(contractID))
  }

  /** @returns the contract with the hop before that a contract with the next hop was made for */
  forwardedFor(contractID: string): Contract | undefined {
    return this.informer.byIndex('forwards', contractID)[0]
  }

  /** @returns whether a node uses something that we sold, perhaps through others: it may then ask for it itself */
  isUser(nodeID: string): boolean {
    return this.informer.byIndex('user', nodeID).some((contract) => phaseOf(contract) === 'Active')
  }

  /** @returns whether the node is a side of the contract, or uses what was sold under it */
  isParty(contractID: string, nodeID: string): boolean {
    const spec = this.get(contractID)?.spec
    return (
      spec?.buyer.nodeID === nodeID ||
      spec?.seller.nodeID === nodeID ||
      this.sold(contractID)?.buyer === nodeID
    )
  }

  /** @returns what runs here under a contract that is in force: nothing under one that we only pass on */
  provided(contractID: string): SoldSlice | undefined {
    const forwards = this.get(contractID)?.spec.extraInformation?.[FORWARDS]
    return forwards === undefined ? this.sold(contractID) : undefined
  }

  /** @returns what we sold under a contract that is in force, also where others provide it */
  sold(contractID: string): SoldSlice | undefined {
    const contract = this.get(contractID)
    if (contract === undefined || contract.spec.role !== 'seller' || phaseOf(contract) !== 'Active')
      return undefined
    if (!this.#mayUse(contract)) return undefined
    return {
      contractID,
      buyer: userOf(contract),
      amounts: contractAmounts(contract),
    }
  }
}
