/** The selling half: answers RESERVE and PURCHASE, and completes after a crash what was begun. */
import type { AvailableResources } from '../available-resources/index.ts'
import { flavorOf } from '../available-resources/index.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, isStoreError, remove } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { FlavorKind } from '../objects/flavor.ts'
import { DEFAULT_NAMESPACE, type ObjectKey } from '../objects/meta.ts'
import { PoolKind, type LedgerEntry, type Pool } from '../objects/pool.ts'
import { TransactionKind, type Transaction } from '../objects/transaction.ts'
import {
  signDocument,
  verifyDocument,
  SignatureError,
  type NodeKey,
} from '../privacy-and-security-manager/index.ts'
import { partialPrice } from '../quantity/price.ts'
import type { Amounts } from '../quantity/amounts.ts'
import type { Forwarder } from './forwarder.ts'
import type { RearManager } from '../rear-manager/index.ts'
import { Problem } from '../rear/problem.ts'
import {
  contractFromWire,
  contractTerms,
  decodeContract,
  encodeContract,
  flavorToWire,
  nodeIdentityToWire,
  nodeIdentityFromWire,
  configurationFromWire,
  withSignatures,
  type WireConfiguration,
  type WireContract,
  type WireContractTerms,
  type WireFlavor,
  type WireNodeIdentity,
  type WirePurchaseRequest,
  type WireReserveRequest,
  type WireTransaction,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceOf, type TraceContext } from '../trace/index.ts'
import {
  amountsOf,
  configurationOf,
  contractIdOf,
  CONTRACT_SIGNATURE,
  transactionIdOf,
  USER,
} from './terms.ts'

export interface SellerOptions extends NodeBase {
  readonly available: AvailableResources
  readonly rearManager: Pick<RearManager, 'reserveForPeer'>
  readonly key: NodeKey
  /** How long RESERVE holds, in milliseconds. */
  readonly holdMs: number
  /** The longest contract that is sold, in milliseconds. */
  readonly longestMs: number
  readonly recordSale: (contract: Contract) => void
  /** A supernode's: sells what others have. Asked for when it is needed, since it completes through us. */
  readonly forwarder?: () => Forwarder
}

/** The buyer's wish for the end of the contract; a member of ours, which upstream's nodes do not send. */
const WANTED_END = 'contractExpirationTime'

/** The finalizer that keeps a contract until it is closed. */
export const CONTRACT_FINALIZER = 'tributary.io/contract'

export class Seller implements Component {
  readonly #options: SellerOptions
  readonly #controller: Controller

  constructor(options: SellerOptions) {
    this.#options = options
    options.informers.of(TransactionKind)
    this.#controller = new Controller({
      name: 'contract-seller',
      system: options.system,
      log: options.log,
      watches: [{ informer: options.informers.of(PoolKind) }],
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
   * RESERVE (steps 15 to 18): holds a part of a flavor for a limited time.
   * @param caller the authenticated node id; undefined on the plain listener
   * @throws Problem
   */
  async reserve(
    request: WireReserveRequest,
    caller: string | undefined,
    trace?: TraceContext,
  ): Promise<WireTransaction> {
    const { store, available, tracer, rearManager } = this.#options
    if (caller !== undefined && request.buyerID.ID !== caller) {
      throw new Problem('not-a-party', 'a node reserves for itself: buyerID is not the caller')
    }
    const since = tracer.now()
    const buyer = withoutSecrets(request.buyerID)
    const key = request.key ?? `${request.flavorID} ${JSON.stringify(request.configuration ?? null)}`
    const transactionID = transactionIdOf(buyer.ID, key)
    const before = await this.#resume(transactionID, request)
    if (before) return before

    const pool = await available.poolOfFlavor(request.flavorID)
    const forwarder = this.#options.forwarder?.()
    const offer =
      pool === undefined && caller !== undefined ? forwarder?.offerFor(request.flavorID, caller) : undefined
    if (forwarder && offer) return forwarder.reserve(offer, request, buyer, transactionID, key, trace)
    if (pool === undefined)
      throw new Problem('flavor-not-found', `no flavor ${request.flavorID.slice(0, 100)} here`)
    const flavor = await this.#currentFlavor(pool)
    if (flavor === undefined)
      throw this.#refuse(pool, 'insufficient-capacity', 'everything is sold', {}, undefined)
    const configuration = this.#configuration(request.configuration, flavor)
    const amounts = amountsOf(configuration)
    const draft = this.#draft({ transactionID, flavor, buyer, configuration, amounts, pool, request })
    tracer.participant(trace, buyer.ID)
    tracer.step(trace, 'contract-drafted', { peer: buyer.ID, since, detail: draft.contractID })

    const expirationTime = rfc3339(this.#now() + this.#options.holdMs)
    const held = await rearManager.reserveForPeer(
      { namespace: DEFAULT_NAMESPACE, name: pool.metadata.name },
      {
        id: transactionID,
        contractID: draft.contractID,
        buyer: buyer.ID,
        flavorID: request.flavorID,
        amounts,
        expiresAt: expirationTime,
      },
      trace,
    )
    if ('refusal' in held) {
      const { code, detail, numbers } = held.refusal
      const successor = held.pool && (await this.#currentFlavor(held.pool))
      throw this.#refuse(pool, code, detail, numbers, successor)
    }
    const transaction: WireTransaction = {
      transactionID,
      flavorID: request.flavorID,
      // Echoed exactly as it was sent.
      ...(request.configuration ? { configuration: request.configuration } : {}),
      buyer,
      clusterID: buyer.additionalInformation?.liqoID ?? '',
      expirationTime,
      contract: draft,
    }
    await ensure(store, TransactionKind, {
      metadata: { namespace: DEFAULT_NAMESPACE, name: transactionID, annotations: traceAnnotations(trace) },
      spec: {
        flavorID: request.flavorID,
        buyer: nodeIdentityFromWire(buyer),
        clusterID: transaction.clusterID,
        configuration: configurationFromWire(configuration),
        expirationTime,
        contractDraft: draft,
        key,
        sent: transaction,
      },
    })
    tracer.step(trace, 'reserve-answered', { peer: buyer.ID, since })
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
    const { store, available } = this.#options
    const key = { namespace: DEFAULT_NAMESPACE, name: transactionID }
    const contract = await store.get(ContractKind, {
      namespace: DEFAULT_NAMESPACE,
      name: contractIdOf(transactionID),
    })
    if (contract) {
      if (caller !== undefined && contract.spec.buyer.nodeID !== caller) throw notAParty()
      return contract.spec.document
    }
    const transaction = await store.get(TransactionKind, key)
    if (transaction === undefined) throw new Problem('transaction-not-found', 'no such transaction here')
    if (caller !== undefined && transaction.spec.buyer.nodeID !== caller) throw notAParty()
    const draft = transaction.spec.contractDraft as WireContractTerms
    if (caller !== undefined) this.#checkBuyer(draft, request.signature, caller)
    const forwarder = this.#options.forwarder?.()
    if (forwarder && isForwarding(transaction)) {
      return (await forwarder.purchase(transaction, request.signature!)).spec.document
    }
    const pool = await available.allocate(transactionID, {
      expiresAt: draft.expirationTime ?? transaction.spec.expirationTime ?? '',
      ...(request.signature ? { buyerSignature: request.signature } : {}),
    })
    if (pool === undefined) throw new Problem('transaction-expired', 'the hold ended before it was bought')
    const made = await this.#complete(transaction, pool, request.signature || undefined, request)
    return made.spec.document
  }

  /** A buyer gives a hold back before it has bought. Idempotent. */
  async cancel(transactionID: string, caller: string | undefined): Promise<void> {
    const { store, available } = this.#options
    const transaction = await store.get(TransactionKind, {
      namespace: DEFAULT_NAMESPACE,
      name: transactionID,
    })
    if (transaction === undefined) return
    if (caller !== undefined && transaction.spec.buyer.nodeID !== caller) throw notAParty()
    if (await store.get(ContractKind, { namespace: DEFAULT_NAMESPACE, name: contractIdOf(transactionID) })) {
      throw new Problem('conflict', 'the transaction was bought: close its contract instead')
    }
    if (isForwarding(transaction)) await this.#options.forwarder?.().release(transaction)
    else await available.release(transactionID)
    await remove(store, TransactionKind, { namespace: DEFAULT_NAMESPACE, name: transactionID })
  }

  /** Signs and stores a contract that we make on behalf of others. Idempotent. */
  completeForwarding(transaction: Transaction, signature: string): Promise<Contract> {
    return this.#complete(transaction, undefined, signature)
  }

  /** What a retried RESERVE gets: the answer of the first one, while its hold lives or its contract was made. */
  async #resume(transactionID: string, request: WireReserveRequest): Promise<WireTransaction | undefined> {
    const { store, available } = this.#options
    const transaction = await store.get(TransactionKind, {
      namespace: DEFAULT_NAMESPACE,
      name: transactionID,
    })
    if (transaction === undefined) return undefined
    const sent = transaction.spec['sent'] as WireTransaction
    if (JSON.stringify(sent.configuration ?? null) !== JSON.stringify(request.configuration ?? null)) {
      throw new Problem('key-reused', 'the key was used before for another configuration')
    }
    if (isForwarding(transaction)) {
      if (await this.#options.forwarder?.().holds(transaction)) return sent
      await this.#options.forwarder?.().release(transaction)
      await remove(store, TransactionKind, { namespace: DEFAULT_NAMESPACE, name: transactionID })
      return undefined
    }
    const found = await available.poolOfEntry(transactionID)
    const over = found?.entry.state === 'held' && Date.parse(found.entry.expiresAt) <= this.#now()
    if (found === undefined || over) {
      await remove(store, TransactionKind, { namespace: DEFAULT_NAMESPACE, name: transactionID })
      return undefined
    }
    return sent
  }

  #configuration(sent: WireConfiguration | undefined, flavor: WireFlavor): WireConfiguration {
    if (sent === undefined) {
      if (flavor.type.name !== 'k8slice') return { type: flavor.type.name, data: {} } as WireConfiguration
      const { cpu, memory, pods, storage, gpu } = flavor.type.data.charateristics
      return configurationOf({
        cpu,
        memory,
        pods,
        ...(storage === undefined ? {} : { storage }),
        ...(gpu ? { 'gpu.cores': gpu.cores, 'gpu.memory': gpu.memory } : {}),
      })
    }
    if (sent.type !== flavor.type.name) {
      throw new Problem(
        'wrong-configuration',
        `the flavor is a ${flavor.type.name}, the configuration is for a ${sent.type}`,
      )
    }
    return sent
  }

  #draft(of: {
    readonly transactionID: string
    readonly flavor: WireFlavor
    readonly buyer: WireNodeIdentity
    readonly configuration: WireConfiguration
    readonly amounts: Amounts
    readonly pool: Pool
    readonly request: WireReserveRequest
  }): WireContractTerms {
    const { self, longestMs } = this.#options
    const now = this.#now()
    const wanted = Date.parse(String((of.request as Record<string, unknown>)[WANTED_END] ?? ''))
    const end = Number.isFinite(wanted) ? Math.min(Math.max(wanted, now), now + longestMs) : now + longestMs
    const { access } = of.pool.spec
    return {
      contractID: contractIdOf(of.transactionID),
      transactionID: of.transactionID,
      flavor: of.flavor,
      buyerID: of.buyer,
      buyerClusterID: of.buyer.additionalInformation?.liqoID ?? '',
      seller: nodeIdentityToWire(self.identity()),
      expirationTime: rfc3339(end),
      ...extraOf(access, of.request.user, of.buyer.ID),
      configuration: of.configuration,
      price: partialPrice(of.pool.spec.price, of.amounts, of.pool.spec.capacity),
    } as WireContractTerms
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

  /** Signs and stores the contract of an allocated transaction. Idempotent. */
  async #complete(
    transaction: Transaction,
    pool: Pool | undefined,
    buyerSignature: string | undefined,
    request?: WirePurchaseRequest,
  ): Promise<Contract> {
    const { store, key, self } = this.#options
    const draft = transaction.spec.contractDraft as WireContractTerms
    const unsigned = {
      ...draft,
      // No credentials: what the buyer may do follows from the contract and its key.
      peeringTargetCredentials: {
        clusterID: self.identity().additionalInformation?.liqoID ?? '',
        kubeconfig: '',
      },
      // A buyer that signed the draft signed it without; upstream's buyers sign nothing.
      ...(request?.ingressTelemetryEndpoint && buyerSignature === undefined
        ? { ingressTelemetryEndpoint: request.ingressTelemetryEndpoint }
        : {}),
    } as WireContract
    const seller = signDocument(contractTerms(unsigned), { ...CONTRACT_SIGNATURE, key })
    const document = encodeContract(
      withSignatures(unsigned, {
        seller,
        ...(buyerSignature === undefined ? {} : { buyer: buyerSignature }),
      }),
    )
    const contract = await ensure(store, ContractKind, {
      metadata: {
        namespace: DEFAULT_NAMESPACE,
        name: draft.contractID,
        finalizers: [CONTRACT_FINALIZER],
        annotations: traceAnnotations(traceOf(transaction)),
      },
      spec: {
        ...contractFromWire(decodeContract(document), document),
        role: 'seller',
        ...(pool ? { poolName: pool.metadata.name } : {}),
      },
    })
    this.#options.recordSale(contract)
    return contract
  }

  async #currentFlavor(pool: Pool): Promise<WireFlavor | undefined> {
    const { store, self } = this.#options
    const made = flavorOf(pool, self.identity())
    if (made === undefined) return undefined
    const key = { namespace: DEFAULT_NAMESPACE, name: made.id }
    const stored = await store.get(FlavorKind, key)
    // Between a change of the pool and the projection there may be none yet: make it, it is the same one.
    if (stored) return flavorToWire(stored)
    await this.#options.available.project(pool)
    const projected = await store.get(FlavorKind, key)
    return projected && flavorToWire(projected)
  }

  #refuse(
    pool: Pool,
    code: 'insufficient-capacity' | 'not-partitionable' | 'wrong-configuration',
    detail: string,
    numbers: Readonly<Record<string, string>>,
    successor: WireFlavor | undefined,
  ): Problem {
    this.#options.log.info({ pool: pool.metadata.name, code, detail, numbers }, 'reservation refused')
    return new Problem(code, detail, {
      extensions: { reason: code, numbers, ...(successor ? { successor } : {}) },
    })
  }

  /** After a crash: every allocation gets its contract, every hold that is over loses its transaction. */
  async #reconcile(key: ObjectKey): Promise<void> {
    const { store, informers } = this.#options
    const pool = await store.get(PoolKind, key)
    const entries = new Map<string, LedgerEntry>(
      (pool?.status?.entries ?? []).map((entry) => [entry.id, entry]),
    )
    for (const entry of entries.values()) {
      if (pool === undefined || entry.state !== 'allocated') continue
      if (await store.get(ContractKind, { namespace: DEFAULT_NAMESPACE, name: entry.contractID })) continue
      const transaction = await store.get(TransactionKind, { namespace: DEFAULT_NAMESPACE, name: entry.id })
      if (transaction === undefined) {
        // Neither contract nor transaction: it was closed, and the crash came before the release.
        await this.#options.available.release(entry.id)
      } else {
        await this.#complete(transaction, pool, entry.buyerSignature)
      }
    }
    const now = this.#now()
    for (const transaction of informers.of(TransactionKind).list()) {
      const { expirationTime } = transaction.spec
      const mine = transaction.spec['sent'] !== undefined && !isForwarding(transaction)
      if (!mine || entries.has(transaction.metadata.name) || Date.parse(expirationTime ?? '') > now) continue
      if (await this.#options.available.poolOfEntry(transaction.metadata.name)) continue
      try {
        await remove(store, TransactionKind, {
          namespace: DEFAULT_NAMESPACE,
          name: transaction.metadata.name,
        })
      } catch (error) {
        if (!isStoreError(error, 'Conflict')) throw error
      }
    }
  }

  #now(): number {
    return this.#options.system.clock.now()
  }
}

/** Whether the transaction stands for a reservation at the next hop, and not for a part of a pool of ours. */
function isForwarding(transaction: Transaction): boolean {
  return typeof transaction.spec.reservation === 'string'
}

/** A buyer's kubeconfig is never kept, echoed or passed on. */
function withoutSecrets(identity: WireNodeIdentity): WireNodeIdentity {
  if (identity.additionalInformation?.kubeconfig === undefined) return identity
  const { kubeconfig: _kubeconfig, ...additionalInformation } = identity.additionalInformation
  return { ...identity, additionalInformation }
}

/** Access data, and who uses it where that is not the buyer. */
function extraOf(
  access: Readonly<Record<string, string>> | undefined,
  user: string | undefined,
  buyer: string,
): { readonly extraInformation?: Readonly<Record<string, string>> } {
  const extra = {
    ...(access ? accessEntries(access) : {}),
    ...(user !== undefined && user !== '' && user !== buyer ? { [USER]: user } : {}),
  }
  return Object.keys(extra).length > 0 ? { extraInformation: extra } : {}
}

function accessEntries(access: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(access).map(([name, value]) => [`access.${name}`, value]))
}

function notAParty(): Problem {
  return new Problem('not-a-party', 'the transaction is of another buyer')
}
