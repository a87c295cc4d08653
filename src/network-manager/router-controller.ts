/**
 * Steps 18 and 19 of workflow 1: an informer makes us aware of a contract, and it gets its virtual
 * router; when the contract is over or gone, so is the router.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, remove, type ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { controllerOf, type ObjectKey, ownedBy } from '../objects/meta.ts'
import { type VirtualRouter, VirtualRouterKind, type VirtualRouterSpec } from '../objects/virtual-router.ts'
import { traceOf, type Recorder } from '../trace/index.ts'
import { type Path, routerFor } from './contract-path.ts'
import { onSpecChange } from './on-spec-change.ts'

export interface RouterControllerOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly self: string | undefined
  readonly pathOf: (contract: Contract) => Path | undefined
  readonly addressOf: (nodeID: string) => string | undefined
  readonly recorder: Recorder | undefined
}

/** Addresses come from elsewhere and change without telling us. */
const RESYNC_MS = 60_000

export class RouterController implements Component {
  readonly #options: RouterControllerOptions
  readonly #controller: Controller<[Contract, VirtualRouter]>

  constructor(options: RouterControllerOptions) {
    this.#options = options
    const { informers, system, log } = options
    this.#controller = new Controller({
      name: 'virtual-router',
      system,
      log,
      concurrency: 4,
      resyncMs: RESYNC_MS,
      watches: [
        { informer: informers.of(ContractKind) },
        { informer: informers.of(VirtualRouterKind), keys: onSpecChange },
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
    const { store, informers, self, pathOf, addressOf } = this.#options
    const contract = informers.of(ContractKind).get(key)
    const router = informers.of(VirtualRouterKind).get(key)
    const wanted = contract && routerFor(contract, self, pathOf(contract), addressOf)
    if (contract === undefined || wanted === undefined) {
      // One that somebody made by hand, for no contract, is none of ours.
      if (router && controllerOf(router)?.kind === ContractKind.kind)
        await remove(store, VirtualRouterKind, key)
      return
    }
    // A contract of the same name that was made anew: its router is another one, too.
    if (router && controllerOf(router)?.uid !== contract.metadata.uid) {
      await remove(store, VirtualRouterKind, key)
      return
    }
    if (router === undefined) {
      await this.#create(key, contract, wanted)
    } else if (!isDeepStrictEqual(router.spec, wanted)) {
      await store.update(VirtualRouterKind, { ...router, spec: wanted })
    }
  }

  async #create(key: ObjectKey, contract: Contract, spec: VirtualRouterSpec): Promise<void> {
    const { store, recorder } = this.#options
    const since = recorder?.now()
    try {
      await store.create(
        VirtualRouterKind,
        { metadata: { ...key, ownerReferences: [ownedBy(contract)] }, spec },
        // The consumer is who waits for its way; the provider only listens.
        { deferrable: contract.spec.role === 'seller' },
      )
      const trace = traceOf(contract)
      recorder?.step(trace, 'router-deployed', {
        role: trace?.role ?? (contract.spec.role === 'seller' ? 'provider' : 'consumer'),
        peer: spec.peer.nodeID,
        since,
        detail: `${spec.role} of ${key.name}`,
      })
    } catch (error) {
      // The informer lags behind our own writing.
      if (!isStoreError(error, 'AlreadyExists')) throw error
    }
  }
}
