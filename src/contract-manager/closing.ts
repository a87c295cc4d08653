/**
 * How contracts end: by expiry, or by either side, with a statement that both sign.
 *
 * The order is always the same and every step may be repeated: stop what runs, take down the peering, give
 * the capacity back, tell the other side. A side that cannot be reached does not hold up the rest: the
 * statement is sent again until it is signed or the contract would have ended anyway.
 */
import { backOff } from '../kernel/back-off.ts'
import type { AvailableResources } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { mutate, mutateStatus, remove, type WriteOptions } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract, type ContractPhase } from '../objects/contract.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { VirtualNodeKind } from '../objects/virtual-node.ts'
import { SignatureError, verifyDocument, type NodeKey } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, Problem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { mergeClosings, signClosing, type SignedClosing } from './closing-statement.ts'
import { phaseOf, type Contracts } from './contracts.ts'
import { forwardingName } from './forwarder.ts'
import { CONTRACT_FINALIZER } from './contract-issuer.ts'
import { closingStatus, requestClose } from './request-close.ts'
import { CLOSING_SIGNATURE, FORWARDS } from './terms.ts'

export interface ClosingOptions extends NodeBase {
  readonly client: RearClient
  readonly key: NodeKey
  readonly available: AvailableResources
  readonly contracts: Contracts
  /** Seller: stops what runs under the contract. */
  readonly withdraw: (contractID: string) => Promise<boolean>
  /** Buyer: whether the virtual node of the contract is gone. */
  readonly detached: (contractID: string) => Promise<boolean>
}

const NOTIFY_TIMEOUT_MS = 3_000
const NOTIFY_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 2 * 60_000

export class Closing implements Component {
  readonly #options: ClosingOptions
  readonly #controller: Controller
  readonly #retries = new Map<string, number>()

  constructor(options: ClosingOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'contract-closing',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        { informer: options.informers.of(ContractKind) },
        // Waits for it: what was bought is given back when nothing stands for it any more.
        {
          informer: options.informers.of(VirtualNodeKind),
          keys: ({ type, object }) =>
            type === 'deleted' ? { namespace: DEFAULT_NAMESPACE, name: object.spec.contractID } : undefined,
        },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  /**
   * The other side ends the contract.
   * @returns the statement with both signatures; an earlier one of ours, if it is closed already
   * @throws Problem
   */
  async closeByPeer(contractID: string, received: SignedClosing, caller: string): Promise<SignedClosing> {
    const { store, system } = this.#options
    const name: ObjectKey = { namespace: DEFAULT_NAMESPACE, name: contractID }
    const contract = await store.get(ContractKind, name)
    if (contract === undefined) throw new Problem('contract-not-found', 'no such contract here')
    if (otherSide(contract).nodeID !== caller) throw new Problem('not-a-party', 'the contract is of others')
    this.#check(contractID, received, caller)
    const signed = await mutateStatus(store, ContractKind, name, (before) => {
      const closing = this.#merge(before, received)
      if (phaseOf(before) !== 'Active') return { ...before.status, closing }
      return closingStatus(before, closing, rfc3339(system.clock.now()))
    })
    if (signed === undefined) throw new Problem('contract-not-found', 'no such contract here any more')
    return signed.status?.closing as SignedClosing
  }

  /** @returns the statement to be kept of ours and theirs, with our signature */
  #merge(contract: Contract, received: SignedClosing): SignedClosing {
    const { self, key } = this.#options
    const known = contract.status?.closing as SignedClosing | undefined
    const { statement, signatures } = mergeClosings(known, received)
    return signatures[self.id] === undefined
      ? signClosing(statement, signatures, { id: self.id, key })
      : { statement, signatures }
  }

  /** @throws Problem unless the statement is about this contract and signed by the other side */
  #check(contractID: string, { statement, signatures }: SignedClosing, signer: string): void {
    if (statement.contractID !== contractID)
      throw new Problem('bad-request', 'the statement is of another contract')
    try {
      const signature = signatures[signer]
      if (signature && verifyDocument(statement, signature, CLOSING_SIGNATURE).signer === signer) return
    } catch (cause) {
      if (!(cause instanceof SignatureError)) throw cause
      throw new Problem('signature-invalid', `the closing statement: ${cause.message}`, { cause })
    }
    throw new Problem('signature-invalid', 'the closing statement is not signed by the other side')
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | void> {
    const { store, system } = this.#options
    const contract = await store.get(ContractKind, key)
    if (contract === undefined) return
    const phase = phaseOf(contract)
    const now = system.clock.now()
    if (phase === 'Active') {
      if (contract.status?.phase === undefined)
        await this.#setPhase(contract, 'Active', 'in force', { deferrable: contract.spec.role === 'seller' })
      if (contract.metadata.deletionTimestamp !== undefined) {
        await requestClose(this.#options, key.name, 'deleted by the user')
        return
      }
      const end = Date.parse(contract.spec.expirationTime ?? '')
      if (!Number.isFinite(end)) return
      if (end > now) return { requeueAfterMs: end - now + 1 }
      await this.#setPhase(contract, 'Closing', 'expired')
      return
    }
    if (phase === 'Closing') {
      const done = await this.#takeDown(contract)
      if (!done) return { requeueAfterMs: 200 }
      const expired = contract.status?.closing === undefined
      await this.#setPhase(contract, expired ? 'Expired' : 'Closed', contract.status?.phase?.message ?? '')
      return
    }
    const retry = await this.#notify(contract, signal)
    if (retry === undefined && contract.metadata.deletionTimestamp !== undefined) await this.#letGo(contract)
    return retry
  }

  /** Stops, takes down, gives back. @returns false while something of it is still going on */
  async #takeDown(contract: Contract): Promise<boolean> {
    const { available, store, withdraw, detached } = this.#options
    const contractID = contract.metadata.name
    const forwards = contract.spec.extraInformation?.[FORWARDS]
    if (contract.spec.role === 'seller' && forwards !== undefined) {
      // We only stood in between: the next hop is told, and does the rest.
      await requestClose(
        this.#options,
        forwards,
        contract.status?.phase?.message ?? 'closed by the hop before',
      )
      await available.removeAllocation(contractID)
      await remove(store, ReservationKind, {
        namespace: DEFAULT_NAMESPACE,
        name: forwardingName(contract.spec.transactionID),
      })
      await remove(store, TransactionKind, {
        namespace: DEFAULT_NAMESPACE,
        name: contract.spec.transactionID,
      })
      return true
    }
    if (contract.spec.role === 'seller') {
      if (!(await withdraw(contractID))) return false
      await available.release(contractID)
      await remove(store, TransactionKind, {
        namespace: DEFAULT_NAMESPACE,
        name: contract.spec.transactionID,
      })
      return true
    }
    const before = this.#options.contracts.forwardedFor(contractID)
    if (before) {
      await requestClose(
        this.#options,
        before.metadata.name,
        contract.status?.phase?.message ?? 'closed by the next hop',
      )
      return true
    }
    if (!(await detached(contractID))) return false
    await available.removeAllocation(contractID)
    return true
  }

  /** Sends our statement until the other side has signed it. */
  async #notify(contract: Contract, signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    const { client, self, system, log } = this.#options
    const closing = contract.status?.closing as SignedClosing | undefined
    const peer = otherSide(contract)
    if (closing === undefined || closing.signatures[peer.nodeID] !== undefined) return undefined
    if (closing.signatures[self.id] === undefined) return undefined
    // After its end there is nothing left to tell: the other side knows by itself.
    if (Date.parse(contract.spec.expirationTime ?? '') < system.clock.now()) return undefined
    try {
      const answer = await client.callNode(peer, {
        method: 'DELETE',
        path: `/api/v2/contracts/${encodeURIComponent(contract.metadata.name)}`,
        body: closing,
        timeoutMs: NOTIFY_TIMEOUT_MS,
        signal,
      })
      const signed = answer.body as SignedClosing
      this.#check(contract.metadata.name, signed, peer.nodeID)
      await mutateStatus(this.#options.store, ContractKind, keyOf(contract), (each) => ({
        ...each.status,
        closing: this.#merge(each, signed),
      }))
      this.#retries.delete(contract.metadata.name)
      return undefined
    } catch (error) {
      if (isProblem(error, 'contract-not-found', 'not-a-party', 'signature-invalid', 'bad-request')) {
        this.#retries.delete(contract.metadata.name)
        log.warn(
          { err: error, contract: contract.metadata.name },
          'the other side does not know or sign the end of the contract',
        )
        return undefined
      }
      if (!isTransportError(error) && !isProblem(error)) throw error
      const retries = (this.#retries.get(contract.metadata.name) ?? 0) + 1
      this.#retries.set(contract.metadata.name, retries)
      log[retries === 1 ? 'info' : 'debug'](
        { err: error, contract: contract.metadata.name },
        'the other side was not told of the end yet',
      )
      return { requeueAfterMs: backOff(retries - 1, NOTIFY_RETRY_MS, LONGEST_RETRY_MS) }
    }
  }

  async #setPhase(
    contract: Contract,
    phase: ContractPhase,
    message: string,
    options: WriteOptions = {},
  ): Promise<void> {
    const now = rfc3339(this.#options.system.clock.now())
    await mutateStatus(
      this.#options.store,
      ContractKind,
      keyOf(contract),
      ({ status }) => ({
        ...status,
        phase: {
          ...status?.phase,
          phase,
          message,
          lastChangeTime: now,
          ...(phase === 'Closed' || phase === 'Expired' ? { endTime: now } : {}),
        },
      }),
      options,
    )
  }

  async #letGo(contract: Contract): Promise<void> {
    await mutate(this.#options.store, ContractKind, keyOf(contract), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CONTRACT_FINALIZER),
      },
    }))
  }
}

/** @returns the party of a contract that is not us */
export function otherSide(contract: Contract): Contract['spec']['buyer'] {
  return contract.spec.role === 'seller' ? contract.spec.buyer : contract.spec.seller
}
