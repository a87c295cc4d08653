/** Looking contracts up: fast answers from the informer for everybody who must know whether one is in force. */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { SoldSlice } from '../fabric/fabric.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract, type ContractPhase } from '../objects/contract.ts'
import type { ContractId, NodeId } from '../objects/ids.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import { configurationToWire } from '../rear/wire/index.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { amountsOf } from './terms.ts'

/** @returns the phase of a contract; a new one is active */
export function phaseOf(contract: Contract): ContractPhase {
  return (contract.status?.phase?.phase as ContractPhase | undefined) ?? 'Active'
}

/** @returns what a contract gives its buyer */
export function contractAmounts(contract: Contract): Amounts {
  const { configuration } = contract.spec
  return configuration ? amountsOf(configurationToWire(configuration)) : {}
}

export class Contracts implements Component {
  readonly informer: Informer<Contract>

  constructor(base: Pick<NodeBase, 'informers'>) {
    this.informer = base.informers.of(ContractKind)
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  get(contractID: string): Contract | undefined {
    return this.informer.get({ namespace: DEFAULT_NAMESPACE, name: contractID })
  }

  /** @returns what we sold under a contract that is in force */
  sold(contractID: string): SoldSlice | undefined {
    const contract = this.get(contractID)
    if (contract === undefined || contract.spec.role !== 'seller' || phaseOf(contract) !== 'Active') return undefined
    return {
      contractID: contractID as ContractId,
      buyer: contract.spec.buyer.nodeID as NodeId,
      amounts: contractAmounts(contract),
    }
  }
}
