/** PURCHASE and step 19: signs the draft, and keeps the contract that both have signed. */
import { ensure } from '../kernel/object-store.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { DEFAULT_NAMESPACE, inDefaultNamespace, referenceTo } from '../objects/meta.ts'
import type { Reservation } from '../objects/reservation.ts'
import { signDocument } from '../privacy-and-security-manager/index.ts'
import {
  contractFromWire,
  contractSignatures,
  contractTerms,
  decodeContract,
  type WireContract,
  type WireContractTerms,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceHeaders, traceOf } from '../trace/index.ts'
import type { BuyerOptions } from './buyer-options.ts'
import { CONTRACT_FINALIZER } from './contract-issuer.ts'
import { FORWARDING_LABEL } from './forwarding-names.ts'
import { setReservationStatus } from './reservation-status.ts'
import { InvalidAnswer } from './seller-failure.ts'
import { CONTRACT_SIGNATURE } from './signature-types.ts'
import { verifyContract } from './verify.ts'

/**
 * @returns the contract as it is stored
 * @throws InvalidAnswer, WireError, Problem, TransportError
 */
export async function sendPurchase(
  options: BuyerOptions,
  reservation: Reservation,
  signal: AbortSignal,
): Promise<Contract> {
  const { client, key, recorder, system } = options
  const { seller } = reservation.spec
  const trace = traceOf(reservation)
  const since = recorder.now()
  const { transactionID = '', transaction } = reservation.status!
  const draft = (transaction as { contract?: WireContractTerms }).contract
  if (draft === undefined) throw new InvalidAnswer('the seller sent no draft of the contract')
  const signature = signDocument(contractTerms(draft), { ...CONTRACT_SIGNATURE, key })
  const answer = await client.callNode(seller, {
    method: 'POST',
    path: `/api/v2/transactions/${encodeURIComponent(transactionID)}/purchase`,
    headers: traceHeaders(trace),
    signal,
    body: { signature },
  })
  const contract = checkedContract(answer.body, draft, system.clock.now())
  const stored = await storeContract(options, reservation, contract, answer.body)
  const detail = contract.contractID
  recorder.step(trace, 'contract-created', { peer: seller.nodeID, since, detail })
  await setReservationStatus(options, reservation, 'bought', 'bought', {
    purchasePhase: 'Solved',
    contract: referenceTo(stored),
  })
  return stored
}

function storeContract(
  { store }: BuyerOptions,
  reservation: Reservation,
  contract: WireContract,
  document: unknown,
): Promise<Contract> {
  const { metadata, spec } = reservation
  const solverUID = metadata.ownerReferences?.find(({ kind }) => kind === 'Solver')?.uid
  // Bought for others: so that its end finds the contract with the hop before.
  const forwarding = metadata.labels?.[FORWARDING_LABEL]
  return ensure(store, ContractKind, {
    metadata: {
      ...inDefaultNamespace(contract.contractID),
      finalizers: [CONTRACT_FINALIZER],
      annotations: traceAnnotations(traceOf(reservation)),
      ...(forwarding === undefined ? {} : { labels: { [FORWARDING_LABEL]: forwarding } }),
    },
    spec: {
      ...contractFromWire(contract, document),
      role: 'buyer',
      solverID: spec.solverID,
      solverNamespace: metadata.namespace ?? DEFAULT_NAMESPACE,
      ...(solverUID === undefined ? {} : { solverUID }),
      reservation: metadata.name,
    },
  })
}

/** @throws InvalidAnswer unless it is the contract of the draft, signed by both */
function checkedContract(body: unknown, draft: WireContractTerms, now: number): WireContract {
  const contract = decodeContract(body)
  const verdict = verifyContract(body, now)
  const bad = verdict.checks.find(({ ok }) => !ok)
  if (bad) throw new InvalidAnswer(`the contract is not valid: ${bad.name}: ${bad.detail}`)
  const ours = contractSignatures(contract).buyer
  // Our signature covers the terms: that it verifies over them shows that they are those of the draft.
  if (ours === undefined || contract.contractID !== draft.contractID) {
    throw new InvalidAnswer('the contract is not the one that was signed')
  }
  return contract
}
