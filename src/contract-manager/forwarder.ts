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
import { ensure, mutate, remove } from '../kernel/object-store.ts'
import { deadline } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { ReservationKind, type Reservation } from '../objects/reservation.ts'
import { TransactionKind, type Transaction } from '../objects/transaction.ts'
import { relaysOf, type PeeringCandidates } from '../peering-candidates/index.ts'
import { withMargin } from '../quantity/price.ts'
import { Problem, PROBLEMS, type ProblemCode } from '../rear/problem.ts'
import {
  configurationFromWire,
  nodeIdentityFromWire,
  nodeIdentityToWire,
  type WireContractTerms,
  type WireNodeIdentity,
  type WireReserveRequest,
  type WireTransaction,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import type { ContractIssuer } from './contract-issuer.ts'
import { contractIdOf, DOWNSTREAM_PRICE, FORWARDS, MARGIN, ORIGIN_CONTRACT, USER } from './terms.ts'

export interface ForwarderOptions extends NodeBase {
  readonly available: AvailableResources
  readonly candidates: PeeringCandidates
  /** Gets to know a next hop that only others told us of, so that it deals with us. */
  readonly acquaint: (node: { readonly id: string; readonly address: string }) => Promise<unknown>
  /** What we add to the price of the next hop, for example `2.5%`. */
  readonly margin: string | undefined
  /** Whether the caller may buy this offer through us. */
  readonly mayForward: (caller: string, candidate: PeeringCandidate) => boolean
  /** What we are to the caller: the supernode of its domain, or of the provider's. */
  readonly roleFor: (caller: string) => TraceContext['role']
  /** Makes our own contract with the hop before. */
  readonly issuer: ContractIssuer
}

/** Label of reservations that are made for others: the transaction with the hop before. */
const FORWARDING_LABEL = 'tributary.io/forwarding'
const RESERVE_WAIT_MS = 20_000
const PURCHASE_WAIT_MS = 25_000
/** Longer than anybody waits for an answer, and then asks again. */
const ABANDONED_AFTER_MS = 120_000

export class Forwarder implements Component {
  readonly #options: ForwarderOptions
  readonly #controller: Controller

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
    const { store, self, recorder, margin, roleFor } = this.#options
    const trace = received && { ...received, ...withRole(roleFor(buyer.ID)) }
    recorder.participant(trace, buyer.ID)
    const since = recorder.now()
    const relays = relaysOf(candidate)
    const seller = relays[0]
    const user = request.user ?? buyer.ID
    const { flavor } = candidate.spec
    const next = seller
      ? { id: seller.ID, address: seller.IP }
      : { id: flavor.spec.owner.nodeID, address: flavor.spec.owner.ip }
    // Whoever told us of the offer itself knows us already.
    if (next.id !== candidate.spec.source?.nodeID) await this.#options.acquaint(next)
    const until = request.contractExpirationTime ?? ''
    const reservation = await ensure(store, ReservationKind, {
      metadata: {
        namespace: DEFAULT_NAMESPACE,
        name: forwardingName(transactionID),
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
        ...(until === '' ? {} : { until }),
      },
    })
    if (reservation.metadata.deletionTimestamp !== undefined)
      throw new Problem('unavailable', 'an attempt before this one is still being given up')
    const answered = await this.#waitFor(
      reservation,
      RESERVE_WAIT_MS,
      (each) => each.status?.reservePhase === 'Solved',
    )
    const down = answered.status?.transaction as WireTransaction
    const draft = this.#draft({ transactionID, buyer, user, down, margin })
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
        namespace: DEFAULT_NAMESPACE,
        name: transactionID,
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
    await mutate(store, TransactionKind, keyOf(transaction), (each) => ({
      ...each,
      spec: { ...each.spec, buyerSignature: signature },
    }))
    const reservation = await this.#buy(transaction)
    if (reservation === undefined)
      throw new Problem('transaction-expired', 'the hold ended before it was bought')
    await this.#waitFor(reservation, PURCHASE_WAIT_MS, (each) => each.status?.contract?.name !== undefined)
    return this.#complete(transaction, signature)
  }

  /** Gives back what is held at the next hop, or forgets what was bought there. */
  async release(transaction: Transaction): Promise<void> {
    const { store, available } = this.#options
    const name = transaction.spec.reservation
    if (typeof name === 'string') await remove(store, ReservationKind, { namespace: DEFAULT_NAMESPACE, name })
    await available.removeAllocation(contractIdOf(transaction.metadata.name))
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
    await this.#ensureAllocation(transaction)
    await this.#options.available.activate(contractIdOf(transaction.metadata.name))
    return this.#options.issuer.issue(transaction, { buyerSignature: signature })
  }

  async #ensureAllocation(transaction: Transaction): Promise<void> {
    const { contractID, configuration } = transaction.spec.contractDraft as WireContractTerms
    const amounts = configuration ? amountsOf(configuration) : {}
    const { name } = transaction.metadata
    await this.#options.available.ensureForwarding(contractID, amounts, name, traceOf(transaction))
  }

  #draft(of: {
    readonly transactionID: string
    readonly buyer: WireNodeIdentity
    readonly user: string
    readonly down: WireTransaction
    readonly margin: string | undefined
  }): WireContractTerms {
    const { self } = this.#options
    const down = (of.down as { contract?: WireContractTerms }).contract
    if (down === undefined)
      throw new Problem('upstream-failed', 'the next node sent no draft of its contract')
    const { price, extraInformation } = down
    return {
      ...down,
      contractID: contractIdOf(of.transactionID),
      transactionID: of.transactionID,
      buyerID: of.buyer,
      buyerClusterID: of.buyer.additionalInformation?.liqoID ?? '',
      seller: nodeIdentityToWire(self.identity()),
      extraInformation: {
        ...extraInformation,
        [FORWARDS]: down.contractID,
        [ORIGIN_CONTRACT]: extraInformation?.[ORIGIN_CONTRACT] ?? down.contractID,
        [USER]: of.user,
        // Both prices are in the chain of contracts: what the next hop takes, and what is added here.
        ...(price ? { [DOWNSTREAM_PRICE]: `${price.amount} ${price.currency}/${price.period}` } : {}),
        ...(of.margin === undefined ? {} : { [MARGIN]: of.margin }),
      },
      ...(price ? { price: withMargin(price, of.margin) } : {}),
    } as WireContractTerms
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
  async #dropAbandoned(transactionID: string): Promise<{ requeueAfterMs: number } | undefined> {
    const { store, system, available } = this.#options
    const contractID = contractIdOf(transactionID)
    if ((await store.get(ContractKind, { namespace: DEFAULT_NAMESPACE, name: contractID })) === undefined)
      await available.removeAllocation(contractID)
    const key = { namespace: DEFAULT_NAMESPACE, name: forwardingName(transactionID) }
    const reservation = await store.get(ReservationKind, key)
    if (reservation === undefined || reservation.metadata.deletionTimestamp !== undefined) return undefined
    // Bought: its contract, which there is by now, says what becomes of it.
    if (reservation.status?.contract?.name !== undefined) return undefined
    const age = system.clock.now() - Date.parse(reservation.metadata.creationTimestamp)
    if (reservation.status?.phase.phase !== 'Failed' && age < ABANDONED_AFTER_MS)
      return { requeueAfterMs: ABANDONED_AFTER_MS - age }
    await remove(store, ReservationKind, key)
    return undefined
  }

  async #reservationOf(transaction: Transaction): Promise<Reservation | undefined> {
    const name = transaction.spec.reservation
    return typeof name === 'string'
      ? this.#options.store.get(ReservationKind, { namespace: DEFAULT_NAMESPACE, name })
      : undefined
  }

  /** @throws Problem when the reservation fails, or is not answered in time */
  async #waitFor(
    reservation: Reservation,
    timeoutMs: number,
    done: (reservation: Reservation) => boolean,
  ): Promise<Reservation> {
    const { informers, system } = this.#options
    const limit = deadline(system.clock, timeoutMs)
    const { uid, name } = reservation.metadata
    const { promise, resolve, reject } = Promise.withResolvers<Reservation>()
    const unsubscribe = informers.of(ReservationKind).onChange(({ type, object }) => {
      if (object.metadata.uid !== uid) return
      if (type === 'deleted') reject(new Problem('transaction-expired', 'the reservation was given up'))
      else if (object.status?.phase.phase === 'Failed') reject(problemOf(object))
      else if (done(object)) resolve(object)
    })
    const onTimeout = (): void =>
      reject(
        new Problem('timeout', `waiting for ${reservation.spec.seller.nodeID} took too long`, {
          extensions: { waitingFor: reservation.spec.seller.nodeID },
        }),
      )
    limit.signal.addEventListener('abort', onTimeout, { once: true })
    try {
      return await promise
    } catch (error) {
      this.#options.log.info({ err: error, reservation: name }, 'forwarding failed')
      throw error
    } finally {
      unsubscribe()
      limit.done()
    }
  }

  /** After a crash: a purchase that the buyer signed is completed; what is over is cleared away. */
  async #reconcile(key: ObjectKey): Promise<{ requeueAfterMs?: number } | void> {
    const { store, system } = this.#options
    const transaction = await store.get(TransactionKind, key)
    if (transaction === undefined) return this.#dropAbandoned(key.name)
    if (typeof transaction.spec.reservation !== 'string') return
    const contractKey = { namespace: DEFAULT_NAMESPACE, name: contractIdOf(key.name) }
    if (await store.get(ContractKind, contractKey)) return
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
      return { requeueAfterMs: left + 1 }
    }
    await this.release(transaction)
    await remove(store, TransactionKind, key)
  }
}

/** @returns the name of the reservation at the next hop for a transaction with the hop before */
export function forwardingName(transactionID: string): string {
  return `forward-${transactionID}`
}

function transactionKey(transactionID: string | undefined): ObjectKey | undefined {
  return transactionID === undefined ? undefined : { namespace: DEFAULT_NAMESPACE, name: transactionID }
}

function withRole(role: TraceContext['role']): { readonly role?: NonNullable<TraceContext['role']> } {
  return role === undefined ? {} : { role }
}

/** What the next hop said, as far as the hop before may know it. */
function problemOf(reservation: Reservation): Problem {
  const code = reservation.status?.message
  const known =
    code !== undefined && Object.hasOwn(PROBLEMS, code) && PROBLEMS[code as ProblemCode].status < 500
  return new Problem(
    known ? (code as ProblemCode) : 'upstream-failed',
    reservation.status?.phase.message ?? 'the next node failed',
    { extensions: { at: reservation.spec.seller.nodeID } },
  )
}
