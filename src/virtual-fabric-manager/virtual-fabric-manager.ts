/** The component: the VirtualNode controller of the consumer, and the RESOURCE_REQUEST route of the provider. */
import type { Fabric, SoldSlice } from '../fabric/fabric.ts'
import type { Channel } from '../kernel/channel.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { Informer } from '../kernel/informer.ts'
import { remove } from '../kernel/object-store.ts'
import { done, type ReconcileResult, requeueAfter } from '../kernel/reconcile/result.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import { fieldsEqual } from '../objects/field-selector.ts'
import { VirtualNodeKind, type VirtualNode } from '../objects/virtual-node.ts'
import { VirtualRouterKind, type VirtualRouter } from '../objects/virtual-router.ts'
import type { Route } from '../rear/route.ts'
import { traceOf, type TraceContext } from '../trace/index.ts'
import { attachNode } from './attach.ts'
import { detachNode } from './detach.ts'
import { observeNode } from './observe.ts'
import { ResourceExchange } from './resource-exchange.ts'
import { resourceRoute } from './resource-route.ts'

export interface VirtualFabricManagerOptions extends NodeBase {
  readonly fabric: Fabric
  /** The way to the other end of a contract, made by the Network Manager. */
  readonly channelFor: (contractID: string) => Channel | undefined
  /** What we sold under a contract that is in force. */
  readonly sold: (contractID: string) => SoldSlice | undefined
  /** Provider, steps 24 and 25. */
  readonly peered: (contractID: string, buyer: string, trace?: TraceContext) => Promise<void>
}

const RETRY_MS = 1_000

export class VirtualFabricManager implements Component {
  readonly routes: readonly Route[]
  readonly #options: VirtualFabricManagerOptions
  readonly #nodes: Informer<VirtualNode>
  readonly #contracts: Informer<Contract>
  readonly #exchange: ResourceExchange
  readonly #controller: Controller<[VirtualNode, VirtualRouter, Contract]>
  #unsubscribe: (() => void) | undefined

  constructor(options: VirtualFabricManagerOptions) {
    this.#options = options
    const { informers } = options
    this.#contracts = informers.of(ContractKind)
    this.routes = [
      resourceRoute({
        ...options,
        traceOf: (contractID) => {
          const contract = this.#contracts.get(inDefaultNamespace(contractID))
          return contract && traceOf(contract)
        },
      }),
    ]
    this.#nodes = informers.of(VirtualNodeKind)
    this.#nodes.addIndex('contract', (node) => [node.spec.contractID])
    this.#nodes.addIndex('name', (node) => [node.metadata.name])
    this.#exchange = new ResourceExchange(options)
    const ofContract = (contractID: string): ObjectKey[] =>
      this.#nodes.byIndex('contract', contractID).map(keyOf)
    this.#controller = new Controller<[VirtualNode, VirtualRouter, Contract]>({
      name: 'virtual-fabric-manager',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: this.#nodes },
        // A new router is a new way; an ended contract is the end of its virtual node.
        {
          informer: informers.of(VirtualRouterKind),
          keys: ({ object }) => ofContract(object.spec.contractID),
        },
        { informer: this.#contracts, keys: ({ object }) => ofContract(object.metadata.name) },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    this.#unsubscribe ??= this.#options.fabric.onChange((change) => {
      // Whoever withdraws is told by `onWithdrawn`.
      if (change.type !== 'virtual-node') return
      for (const node of this.#nodes.byIndex('name', change.nodeName)) this.#controller.enqueue(keyOf(node))
    })
    return this.#controller.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    await this.#controller.stop()
  }

  /**
   * Provider: stops what runs under a contract.
   * @returns whether nothing does any more; to be repeated when `onWithdrawn` tells, and now and then besides
   */
  async withdraw(contractID: string): Promise<boolean> {
    const { fabric } = this.#options
    await fabric.withdraw(contractID)
    return (await fabric.provided(contractID)).state === 'Absent'
  }

  /**
   * Provider. One that could not be withdrawn is not told of: to be tried again is for whoever withdraws.
   * @param listener is told the contract under which nothing is provided any more
   * @returns ends it
   */
  onWithdrawn(listener: (contractID: string) => void): () => void {
    const { fabric, log } = this.#options
    return fabric.onChange((change) => {
      if (change.type !== 'provided') return
      const { contractID } = change
      void fabric
        .provided(contractID)
        .then(({ state }) => {
          if (state === 'Absent') listener(contractID)
        })
        .catch((error: unknown) => log.debug({ err: error, contractID }, 'not known what is provided'))
    })
  }

  /** Consumer: whether nothing stands for the contract any more. */
  async detached(contractID: string): Promise<boolean> {
    const fields = fieldsEqual({ 'spec.contractID': contractID })
    const { items } = await this.#options.store.list(VirtualNodeKind, { fields, limit: 1 })
    return items.length === 0
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { store, fabric } = this.#options
    const node = this.#nodes.get(key)
    if (node === undefined) return done
    if (node.metadata.deletionTimestamp !== undefined) {
      this.#exchange.forget(node)
      return detachNode(this.#options, node)
    }
    if (await this.#isOver(node)) {
      await remove(store, VirtualNodeKind, key)
      return done
    }
    const state = await fabric.observe(node.metadata.name)
    switch (state.state) {
      case 'Absent':
        return attachNode({ ...this.#options, exchange: this.#exchange }, key, signal)
      case 'Detaching':
        // One of an earlier life: it comes back as a new one.
        return requeueAfter(RETRY_MS)
      case 'Attaching':
      case 'Ready':
      case 'NotReady':
      case 'Failed':
        return observeNode(this.#options, node, state)
    }
  }

  /** Whether the contract has ended. The local copy may not know of a new one yet. */
  async #isOver({ spec }: VirtualNode): Promise<boolean> {
    const key = inDefaultNamespace(spec.contractID)
    const isActive = (contract: Contract | undefined): boolean =>
      contract !== undefined && (contract.status?.phase?.phase ?? 'Active') === 'Active'
    return !isActive(this.#contracts.get(key)) && !isActive(await this.#options.store.get(ContractKind, key))
  }
}
