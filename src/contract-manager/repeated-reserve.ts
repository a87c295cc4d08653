/**
 * What a RESERVE is answered that comes again: as the first time, while the hold lives or the contract is in force (from
 * the transaction), and after its end, for as long as the contract is kept (from the contract alone). Pure.
 */
import type { Contract, ContractSpec } from '../objects/contract.ts'
import type { Transaction } from '../objects/transaction.ts'
import { Problem } from '../rear/problem.ts'
import {
  contractSignatures,
  contractTerms,
  type WireContract,
  type WireContractTerms,
  type WireReserveRequest,
  type WireTransaction,
} from '../rear/wire/index.ts'

/** @throws Problem `key-reused` when the first request under the key was another one */
export function sentBefore({ spec }: Transaction, request: WireReserveRequest): WireTransaction {
  return checkedAnswer(
    { ...(spec['sent'] as WireTransaction), contract: spec.contractDraft as WireContractTerms },
    request,
  )
}

/** @returns what a contract has to keep of its transaction, beside the document */
export function reserveOf(transaction: Transaction): NonNullable<ContractSpec['reserve']> | undefined {
  const sent = transaction.spec['sent'] as WireTransaction | undefined
  if (sent === undefined) return undefined
  const { flavorID, configuration, expirationTime } = sent
  return { flavorID, ...(configuration === undefined ? {} : { configuration }), expirationTime }
}

/**
 * @returns the answer that the contract was bought with; undefined when it does not say
 * @throws Problem `key-reused` when the first request under the key was another one
 */
export function sentBeforeContract(
  { spec }: Contract,
  request: WireReserveRequest,
): WireTransaction | undefined {
  const { reserve } = spec
  if (reserve === undefined || spec.document === undefined) return undefined
  const document = spec.document as unknown as WireContract
  const { ingressTelemetryEndpoint, ...terms } = contractTerms(document)
  // Who signs nothing may have named one with the purchase, after the draft.
  const isOfDraft = contractSignatures(document).buyer !== undefined && ingressTelemetryEndpoint !== undefined
  const draft: WireContractTerms = isOfDraft ? { ...terms, ingressTelemetryEndpoint } : terms
  const { configuration } = reserve as Pick<WireReserveRequest, 'configuration'>
  return checkedAnswer(
    {
      transactionID: spec.transactionID,
      flavorID: reserve.flavorID,
      ...(configuration === undefined ? {} : { configuration }),
      buyer: document.buyerID,
      clusterID: document.buyerClusterID,
      expirationTime: reserve.expirationTime,
      contract: draft,
    },
    request,
  )
}

function checkedAnswer(sent: WireTransaction, { configuration }: WireReserveRequest): WireTransaction {
  if (JSON.stringify(sent.configuration ?? null) !== JSON.stringify(configuration ?? null)) {
    throw new Problem('key-reused', 'the key was used before for another configuration')
  }
  return sent
}
