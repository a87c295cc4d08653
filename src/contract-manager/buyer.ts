/**
 * The buying half: brings Reservations in line. RESERVE when it says `reserve`, PURCHASE when it says
 * `purchase`; both are repeated until answered, and a repeated one has no second effect.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { ensure, mutate, mutateStatus, remove } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { parseNodeId } from '../objects/ids.ts'
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind, type Reservation, type ReservationStatus } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { signDocument, type NodeKey } from '../privacy-and-security-manager/index.ts'
import { canonical } from '../quantity/index.ts'
import { parseMoney } from '../quantity/price.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, Problem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import {
  configurationToWire,
  contractFromWire,
  contractSignatures,
  contractTerms,
  decodeContract,
  decodeTransaction,
  nodeIdentityToWire,
  transactionFromWire,
  WireError,
  type WireContractTerms,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceHeaders, traceOf } from '../trace/index.ts'
import { CONTRACT_FINALIZER } from './seller.ts'
import { amountsOf, CONTRACT_SIGNATURE } from './terms.ts'
import { verifyContract } from './verify.ts'

export interface BuyerOptions extends NodeBase {
  readonly client: RearClient
  readonly key: NodeKey
  /** Asks for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
  readonly recordDealing: (
    about: string,
    type: 'Purchased' | 'Refused' | 'Unreachable' | 'InvalidAnswer',
    reservation: Reservation,
    detail: string,
  ) => Promise<void>
}

const FINALIZER = 'tributary.io/reservation'
/** A seller that does not answer this often is given up for this acquisition; the next offer is tried. */
const MOST_ATTEMPTS = 3
const RETRY_MS = 500
const RESERVE_TIMEOUT_MS = 25_000
const CANCEL_TIMEOUT_MS = 2_000
const UNWIND_RETRY_MS = 5_000

export class Buyer implements Component {
  readonly #options: BuyerOptions
  readonly #controller: Controller
  readonly #attempts = new Map<string, number>()

  constructor(options: BuyerOptions) {
    this.#options = options
    options.informers.of(ReservationKind)
    this.#controller = new Controller({
      name: 'contract-buyer',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [{ informer: options.informers.of(ReservationKind) }],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | void> {
    const reservation = await this.#options.store.get(ReservationKind, key)
    if (reservation === undefined) {
      this.#attempts.delete(key.name)
      return
    }
    if (reservation.metadata.deletionTimestamp !== undefined) return this.#unwind(reservation, signal)
    const { spec, status } = reservation
    const failed = status?.phase.phase === 'Failed'
    try {
      if (spec.reserve === true && status?.reservePhase !== 'Solved' && !failed) {
        await this.#reserve(reservation, signal)
      } else if (spec.purchase === true && status?.reservePhase === 'Solved' && !status.contract && !failed) {
        await this.#purchase(reservation, signal)
      }
      return undefined
    } catch (error) {
      if (signal.aborted) throw error
      return this.#failed(reservation, error)
    }
  }

  /** Step 14. */
  async #reserve(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { store, client, self, tracer } = this.#options
    const { spec } = reservation
    const trace = traceOf(reservation)
    const since = tracer.now()
    if (!reservation.metadata.finalizers?.includes(FINALIZER)) {
      await mutate(store, ReservationKind, keyOf(reservation), (each) => ({
        ...each,
        metadata: { ...each.metadata, finalizers: [...(each.metadata.finalizers ?? []), FINALIZER] },
      }))
    }
    tracer.step(trace, 'reserve-sent', { peer: spec.seller.nodeID, since, detail: spec.flavorID })
    const answer = await client.call(this.#target(reservation), {
      method: 'POST',
      path: '/api/v2/reservations',
      headers: traceHeaders(trace),
      timeoutMs: RESERVE_TIMEOUT_MS,
      signal,
      body: {
        flavorID: spec.flavorID,
        buyerID: nodeIdentityToWire(self.identity()),
        ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
        ...(spec.user === undefined ? {} : { user: spec.user }),
        key: spec.key ?? reservation.metadata.uid,
        ...(typeof spec['until'] === 'string' ? { contractExpirationTime: spec['until'] } : {}),
      },
    })
    const transaction = decodeTransaction(answer.body)
    const draft = (answer.body as { contract?: WireContractTerms }).contract
    this.#checkDraft(reservation, draft)
    await ensure(store, TransactionKind, {
      metadata: {
        namespace: DEFAULT_NAMESPACE,
        name: transaction.transactionID,
        annotations: traceAnnotations(trace),
      },
      spec: { ...transactionFromWire(transaction), contractDraft: draft },
    })
    await this.#setStatus(reservation, {
      phase: { phase: spec.purchase === true ? 'Running' : 'Solved', message: 'reserved' },
      reservePhase: 'Solved',
      transactionID: transaction.transactionID,
      transaction: answer.body,
    })
  }

  /** PURCHASE and step 19. */
  async #purchase(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { store, client, key, tracer } = this.#options
    const trace = traceOf(reservation)
    const since = tracer.now()
    const { transactionID = '', transaction } = reservation.status!
    const draft = (transaction as { contract?: WireContractTerms }).contract
    if (draft === undefined) throw new Problem('upstream-failed', 'the seller sent no draft of the contract')
    const signature = signDocument(contractTerms(draft), { ...CONTRACT_SIGNATURE, key })
    const answer = await client.call(this.#target(reservation), {
      method: 'POST',
      path: `/api/v2/transactions/${encodeURIComponent(transactionID)}/purchase`,
      headers: traceHeaders(trace),
      signal,
      body: { signature },
    })
    const contract = this.#checkContract(answer.body, draft)
    const stored = await ensure(store, ContractKind, {
      metadata: {
        namespace: DEFAULT_NAMESPACE,
        name: contract.contractID,
        finalizers: [CONTRACT_FINALIZER],
        annotations: traceAnnotations(trace),
      },
      spec: {
        ...contractFromWire(contract, answer.body),
        role: 'buyer',
        solverID: reservation.spec.solverID,
      },
    })
    tracer.step(trace, 'contract-created', {
      peer: reservation.spec.seller.nodeID,
      since,
      detail: contract.contractID,
    })
    await this.#setStatus(reservation, {
      ...reservation.status,
      phase: { phase: 'Solved', message: 'bought' },
      purchasePhase: 'Solved',
      contract: refTo(stored),
    })
    await this.#options.recordDealing(
      reservation.spec.seller.nodeID,
      'Purchased',
      reservation,
      contract.contractID,
    )
  }

  /** What is about to be signed must be what was asked for: size, seller, price, and an end. */
  #checkDraft(reservation: Reservation, draft: WireContractTerms | undefined): void {
    const { spec } = reservation
    const invalid = (detail: string): Problem =>
      new Problem('upstream-failed', `the draft of the contract ${detail}`)
    if (draft === undefined) throw invalid('is missing')
    if (draft.seller.ID !== spec.seller.nodeID) throw invalid('names another seller')
    if (draft.buyerID.ID !== this.#options.self.id) throw invalid('names another buyer')
    if (draft.expirationTime === undefined) throw invalid('has no end')
    if (spec.configuration && draft.configuration) {
      const asked = amountsOf(configurationToWire(spec.configuration))
      const given = amountsOf(draft.configuration)
      for (const [resource, amount] of Object.entries(asked)) {
        if (canonical(given[resource] ?? '0') !== canonical(amount)) {
          throw invalid(`gives ${given[resource] ?? 'no'} ${resource}, asked was ${amount}`)
        }
      }
    }
    const agreed = spec['price'] as { amount: string; currency: string; period: string } | undefined
    const price = draft.price
    if (agreed && price && price.amount !== '') {
      if (agreed.currency !== price.currency || agreed.period !== price.period)
        throw invalid('is in another currency or period')
      if (parseMoney(price.amount) > parseMoney(agreed.amount)) {
        throw invalid(
          `costs ${price.amount}, offered was ${agreed.amount} ${agreed.currency}/${agreed.period}`,
        )
      }
    }
  }

  #checkContract(body: unknown, draft: WireContractTerms): ReturnType<typeof decodeContract> {
    const contract = decodeContract(body)
    const verdict = verifyContract(body, this.#options.system.clock.now())
    const bad = verdict.checks.find(({ ok }) => !ok)
    if (bad) throw new Problem('upstream-failed', `the contract is not valid: ${bad.name}: ${bad.detail}`)
    const ours = contractSignatures(contract).buyer
    // Our signature covers the terms: that it verifies over them shows that they are those of the draft.
    if (ours === undefined || contract.contractID !== draft.contractID) {
      throw new Problem('upstream-failed', 'the contract is not the one that was signed')
    }
    return contract
  }

  async #failed(reservation: Reservation, error: unknown): Promise<{ requeueAfterMs: number } | undefined> {
    const { nodeID } = reservation.spec.seller
    const attempts = (this.#attempts.get(reservation.metadata.name) ?? 0) + 1
    this.#attempts.set(reservation.metadata.name, attempts)
    const refused = isProblem(error) && error.status < 500
    const invalid = isProblem(error, 'upstream-failed') || error instanceof WireError
    const unreachable = isTransportError(error)
    if (!refused && !invalid && !unreachable && !isProblem(error)) throw error
    const message = error instanceof Error ? error.message : String(error)
    // A lost answer is asked for again: the key makes that safe.
    const again = !refused && !invalid && attempts < MOST_ATTEMPTS && !isTransportError(error, 'wrong-peer')
    if (again) {
      await this.#setStatus(reservation, {
        ...reservation.status,
        phase: {
          phase: 'Running',
          message: `waiting for the seller: ${message} (attempt ${attempts} of ${MOST_ATTEMPTS})`,
        },
      })
      return { requeueAfterMs: RETRY_MS * attempts }
    }
    await this.#setStatus(reservation, {
      ...reservation.status,
      phase: { phase: 'Failed', message },
      message: isProblem(error) ? error.code : unreachable ? 'unreachable' : 'invalid-answer',
    })
    const fact = refused ? 'Refused' : invalid ? 'InvalidAnswer' : 'Unreachable'
    await this.#options.recordDealing(nodeID, fact, reservation, message)
    return undefined
  }

  /**
   * A reservation that is deleted gives its hold back. Where PURCHASE may have been sent and its answer was
   * lost, the seller may have a contract that we do not know of: it is asked until that is clear, and such a
   * contract is closed.
   */
  async #unwind(reservation: Reservation, signal: AbortSignal): Promise<{ requeueAfterMs: number } | void> {
    const { store, client, log, system } = this.#options
    const { spec, status } = reservation
    const { transactionID } = status ?? {}
    if (transactionID !== undefined && status?.contract === undefined) {
      try {
        await client.call(this.#target(reservation), {
          method: 'DELETE',
          path: `/api/v2/transactions/${encodeURIComponent(transactionID)}`,
          timeoutMs: CANCEL_TIMEOUT_MS,
          signal,
        })
      } catch (error) {
        if (!isTransportError(error) && !isProblem(error)) throw error
        if (isProblem(error, 'conflict')) {
          await this.#closeUnknown(reservation, signal)
          return { requeueAfterMs: 0 }
        }
        const over = Date.parse(spec.until ?? '') < system.clock.now()
        const mayBeBought = spec.purchase === true && status?.reservePhase === 'Solved' && !over
        log.info({ err: error, transactionID, mayBeBought }, 'hold not given back; it expires by itself')
        const refused = (error as unknown) instanceof Problem && (error as unknown as Problem).status < 500
        if (mayBeBought && !refused) return { requeueAfterMs: UNWIND_RETRY_MS }
      }
    }
    if (transactionID !== undefined) {
      await remove(store, TransactionKind, { namespace: DEFAULT_NAMESPACE, name: transactionID })
    }
    await mutate(store, ReservationKind, keyOf(reservation), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  /** It was bought after all: learns the contract, to end it. */
  async #closeUnknown(reservation: Reservation, signal: AbortSignal): Promise<void> {
    await this.#purchase(reservation, signal)
    const known = await this.#options.store.get(ReservationKind, keyOf(reservation))
    const contractID = known?.status?.contract?.name
    if (contractID !== undefined)
      await this.#options.closeContract(contractID, 'given up before it was bought')
  }

  #target(reservation: Reservation): { address: string; id?: ReturnType<typeof parseNodeId> } {
    const { seller } = reservation.spec
    return { address: seller.ip, id: parseNodeId(seller.nodeID) }
  }

  async #setStatus(reservation: Reservation, status: ReservationStatus): Promise<void> {
    const { store, system } = this.#options
    await mutateStatus(store, ReservationKind, keyOf(reservation), () => ({
      ...status,
      phase: { ...status.phase, lastChangeTime: rfc3339(system.clock.now()) },
    }))
  }
}

function refTo(contract: Contract): { name: string; namespace: string; kind: string; apiVersion: string } {
  return {
    name: contract.metadata.name,
    namespace: contract.metadata.namespace ?? DEFAULT_NAMESPACE,
    kind: contract.kind,
    apiVersion: contract.apiVersion,
  }
}
