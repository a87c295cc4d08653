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
import { DEFAULT_NAMESPACE, keyOf, type ObjectKey } from '../objects/meta.ts'
import { ReservationKind, type Reservation, type ReservationStatus } from '../objects/reservation.ts'
import { TransactionKind } from '../objects/transaction.ts'
import { signDocument, type NodeKey } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, PROBLEMS, type ProblemCode } from '../rear/problem.ts'
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
import { draftComplaint } from './check-draft.ts'
import { CONTRACT_FINALIZER } from './contract-issuer.ts'
import { CONTRACT_SIGNATURE, transactionIdOf } from './terms.ts'
import { verifyContract } from './verify.ts'

export interface BuyerOptions extends NodeBase {
  readonly client: RearClient
  readonly key: NodeKey
  /** Asks for the end of a contract. */
  readonly closeContract: (contractID: string, reason: string) => Promise<void>
}

const FINALIZER = 'tributary.io/reservation'
/** A seller that does not answer this often is given up for this acquisition; the next offer is tried. */
const MOST_ATTEMPTS = 3
const RETRY_MS = 500
const RESERVE_TIMEOUT_MS = 25_000
/** Where the same offer is to be had through a relay. */
const RESERVE_TIMEOUT_WITH_RELAY_MS = 5_000
const CANCEL_TIMEOUT_MS = 2_000
const UNWIND_RETRY_MS = 5_000

export class Buyer implements Component {
  readonly #options: BuyerOptions
  readonly #controller: Controller
  /** By uid: how often a message of a reservation was not answered. */
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
    if (reservation === undefined) return
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
    const { store, client, self, recorder } = this.#options
    const { spec } = reservation
    const trace = traceOf(reservation)
    const since = recorder.now()
    if (!reservation.metadata.finalizers?.includes(FINALIZER)) {
      await mutate(store, ReservationKind, keyOf(reservation), (each) => ({
        ...each,
        metadata: { ...each.metadata, finalizers: [...(each.metadata.finalizers ?? []), FINALIZER] },
      }))
    }
    const sent = recorder.step(trace, 'reserve-sent', {
      peer: spec.seller.nodeID,
      since,
      detail: spec.flavorID,
    })
    const answer = await client.callNode(reservation.spec.seller, {
      method: 'POST',
      path: '/api/v2/reservations',
      headers: traceHeaders(sent),
      timeoutMs: spec.relayAlternative === true ? RESERVE_TIMEOUT_WITH_RELAY_MS : RESERVE_TIMEOUT_MS,
      signal,
      body: {
        flavorID: spec.flavorID,
        buyerID: nodeIdentityToWire(self.identity()),
        ...(spec.configuration ? { configuration: configurationToWire(spec.configuration) } : {}),
        ...(spec.user === undefined ? {} : { user: spec.user }),
        key: spec.key ?? reservation.metadata.uid,
        ...(spec.until === undefined ? {} : { contractExpirationTime: spec.until }),
      },
    })
    const transaction = decodeTransaction(answer.body)
    const draft = (answer.body as { contract?: WireContractTerms }).contract
    const complaint = draftComplaint(reservation, draft, self.id)
    if (complaint !== undefined) throw new InvalidAnswer(`the draft of the contract ${complaint}`)
    await ensure(store, TransactionKind, {
      metadata: {
        namespace: DEFAULT_NAMESPACE,
        name: transaction.transactionID,
        annotations: traceAnnotations(trace),
      },
      spec: { ...transactionFromWire(transaction), contractDraft: draft },
    })
    this.#attempts.delete(reservation.metadata.uid)
    await this.#setStatus(reservation, {
      phase: { phase: spec.purchase === true ? 'Running' : 'Solved', message: 'reserved' },
      reservePhase: 'Solved',
      transactionID: transaction.transactionID,
      transaction: answer.body,
    })
  }

  /** PURCHASE and step 19. */
  async #purchase(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { store, client, key, recorder } = this.#options
    const trace = traceOf(reservation)
    const since = recorder.now()
    const { transactionID = '', transaction } = reservation.status!
    const draft = (transaction as { contract?: WireContractTerms }).contract
    if (draft === undefined) throw new InvalidAnswer('the seller sent no draft of the contract')
    const signature = signDocument(contractTerms(draft), { ...CONTRACT_SIGNATURE, key })
    const answer = await client.callNode(reservation.spec.seller, {
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
        solverNamespace: reservation.metadata.namespace ?? DEFAULT_NAMESPACE,
      },
    })
    recorder.step(trace, 'contract-created', {
      peer: reservation.spec.seller.nodeID,
      since,
      detail: contract.contractID,
    })
    this.#attempts.delete(reservation.metadata.uid)
    await this.#setStatus(reservation, {
      ...reservation.status,
      phase: { phase: 'Solved', message: 'bought' },
      purchasePhase: 'Solved',
      contract: refTo(stored),
    })
  }

  #checkContract(body: unknown, draft: WireContractTerms): ReturnType<typeof decodeContract> {
    const contract = decodeContract(body)
    const verdict = verifyContract(body, this.#options.system.clock.now())
    const bad = verdict.checks.find(({ ok }) => !ok)
    if (bad) throw new InvalidAnswer(`the contract is not valid: ${bad.name}: ${bad.detail}`)
    const ours = contractSignatures(contract).buyer
    // Our signature covers the terms: that it verifies over them shows that they are those of the draft.
    if (ours === undefined || contract.contractID !== draft.contractID) {
      throw new InvalidAnswer('the contract is not the one that was signed')
    }
    return contract
  }

  async #failed(reservation: Reservation, error: unknown): Promise<{ requeueAfterMs: number } | undefined> {
    const failure = failureOf(error)
    if (failure === undefined) throw error
    const attempts = (this.#attempts.get(reservation.metadata.uid) ?? 0) + 1
    const { message } = error as Error
    // A lost answer is asked for again: the key makes that safe.
    const { spec, status } = reservation
    const tryRelay = spec.relayAlternative === true && status?.reservePhase !== 'Solved'
    if (failure.mayPass && attempts < MOST_ATTEMPTS && !tryRelay) {
      this.#attempts.set(reservation.metadata.uid, attempts)
      await this.#setStatus(reservation, {
        ...reservation.status,
        phase: {
          phase: 'Running',
          message: `waiting for the seller: ${message} (attempt ${attempts} of ${MOST_ATTEMPTS})`,
        },
      })
      return { requeueAfterMs: RETRY_MS * attempts }
    }
    this.#attempts.delete(reservation.metadata.uid)
    await this.#setStatus(reservation, {
      ...reservation.status,
      phase: { phase: 'Failed', message },
      message: failure.code,
    })
    return undefined
  }

  /**
   * A reservation that is deleted gives its hold back. Where PURCHASE may have been sent and its answer was
   * lost, the seller may have a contract that we do not know of: it is asked until that is clear, and such a
   * contract is closed.
   */
  async #unwind(reservation: Reservation, signal: AbortSignal): Promise<{ requeueAfterMs: number } | void> {
    const { store, self } = this.#options
    const { spec, status, metadata } = reservation
    // Follows from the key, where the answer that names it was lost.
    const transactionID = status?.transactionID ?? transactionIdOf(self.id, spec.key ?? metadata.uid)
    const nothingHeld = status?.phase.phase === 'Failed' && isRefusal(status.message)
    if (status?.contract?.name !== undefined) {
      // Closed by now as a rule; not if a crash came between the contract and whoever wanted it.
      await this.#options.closeContract(status.contract.name, 'given up')
    } else if (!nothingHeld) {
      const again = await this.#giveBack(reservation, transactionID, signal)
      if (again) return again
    }
    this.#attempts.delete(metadata.uid)
    await remove(store, TransactionKind, { namespace: DEFAULT_NAMESPACE, name: transactionID })
    await mutate(store, ReservationKind, keyOf(reservation), (each) => ({
      ...each,
      metadata: {
        ...each.metadata,
        finalizers: (each.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
      },
    }))
  }

  /** @returns when to try again; undefined when nothing is held for us any more, or nothing can be done about it */
  async #giveBack(
    reservation: Reservation,
    transactionID: string,
    signal: AbortSignal,
  ): Promise<{ requeueAfterMs: number } | undefined> {
    const { client, log, system } = this.#options
    const { spec, status } = reservation
    try {
      await client.callNode(spec.seller, {
        method: 'DELETE',
        path: `/api/v2/transactions/${encodeURIComponent(transactionID)}`,
        timeoutMs: CANCEL_TIMEOUT_MS,
        signal,
      })
      return undefined
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      const refused = isProblem(error) && error.status < 500
      if (isProblem(error, 'conflict')) {
        await this.#closeUnknown(reservation, signal)
        return { requeueAfterMs: 0 }
      }
      const over = Date.parse(spec.until ?? '') < system.clock.now()
      const mayBeBought = spec.purchase === true && status?.reservePhase === 'Solved' && !over
      log.info({ err: error, transactionID, mayBeBought }, 'hold not given back; it expires by itself')
      return mayBeBought && !refused ? { requeueAfterMs: UNWIND_RETRY_MS } : undefined
    }
  }

  /** It was bought after all: learns the contract, to end it. */
  async #closeUnknown(reservation: Reservation, signal: AbortSignal): Promise<void> {
    await this.#purchase(reservation, signal)
    const known = await this.#options.store.get(ReservationKind, keyOf(reservation))
    const contractID = known?.status?.contract?.name
    if (contractID !== undefined)
      await this.#options.closeContract(contractID, 'given up before it was bought')
  }

  async #setStatus(reservation: Reservation, status: ReservationStatus): Promise<void> {
    const { store, system } = this.#options
    await mutateStatus(store, ReservationKind, keyOf(reservation), () => ({
      ...status,
      phase: { ...status.phase, lastChangeTime: rfc3339(system.clock.now()) },
    }))
  }
}

/** The seller answered, but not with what it must. */
class InvalidAnswer extends Error {
  override readonly name = 'InvalidAnswer'
}

interface Failure {
  /** Stable, for programs: `unreachable`, `invalid-answer`, or the code of the problem that the seller refused with. */
  readonly code: string
  /** Whether the same message may be answered another time. */
  readonly mayPass: boolean
}

/** @returns what it says of the seller; undefined for a fault of our own */
function failureOf(error: unknown): Failure | undefined {
  if (error instanceof InvalidAnswer || error instanceof WireError)
    return { code: 'invalid-answer', mayPass: false }
  if (isTransportError(error)) return { code: 'unreachable', mayPass: !isTransportError(error, 'wrong-peer') }
  if (!isProblem(error)) return undefined
  // That it is in trouble, or the next one behind it, it says itself: that is no lie.
  const said = error.extensions['code'] !== undefined
  if (error.status >= 500 && !said) return { code: 'invalid-answer', mayPass: false }
  return { code: error.code, mayPass: error.status >= 500 }
}

/** @returns whether a failed reservation was refused, so that nothing is held under it */
function isRefusal(code: string | undefined): boolean {
  return code !== undefined && Object.hasOwn(PROBLEMS, code) && PROBLEMS[code as ProblemCode].status < 500
}

function refTo(contract: Contract): { name: string; namespace: string; kind: string; apiVersion: string } {
  return {
    name: contract.metadata.name,
    namespace: contract.metadata.namespace ?? DEFAULT_NAMESPACE,
    kind: contract.kind,
    apiVersion: contract.apiVersion,
  }
}
