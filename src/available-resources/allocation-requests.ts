/**
 * Allocations that a user made: each asks how the capacity of a contract is doing, is told so in its status, and goes
 * when the contract is over. Gives nobody anything: what a contract has is set aside when it is made.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { remove } from '../kernel/object-store.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { isAllocationRequest } from '../objects/allocation-request.ts'
import { AllocationKind, type Allocation } from '../objects/allocation.ts'
import { ContractKind, hasEnded } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, referenceTo, type ObjectKey } from '../objects/meta.ts'
import { allocationName } from './allocation-name.ts'

const CONTRACT_INDEX = 'requested'

export class AllocationRequests implements Component {
  readonly #options: NodeBase
  readonly #controller: Controller

  constructor(options: NodeBase) {
    this.#options = options
    const { system, log, informers } = options
    const allocations = informers.of(AllocationKind)
    allocations.addIndex(CONTRACT_INDEX, (each) => {
      const contract = each.spec.contract?.name
      return contract !== undefined && isAllocationRequest(each) ? [contract] : []
    })
    const about = (contract: string): readonly ObjectKey[] =>
      allocations.byIndex(CONTRACT_INDEX, contract).map(keyOf)
    this.#controller = new Controller({
      name: 'allocation-requests',
      system,
      log,
      watches: [
        {
          informer: allocations,
          keys: ({ object }) =>
            isAllocationRequest(object) ? keyOf(object) : about(object.spec.contract?.name ?? ''),
        },
        { informer: informers.of(ContractKind), keys: ({ object }) => about(object.metadata.name) },
      ],
      reconcile: (key) => this.#reconcile(key),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  async #reconcile(key: ObjectKey): Promise<void> {
    const { store, informers, system } = this.#options
    const request = informers.of(AllocationKind).get(key)
    if (request === undefined || !isAllocationRequest(request)) return
    const contractID = request.spec.contract?.name ?? ''
    // The informer may be late with a contract that has just been made.
    const contract = await store.get(ContractKind, inDefaultNamespace(contractID))
    if (contract === undefined || hasEnded(contract)) {
      await remove(store, AllocationKind, key)
      return
    }
    const own = informers.of(AllocationKind).get(inDefaultNamespace(allocationName(contractID)))
    const isOwn = own !== undefined && !isAllocationRequest(own)
    const said: Allocation['status'] = {
      status: (isOwn && own.status?.status) || 'Inactive',
      message: isOwn ? `as ${own.metadata.name} has it` : 'nothing is set aside here for the contract (yet)',
      ...(isOwn ? { resourceRef: referenceTo(own) } : {}),
    }
    await amendStatus(store, AllocationKind, request, ({ status }) =>
      status?.status === said.status && status?.message === said.message
        ? undefined
        : { ...said, lastUpdateTime: rfc3339(system.clock.now()) },
    )
  }
}
