/**
 * The supernode's half of a dealing between two others: reserves and buys from the next hop what the hop
 * before asks for, under a contract of its own with each (back to back).
 *
 * What was asked downstream is a Reservation, so that it survives a crash and is repeated by the Buyer until it
 * is answered; the Transaction says whose it is. All hops hold it or none: a hold that is not bought expires at
 * every hop by itself, and a purchase that was signed by the buyer is completed after any crash.
 */
import type { AvailableResources } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, isStoreError, mutate, remove } from '../kernel/object-store.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { TransactionKind, type Transaction } from '../objects/transaction.ts'
import { offeredPrice, relaysOf, type PeeringCandidates } from '../peering-candidates/index.ts'
import { Problem } from '../rear/problem.ts'
import {
  configurationFromWire,
  nodeIdentityFromWire,
  type AccessData,
  type WireContractTerms,
  type WireNodeIdentity,
  type WireReserveRequest,
  type WireTransaction,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import { awaitReservation } from './await-reservation.ts'
import type { ContractIssuer } from './contract-issuer.ts'
import { forwardedDraft } from './forwarded-draft.ts'
import { FORWARDING_LABEL, forwardingName } from './forwarding-names.ts'
import { contractIdOf } from './contract-ids.ts'
import { phaseOf } from './contracts.ts'

export interface ForwarderOptions extends NodeBase {
  readonly available: AvailableResources
  readonly candidates: PeeringCandidates
  /** Gets to know a next hop that only others told us of, so that it deals with us. */
  readonly connect: (node: { readonly id: string; readonly address: string }) => Promise<unknown>
  /** What we add to the price of the next hop, for example `2.5%`. */
  readonly margin: string | undefined
  /** Whether the caller may buy this offer through us. */
  readonly mayForward: (caller: string, candidate: PeeringCandidate) => boolean
  /** What we are to the caller: the supernode of its domain, or of the provider's. */
  readonly roleFor: (caller: string) => TraceContext['role']
  /** Makes our own contract with the hop before. */
  readonly issuer: ContractIssuer
}

const RESERVE_WAIT_MS = 20_000
const PURCHASE_WAIT_MS = 25_000
/** Longer than anybody waits for an answer, and then asks again. */
const ABANDONED_AFTER_MS = 120_000

export class Forwarder implements Component {
  readonly #options: ForwarderOptions
  readonly #controller: Controller
  /** Transactions that are being made, and how many times at once: what they have so far is not left over. */
  readonly #reserving = new Map<string, number>()

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'contract-forwarder',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        {
          informer: options.informers.of(ReservationKind),
          keys: ({ object }) => transactionKey(object.metadata.labels?.[FORWARDING_LABEL]),
        },
        { informer: options.informers.of(TransactionKind) },
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

  /**
   * @returns the offer of another node that we may sell to the caller under this id; also one that may be
   *   over by now, since only its owner can tell, and knows what became of it
   */
  offerFor(flavorID: string, caller: string): PeeringCandidate | undefined {
    const { candidates, mayForward } = this.#options
    return candidates.ofFlavor(flavorID).find((entry) => mayForward(caller, entry))
  }

  /**
   * RESERVE at the next hop, then our own transaction with the hop before.
   * @throws Problem of the next hop, if it refuses
   */
  async reserve(
    candidate: PeeringCandidate,
    request: WireReserveRequest,
    buyer: WireNodeIdentity,
    transactionID: string,
    key: string,
    received: TraceContext | undefined,
  ): Promise<WireTransaction> {
    this.#reserving.set(transactionID, (this.#reserving.get(transactionID) ?? 0) + 1)
    try {
      return await this.#reserve(candidate, request, buyer, transactionID, key, received)
    } finally {
      const others = this.#reserving.get(transactionID)! - 1
      if (others > 0) this.#reserving.set(transactionID, others)
      else this.#reserving.delete(transactionID)
      // What was not looked at meanwhile.
      this.#controller.enqueue(inDefaultNamespace(transactionID))
    }
  }

  async #reserve(
    candidate: PeeringCandidate,
    request: WireReserveRequest,
    buyer: WireNodeIdentity,
    transactionID: string,
    key: string,
    received: TraceContext | undefined,
  ): Promise<WireTransaction> {
    const { store, self, recorder, margin, roleFor } = this.#options
    const trace = received && { ...received, ...withRole(roleFor(buyer.ID)) }
    const since = recorder.now()
    const relays = relaysOf(candidate)
    const seller = relays[0]
    const user = request.user ?? buyer.ID
    const { flavor } = candidate.spec
    const next = seller
      ? { id: seller.ID, address: seller.IP }
      : { id: flavor.spec.owner.nodeID, address: flavor.spec.owner.ip }
    // Whoever told us of the offer itself knows us already.
    if (next.id !== candidate.spec.source?.nodeID) await this.#options.connect(next)
    const { contractStartTime: from = '', contractExpirationTime: until = '' } = request
    const reservation = await ensure(store, ReservationKind, {
      metadata: {
        ...inDefaultNamespace(forwardingName(transactionID)),
        labels: { [FORWARDING_LABEL]: transactionID },
        annotations: traceAnnotations(trace),
      },
      spec: {
        solverID: '',
        buyer: self.identity(),
        seller: seller ? { nodeID: seller.ID, ip: seller.IP, domain: seller.domain } : flavor.spec.owner,
        ...(request.configuration ? { configuration: configurationFromWire(request.configuration) } : {}),
        reserve: true,
        purchase: false,
        flavorID: flavor.metadata.name,
        owner: flavor.spec.owner.nodeID,
        key: transactionID,
        user,
        price: offeredPrice(flavor, relays, request.configuration && amountsOf(request.configuration)),
        ...(seller?.margin === undefined ? {} : { margin: seller.margin }),
        ...(from === '' ? {} : { from }),
        ...(until === '' ? {} : { until }),
      },
    })
    if (reservation.metadata.deletionTimestamp !== undefined)
      throw new Problem('unavailable', 'an attempt before this one is still being given up')
    const answered = await awaitReservation(
      this.#options,
      reservation,
      RESERVE_WAIT_MS,
      (each) => each.status?.reservePhase === 'Solved',
    )
    const down = answered.status?.transaction as WireTransaction
    const draft = forwardedDraft({
      ...{ transactionID, buyer, user, down, relays, margin, seller: self.identity() },
    })
    const transaction: WireTransaction = {
      transactionID,
      flavorID: request.flavorID,
      ...(request.configuration ? { configuration: request.configuration } : {}),
      buyer,
      clusterID: buyer.additionalInformation?.liqoID ?? '',
      expirationTime: down.expirationTime,
      contract: draft,
    }
    const stored = await ensure(store, TransactionKind, {
      metadata: {
        ...inDefaultNamespace(transactionID),
        annotations: traceAnnotations(trace),
      },
      spec: {
        flavorID: request.flavorID,
        buyer: nodeIdentityFromWire(buyer),
        clusterID: transaction.clusterID,
        ...(request.configuration ? { configuration: configurationFromWire(request.configuration) } : {}),
        expirationTime: down.expirationTime,
        contractDraft: draft,
        key,
        sent: transaction,
        reservation: reservation.metadata.name,
      },
    })
    await this.#ensureAllocation(stored)
    recorder.step(trace, 'reserve-answered', { peer: buyer.ID, since, detail: draft.contractID })
    return stored.spec['sent'] as WireTransaction
  }

  /** PURCHASE at the next hop, then our own contract with the hop before. */
  async purchase(transaction: Transaction, signature: string): Promise<Contract> {
    const { store } = this.#options
    // Durable first: from here on the purchase is completed whatever happens to us.
    const signed = await mutate(store, TransactionKind, keyOf(transaction), (each) => ({
      ...each,
      spec: { ...each.spec, buyerSignature: signature },
    }))
    const reservation = signed && (await this.#buy(transaction))
    if (reservation === undefined)
      throw new Problem('transaction-expired', 'the hold ended before it was bought')
    await awaitReservation(
      this.#options,
      reservation,
      PURCHASE_WAIT_MS,
      (each) => each.status?.contract?.name !== undefined,
    )
    return this.#complete(transaction, signature)
  }

  /** Gives back what is held at the next hop, or forgets what was bought there. */
  async release(transaction: Transaction): Promise<void> {
    const { store, available } = this.#options
    const name = transaction.spec.reservation
    if (typeof name === 'string') await remove(store, ReservationKind, inDefaultNamespace(name))
    await available.removeAllocation(contractIdOf(transaction.metadata.name))
  }

  /**
   * The hop before gives its hold back. What it has signed is bought, or being bought: that is ended, not given back.
   * @returns false when it was signed
   */
  async giveUp(transactionID: string): Promise<boolean> {
    const { store } = this.#options
    for (;;) {
      const transaction = await store.get(TransactionKind, inDefaultNamespace(transactionID))
      if (transaction === undefined) return true
      if (typeof transaction.spec.buyerSignature === 'string' && (await this.holds(transaction))) return false
      const { uid, resourceVersion } = transaction.metadata
      try {
        // First, and as it was read: from then on nobody can sign it.
        await remove(store, TransactionKind, keyOf(transaction), { uid, resourceVersion })
      } catch (error) {
        if (!isStoreError(error, 'Conflict')) throw error
        continue
      }
      await this.release(transaction)
      return true
    }
  }

  /** @returns whether the next hop still holds, or has sold, what a transaction stands for */
  async holds(transaction: Transaction): Promise<boolean> {
    const reservation = await this.#reservationOf(transaction)
    if (reservation === undefined || reservation.status?.phase.phase === 'Failed') return false
    if (reservation.status?.contract?.name !== undefined) return true
    return Date.parse(transaction.spec.expirationTime ?? '') > this.#options.system.clock.now()
  }

  /** Both sides have signed: our part in between is in use. */
  async #complete(transaction: Transaction, signature: string): Promise<Contract> {
    await this.#useAllocation(transaction)
    const access = await this.#accessBought(transaction)
    return this.#options.issuer.issue(transaction, { buyerSignature: signature, access })
  }

  /** No contract without its allocation. */
  async #useAllocation(transaction: Transaction): Promise<void> {
    await this.#ensureAllocation(transaction)
    await this.#options.available.activate(contractIdOf(transaction.metadata.name))
  }

  /** What the next hop gave us to use it is for the hop before. */
  async #accessBought(transaction: Transaction): Promise<AccessData | undefined> {
    const name = (await this.#reservationOf(transaction))?.status?.contract?.name
    if (name === undefined) return undefined
    return (await this.#options.store.get(ContractKind, inDefaultNamespace(name)))?.spec.access
  }

  async #ensureAllocation(transaction: Transaction): Promise<void> {
    const { contractID, configuration } = transaction.spec.contractDraft as WireContractTerms
    const amounts = configuration ? amountsOf(configuration) : {}
    const { name } = transaction.metadata
    await this.#options.available.ensureForwarding(contractID, amounts, name, traceOf(transaction))
  }

  async #buy(transaction: Transaction): Promise<Reservation | undefined> {
    const { store } = this.#options
    const reservation = await this.#reservationOf(transaction)
    if (reservation === undefined) return undefined
    return mutate(store, ReservationKind, keyOf(reservation), (each) =>
      each.spec.purchase === true ? undefined : { ...each, spec: { ...each.spec, purchase: true } },
    )
  }

  /** The next hop refused, or a crash came before its answer was passed on and nobody asked again. */
  async #dropAbandoned(transactionID: string): Promise<ReconcileResult> {
    if (this.#reserving.has(transactionID)) return undefined
    const { store, system, available } = this.#options
    const contractID = contractIdOf(transactionID)
    if ((await store.get(ContractKind, inDefaultNamespace(contractID))) === undefined)
      await available.removeAllocation(contractID)
    const key = inDefaultNamespace(forwardingName(transactionID))
    const reservation = await store.get(ReservationKind, key)
    if (reservation === undefined || reservation.metadata.deletionTimestamp !== undefined) return undefined
    // Bought: its contract, which there is by now, says what becomes of it.
    if (reservation.status?.contract?.name !== undefined) return undefined
    const age = system.clock.now() - Date.parse(reservation.metadata.creationTimestamp)
    if (reservation.status?.phase.phase !== 'Failed' && age < ABANDONED_AFTER_MS)
      return requeueAfter(ABANDONED_AFTER_MS - age)
    await remove(store, ReservationKind, key)
    return undefined
  }

  async #reservationOf(transaction: Transaction): Promise<Reservation | undefined> {
    const name = transaction.spec.reservation
    return typeof name === 'string'
      ? this.#options.store.get(ReservationKind, inDefaultNamespace(name))
      : undefined
  }

  /** After a crash: a purchase that the buyer signed is completed; what is over is cleared away. */
  async #reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { store, system } = this.#options
    const transaction = await store.get(TransactionKind, key)
    if (transaction === undefined) return this.#dropAbandoned(key.name)
    if (typeof transaction.spec.reservation !== 'string') return
    const contract = await store.get(ContractKind, inDefaultNamespace(contractIdOf(key.name)))
    if (contract) {
      if (phaseOf(contract) === 'Active') await this.#useAllocation(transaction)
      return
    }
    const signature = transaction.spec.buyerSignature
    const reservation = await this.#reservationOf(transaction)
    const failed = reservation === undefined || reservation.status?.phase.phase === 'Failed'
    if (typeof signature === 'string' && !failed) {
      if (reservation.status?.contract?.name !== undefined) await this.#complete(transaction, signature)
      else await this.#buy(transaction)
      return
    }
    const left = Date.parse(transaction.spec.expirationTime ?? '') - system.clock.now()
    if (!failed && left > 0) {
      await this.#ensureAllocation(transaction)
      return requeueAfter(left + 1)
    }
    await this.release(transaction)
    await remove(store, TransactionKind, key)
  }
}

function transactionKey(transactionID: string | undefined): ObjectKey | undefined {
  return transactionID === undefined ? undefined : inDefaultNamespace(transactionID)
}

function withRole(role: TraceContext['role']): { readonly role?: NonNullable<TraceContext['role']> } {
  return role === undefined ? {} : { role }
}
