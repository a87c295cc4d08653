/**
 * How contracts end: by expiry, or by either side, with a statement that both sign.
 *
 * The order is always the same and every step may be repeated: stop what runs, take down the peering, give
 * the capacity back, tell the other side. A side that cannot be reached does not hold up the rest: the
 * statement is sent again until it is signed or the contract would have ended anyway.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { removeFinalizer } from '../kernel/reconcile/finalizers.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import type { NodeKey } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { closeByPeer } from './closing-by-peer.ts'
import type { SignedClosing } from './closing-statement.ts'
import { CONTRACT_FINALIZER } from './contract-issuer.ts'
import { setContractPhase } from './contract-phase.ts'
import { forwardedBy, phaseOf, type Contracts } from './contracts.ts'
import { notifyEnd } from './notify-end.ts'
import { requestClose } from './request-close.ts'
import { takeDown, type TakeDownOptions } from './take-down.ts'

export interface ClosingOptions extends NodeBase, TakeDownOptions {
  readonly client: RearClient
  readonly key: NodeKey
  readonly contracts: Contracts
  /** Tells of contracts under which nothing runs here any more. @returns ends it */
  readonly onWithdrawn: (listener: (contractID: string) => void) => () => void
}

const NOTIFY_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 2 * 60_000
/** What has to stop first wakes us when it has; these pauses are for what is not told, such as a failure. */
const TAKE_DOWN_RETRY_MS = 1_000
const LONGEST_TAKE_DOWN_RETRY_MS = 30_000

export class Closing implements Component {
  readonly #options: ClosingOptions
  readonly #controller: Controller
  readonly #backoffs: Backoffs
  readonly #takingDown: Backoffs
  #unsubscribe: (() => void) | undefined

  constructor(options: ClosingOptions) {
    this.#options = options
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: NOTIFY_RETRY_MS,
      longestMs: LONGEST_RETRY_MS,
      of: options.informers.of(ContractKind),
    })
    this.#takingDown = new Backoffs({
      clock: options.system.clock,
      firstMs: TAKE_DOWN_RETRY_MS,
      longestMs: LONGEST_TAKE_DOWN_RETRY_MS,
      of: options.informers.of(ContractKind),
    })
    this.#controller = new Controller({
      name: 'contract-closing',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        {
          informer: options.informers.of(ContractKind),
          // That of the next hop waits for the one that it was bought for.
          keys: ({ object }) => [
            keyOf(object),
            ...forwardedBy(object).map((contractID) => inDefaultNamespace(contractID)),
          ],
        },
        // Waits for it: what was bought is given back when nothing stands for it any more.
        {
          informer: options.informers.of(VirtualNodeKind),
          keys: ({ type, object }) =>
            type === 'deleted' ? inDefaultNamespace(object.spec.contractID) : undefined,
        },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    this.#unsubscribe ??= this.#options.onWithdrawn((contractID) =>
      this.#controller.enqueue(inDefaultNamespace(contractID)),
    )
    return this.#controller.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    await this.#controller.stop()
  }

  /**
   * The other side ends the contract.
   * @returns the statement with both signatures; an earlier one of ours, if it is closed already
   * @throws Problem
   */
  closeByPeer(contractID: string, received: SignedClosing, caller: string): Promise<SignedClosing> {
    return closeByPeer(this.#options, contractID, received, caller)
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const contract = await this.#options.store.get(ContractKind, key)
    if (contract === undefined) return done
    switch (phaseOf(contract)) {
      case 'Active':
        return this.#watchOver(contract)
      case 'Closing':
        return this.#end(contract)
      case 'Closed':
      case 'Expired':
        return this.#settle(contract, signal)
    }
  }

  /** In force: until somebody deletes it, or its time has come. */
  async #watchOver(contract: Contract): Promise<ReconcileResult> {
    const { system } = this.#options
    const { metadata, spec, status } = contract
    if (metadata.deletionTimestamp !== undefined) {
      await requestClose(this.#options, metadata.name, 'deleted by the user')
      return done
    }
    const end = Date.parse(spec.expirationTime ?? '')
    const now = system.clock.now()
    if (end <= now) {
      await setContractPhase(this.#options, contract, 'end-reached', 'expired')
      return done
    }
    if (status?.phase === undefined)
      await setContractPhase(this.#options, contract, 'signed', 'in force', {
        deferrable: spec.role === 'seller',
      })
    return Number.isFinite(end) ? requeueAfter(end - now + 1) : done
  }

  async #end(contract: Contract): Promise<ReconcileResult> {
    const { uid } = contract.metadata
    if (!(await takeDown(this.#options, contract))) return requeueAfter(this.#takingDown.failed(uid))
    this.#takingDown.forget(uid)
    const expired = contract.status?.closing === undefined
    const event = expired ? 'released-at-end' : 'released-early'
    await setContractPhase(this.#options, contract, event, contract.status?.phase?.message ?? '')
  }

  /** Over: the other side is told, and the object may go when the user wants it to. */
  async #settle(contract: Contract, signal: AbortSignal): Promise<ReconcileResult> {
    const retry = await notifyEnd({ ...this.#options, backoffs: this.#backoffs }, contract, signal)
    if (retry === undefined && contract.metadata.deletionTimestamp !== undefined)
      await removeFinalizer(this.#options.store, ContractKind, contract, CONTRACT_FINALIZER)
    return retry
  }
}
