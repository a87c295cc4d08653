/** The selling half: answers RESERVE and PURCHASE, and completes after a crash what was begun. */
import { entriesOf, flavorOf, type AvailableResources, type Refusal } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, remove } from '../kernel/object-store.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace, keyOf, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { TransactionKind, type Transaction } from '../objects/transaction.ts'
import { verifyDocument, SignatureError, type NodeKey } from '../privacy-and-security-manager/index.ts'
import type { Holder, HoldLimits } from './hold-limits.ts'
import { isAuthenticated, phaseOf } from './contracts.ts'
import { configurationFor, draftOf } from './contract-draft.ts'
import type { ContractIssuer } from './contract-issuer.ts'
import type { Forwarder } from './forwarder.ts'
import type { RearManager } from '../rear-manager/index.ts'
import { isVisible, type Audience } from '../rear/audience.ts'
import { Problem } from '../rear/problem.ts'
import {
  contractTerms,
  flavorToWire,
  nodeIdentityToWire,
  nodeIdentityFromWire,
  configurationFromWire,
  type AccessData,
  type WireContractTerms,
  type WireFlavor,
  type WireNodeIdentity,
  type WirePurchaseRequest,
  type WireReserveRequest,
  type WireTransaction,
} from '../rear/wire/index.ts'
import { traceAnnotations, type TraceContext } from '../trace/index.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import { contractIdOf } from './contract-ids.ts'
import { sentBefore, sentBeforeContract } from './repeated-reserve.ts'
import { CONTRACT_SIGNATURE } from './signature-types.ts'
import {
  checkCaller,
  checkParty,
  idFor,
  isForwarding,
  notAParty,
  signerOf,
  withoutSecrets,
} from './transaction-access.ts'

export interface SellerOptions extends NodeBase {
  readonly available: AvailableResources
  readonly rearManager: Pick<RearManager, 'reserveForPeer'>
  readonly key: NodeKey
  /** How long RESERVE holds, in milliseconds. */
  readonly holdMs: number
  /** The longest contract that is sold, in milliseconds. */
  readonly longestMs: number
  /** The same, to whoever proves nothing. */
  readonly longestUnauthenticatedMs: number
  readonly holdLimits: HoldLimits
  /** Under whose name a hold of a caller counts. */
  readonly holderOf: (caller: string | undefined, from: string | undefined) => Holder
  /** @throws Problem when the one for whom the caller buys may not use it; see `checkUser` */
  readonly checkUser: (request: WireReserveRequest, caller: string | undefined) => void
  readonly issuer: ContractIssuer
  /** As for LIST_FLAVORS: what a caller, undefined for one that proved nothing, may see. */
  readonly audienceOf: (caller: string | undefined) => Audience
  /** Who has to have signed a draft that is bought in the name of `named`; nobody when undefined. `signerOf` unless given. */
  readonly signerOf?: typeof signerOf
  /** A supernode's: sells what others have. */
  readonly forwarder?: Forwarder
}

/** How long after its end a hold that is still in the ledger is looked at again. */
const FORGET_AGAIN_MS = 1_000

/** A RESERVE that is being worked on. */
interface ReserveRequest {
  readonly request: WireReserveRequest
  readonly buyer: WireNodeIdentity
  /** The authenticated node id. */
  readonly caller: string | undefined
  /** The buyer's, or what stands for one. */
  readonly key: string
  readonly transactionID: string
  readonly trace: TraceContext | undefined
}

export class Seller implements Component {
  readonly #options: SellerOptions
  readonly #entries: Controller
  readonly #transactions: Controller
  /** Transactions that are being bought: whoever buys them makes the contract, too. */
  readonly #buying = new Set<string>()
  /** By transaction: a message that comes twice at once has one effect, too. */
  readonly #oneAtATime = new OneAtATime()

  constructor(options: SellerOptions) {
    this.#options = options
    const { system, log, informers } = options
    this.#entries = new Controller({
      name: 'contract-seller',
      system,
      log,
      watches: [
        {
          informer: informers.of(PoolShardKind),
          keys: (event) =>
            entriesOf(event)
              .filter(({ state }) => state === 'allocated')
              .map(({ id }) => inDefaultNamespace(id)),
        },
      ],
      reconcile: ({ name }) => this.#completeEntry(name),
    })
    this.#transactions = new Controller({
      name: 'contract-transactions',
      system,
      log,
      concurrency: 16,
      watches: [{ informer: informers.of(TransactionKind) }],
      reconcile: (key) => this.#forgetTransaction(key),
    })
  }

  async start(): Promise<void> {
    // What they ask of it must not be asked of the store, once for every contract.
    await this.#options.informers.of(ContractKind).start()
    await Promise.all([this.#entries.start(), this.#transactions.start()])
  }

  async stop(): Promise<void> {
    await Promise.all([this.#entries.stop(), this.#transactions.stop()])
  }

  /**
   * RESERVE (steps 15 to 18): holds a part of a flavor for a limited time.
   * @param caller the authenticated node id; undefined on the plain listener
   * @param from the address that the request comes from
   * @throws Problem
   */
  async reserve(
    request: WireReserveRequest,
    caller: string | undefined,
    trace?: TraceContext,
    from?: string,
  ): Promise<WireTransaction> {
    if (caller !== undefined && request.buyerID.ID !== caller) {
      throw new Problem('not-a-party', 'a node reserves for itself: buyerID is not the caller')
    }
    this.#options.checkUser(request, caller)
    const buyer = withoutSecrets(request.buyerID)
    const key = request.key ?? (await this.#keyFor(request, buyer.ID, caller))
    const transactionID = idFor(buyer.ID, key, caller)
    const reserve: ReserveRequest = { request, buyer, caller, key, transactionID, trace }
    const before = await this.#answeredBefore(transactionID, request)
    if (before) return before
    const isNew = this.#options.holdLimits.begin(transactionID, this.#options.holderOf(caller, from))
    try {
      return await this.#hold(reserve)
    } catch (error) {
      if (isNew) this.#options.holdLimits.end(transactionID)
      throw error
    }
  }

  /** What was bought under the key, if it was: also when that has ended, for as long as the contract is kept. */
  async #answeredBefore(
    transactionID: string,
    request: WireReserveRequest,
  ): Promise<WireTransaction | undefined> {
    const contract = await this.#contractOf(transactionID)
    return contract && sentBeforeContract(contract, request)
  }

  /** Upstream's buyers send no key: what they ask for again is the same, until the contract that it became has ended. */
  async #keyFor(request: WireReserveRequest, buyer: string, caller: string | undefined): Promise<string> {
    const asked = `${request.flavorID} ${JSON.stringify(request.configuration ?? null)}`
    for (let time = 1; ; time++) {
      const key = time === 1 ? asked : `${asked} ${time}`
      const contract = await this.#contractOf(idFor(buyer, key, caller))
      if (contract === undefined || phaseOf(contract) === 'Active') return key
    }
  }

  #contractOf(transactionID: string): Promise<Contract | undefined> {
    return this.#options.store.get(ContractKind, inDefaultNamespace(contractIdOf(transactionID)))
  }

  async #hold(reserve: ReserveRequest): Promise<WireTransaction> {
    const forwarded = await this.#forward(reserve, reserve.caller)
    return forwarded ?? this.#oneAtATime.run(reserve.transactionID, () => this.#reserve(reserve))
  }

  /** @returns undefined when what is asked for is not to be had through us, but from us or not at all */
  async #forward(reserve: ReserveRequest, caller: string | undefined): Promise<WireTransaction | undefined> {
    const forwarder = this.#options.forwarder
    if (forwarder === undefined || caller === undefined) return undefined
    const { request, buyer, key, transactionID, trace } = reserve
    const before = await this.#transaction(transactionID)
    if (before && isForwarding(before)) {
      if (await forwarder.holds(before)) return sentBefore(before, request)
      await forwarder.release(before)
      await remove(this.#options.store, TransactionKind, inDefaultNamespace(transactionID))
    }
    if (await this.#options.available.poolOfFlavor(request.flavorID)) return undefined
    const offer = forwarder.offerFor(request.flavorID, caller)
    return offer && forwarder.reserve(offer, request, buyer, transactionID, key, trace)
  }

  async #reserve({
    request,
    buyer,
    caller,
    key,
    transactionID,
    trace,
  }: ReserveRequest): Promise<WireTransaction> {
    const { store, available, recorder, rearManager, self, holdMs, audienceOf } = this.#options
    const longestMs = caller === undefined ? this.#options.longestUnauthenticatedMs : this.#options.longestMs
    const since = recorder.now()
    const before = await this.#resume(transactionID, request)
    if (before) return before

    let pool = await available.poolOfFlavor(request.flavorID)
    // What it would not be shown it cannot buy, nor learn that it is there.
    if (pool === undefined || !isVisible(pool.spec.visibility ?? 'public', audienceOf(caller)))
      throw new Problem('flavor-not-found', `no flavor ${request.flavorID.slice(0, 100)} here`)
    let flavor = this.#currentFlavor(pool)
    if (flavor === undefined) {
      // What was given back just now may not show in the status yet.
      pool = (await available.upToDate(keyOf(pool))) ?? pool
      flavor = this.#currentFlavor(pool)
    }
    if (flavor === undefined) {
      const refusal = { code: 'insufficient-capacity', detail: 'pool exhausted', numbers: {} } as const
      throw this.#refused(pool, refusal, undefined)
    }
    const now = this.#now()
    const configuration = configurationFor(request.configuration, flavor)
    const amounts = amountsOf(configuration)
    this.#options.holdLimits.ofPool(transactionID, pool.metadata.uid, pool.spec.capacity, amounts)
    const seller = nodeIdentityToWire(self.identity())
    const draft = draftOf({
      ...{ transactionID, flavor, buyer, seller, configuration, amounts, pool, request, now, longestMs },
      isAuthenticated: caller !== undefined,
    })
    recorder.step(trace, 'contract-drafted', { peer: buyer.ID, since, detail: draft.contractID })
    const transaction: WireTransaction = {
      transactionID,
      flavorID: request.flavorID,
      // Echoed exactly as it was sent.
      ...(request.configuration ? { configuration: request.configuration } : {}),
      buyer,
      clusterID: buyer.additionalInformation?.liqoID ?? '',
      expirationTime: rfc3339(now + holdMs),
      contract: draft,
    }
    const { contract: _, ...answer } = transaction
    // Asked for before the hold and not after it: a hold that nobody can buy, because a crash came between, would
    // be in the way until it ends. Asked for at once, so that a store may make both durable together.
    const stored = ensure(store, TransactionKind, {
      metadata: { ...inDefaultNamespace(transactionID), annotations: traceAnnotations(trace) },
      spec: {
        flavorID: request.flavorID,
        buyer: nodeIdentityFromWire(buyer),
        clusterID: transaction.clusterID,
        configuration: configurationFromWire(configuration),
        expirationTime: transaction.expirationTime,
        contractDraft: draft,
        key,
        sent: answer,
      },
    })
    const holding = rearManager.reserveForPeer(
      inDefaultNamespace(pool.metadata.name),
      {
        id: transactionID,
        contractID: draft.contractID,
        buyer: buyer.ID,
        flavorID: request.flavorID,
        amounts,
        expiresAt: transaction.expirationTime,
      },
      trace,
    )
    const [held, kept] = await Promise.allSettled([holding, stored])
    if (held.status === 'rejected') throw held.reason
    const refusal = held.value
    if (refusal === undefined && kept.status === 'rejected') {
      // Nobody heard of it; whoever asks again must not find it in the way.
      await available.cancel(transactionID)
      throw kept.reason
    }
    if (refusal) {
      await remove(store, TransactionKind, inDefaultNamespace(transactionID))
      const now = await available.upToDate(keyOf(pool))
      throw this.#refused(pool, refusal, now && this.#currentFlavor(now))
    }
    recorder.step(trace, 'reserve-answered', { peer: buyer.ID, since })
    return transaction
  }

  /**
   * PURCHASE: makes a hold a contract. Asking again returns the same contract.
   * @throws Problem
   */
  async purchase(
    transactionID: string,
    request: WirePurchaseRequest,
    caller: string | undefined,
  ): Promise<unknown> {
    const contract = await this.#contractOf(transactionID)
    if (contract) {
      checkParty(contract.spec.buyer.nodeID, caller)
      // To somebody who proves nothing: only what he may have bought himself.
      if (caller === undefined && isAuthenticated(contract)) throw notAParty()
      return contract.spec.document
    }
    const transaction = await this.#transaction(transactionID)
    if (transaction === undefined) throw new Problem('transaction-not-found', 'no such transaction here')
    checkCaller(transaction, caller)
    const draft = transaction.spec.contractDraft as WireContractTerms
    const signer = (this.#options.signerOf ?? signerOf)(caller, transaction.spec.buyer.nodeID)
    if (signer !== undefined) this.#checkBuyer(draft, request.signature, signer)
    const forwarder = this.#options.forwarder
    if (forwarder && isForwarding(transaction)) {
      const { spec } = await forwarder.purchase(transaction, request.signature ?? '')
      this.#options.holdLimits.bought(transactionID)
      return spec.document
    }
    return this.#oneAtATime.run(transactionID, () => this.#buy(transaction, draft, request))
  }

  async #buy(
    transaction: Transaction,
    draft: WireContractTerms,
    request: WirePurchaseRequest,
  ): Promise<unknown> {
    const { available, issuer } = this.#options
    const { name } = transaction.metadata
    let poolName: string | undefined
    this.#buying.add(name)
    try {
      poolName = await available.allocate(name, {
        expiresAt: draft.expirationTime ?? transaction.spec.expirationTime ?? '',
        ...(request.signature ? { buyerSignature: request.signature } : {}),
      })
      if (poolName === undefined)
        throw new Problem('transaction-expired', 'the hold ended before it was bought')
      this.#options.holdLimits.bought(name)
      const made = await issuer.issue(transaction, {
        poolName,
        buyerSignature: request.signature || undefined,
        request,
        access: await this.#accessTo(poolName),
      })
      return made.spec.document
    } catch (error) {
      // It is sold, but its contract could not be written: not now, then later.
      if (poolName !== undefined) this.#entries.enqueue(inDefaultNamespace(name))
      throw error
    } finally {
      this.#buying.delete(name)
    }
  }

  /** A buyer gives a hold back before it has bought. Idempotent. */
  async cancel(transactionID: string, caller: string | undefined): Promise<void> {
    const { store, available } = this.#options
    const transaction = await this.#transaction(transactionID)
    if (transaction === undefined) return
    checkCaller(transaction, caller)
    const bought = new Problem('conflict', 'the transaction was bought: close its contract instead')
    if (await this.#contractOf(transactionID)) throw bought
    if (isForwarding(transaction)) {
      // Neither has the buyer signed, nor can it from now on.
      if (!(await this.#options.forwarder?.giveUp(transactionID))) throw bought
    } else {
      if (!(await available.cancel(transactionID))) throw bought
      await remove(store, TransactionKind, inDefaultNamespace(transactionID))
    }
    this.#options.holdLimits.end(transactionID)
  }

  /** What a retried RESERVE gets: the answer of the first one, while its hold lives or its contract was made. */
  async #resume(transactionID: string, request: WireReserveRequest): Promise<WireTransaction | undefined> {
    const { store, available } = this.#options
    const transaction = await this.#transaction(transactionID)
    const found = await available.placeOfEntry(transactionID)
    if (transaction === undefined) {
      // A crash came before it was stored, and nobody heard of the hold: it must not be in the way of this one.
      if (found?.entry.state === 'held') await available.cancel(transactionID)
      return undefined
    }
    const sent = sentBefore(transaction, request)
    const over = found?.entry.state === 'held' && Date.parse(found.entry.expiresAt) <= this.#now()
    if (found && !over) return sent
    await remove(store, TransactionKind, inDefaultNamespace(transactionID))
    return undefined
  }

  #transaction(transactionID: string): Promise<Transaction | undefined> {
    return this.#options.store.get(TransactionKind, inDefaultNamespace(transactionID))
  }

  #checkBuyer(draft: WireContractTerms, signature: string | undefined, caller: string): void {
    if (!signature)
      throw new Problem('signature-invalid', 'PURCHASE needs the signature of the buyer over the draft')
    try {
      const { signer } = verifyDocument(contractTerms(draft), signature, CONTRACT_SIGNATURE)
      if (signer === caller) return
    } catch (cause) {
      if (!(cause instanceof SignatureError)) throw cause
      throw new Problem('signature-invalid', `the signature of the buyer: ${cause.message}`, { cause })
    }
    throw new Problem('signature-invalid', 'signed by somebody else than the buyer')
  }

  /** Not projected yet, or replaced already by that of a later buyer: it follows from the pool all the same. */
  #currentFlavor(pool: Pool): WireFlavor | undefined {
    const { available, self } = this.#options
    const made = flavorOf(pool, self.identity())
    return made && flavorToWire(available.flavorFor(made))
  }

  #refused(pool: Pool, { code, detail, numbers }: Refusal, successor: WireFlavor | undefined): Problem {
    this.#options.log.info({ pool: pool.metadata.name, code, detail, numbers }, 'reservation refused')
    return new Problem(code, detail, {
      extensions: { reason: code, numbers, ...(successor ? { successor } : {}) },
    })
  }

  /** After a crash: every allocation gets its contract. */
  async #completeEntry(id: string): Promise<void> {
    const { store, informers, available, issuer } = this.#options
    const place = await available.placeOfEntry(id)
    if (place?.entry.state !== 'allocated' || this.#buying.has(id)) return
    const { entry, poolName } = place
    const name = inDefaultNamespace(entry.contractID)
    if (informers.of(ContractKind).get(name) ?? (await store.get(ContractKind, name))) return
    const transaction = await this.#transaction(id)
    if (transaction) {
      const access = await this.#accessTo(poolName)
      await issuer.issue(transaction, { poolName, buyerSignature: entry.buyerSignature, access })
    }
    // Neither contract nor transaction: it was closed, and the crash came before the release.
    else await available.release(id)
  }

  /** What a buyer of a part of the pool gets, once it has bought it. */
  async #accessTo(poolName: string): Promise<AccessData | undefined> {
    const pool = await this.#options.store.get(PoolKind, inDefaultNamespace(poolName))
    return pool?.spec.access
  }

  /** Forgets a transaction when its hold is over; one that was bought stays as long as its contract. */
  async #forgetTransaction({ name }: ObjectKey): Promise<ReconcileResult> {
    const { store, available } = this.#options
    const transaction = await this.#transaction(name)
    if (transaction === undefined) return
    const { spec } = transaction
    // Not ours to forget: what we bought, and what stands for a reservation at the next hop.
    if (spec['sent'] === undefined || isForwarding(transaction)) return
    const left = Date.parse(spec.expirationTime ?? '') - this.#now()
    if (left > 0) return requeueAfter(left + 1)
    const found = await available.placeOfEntry(name)
    if (found === undefined) await remove(store, TransactionKind, inDefaultNamespace(name))
    // It is over, and about to be dropped.
    else if (found.entry.state === 'held') return requeueAfter(FORGET_AGAIN_MS)
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}
