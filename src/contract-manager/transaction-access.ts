/** Whose a transaction is: for the selling half. Pure. */
import { isNodeId } from '../objects/ids.ts'
import type { Transaction } from '../objects/transaction.ts'
import { Problem } from '../rear/problem.ts'
import type { WireNodeIdentity } from '../rear/wire/index.ts'
import { transactionIdOf } from './contract-ids.ts'

/** Whether the transaction stands for a reservation at the next hop, and not for a part of a pool of ours. */
export function isForwarding(transaction: Transaction): boolean {
  return typeof transaction.spec.reservation === 'string'
}

/** What is known of a buyer's identity: neither a kubeconfig nor anything else that was sent along is kept or passed on. */
export function withoutSecrets(identity: WireNodeIdentity): WireNodeIdentity {
  const { ID, IP, domain, additionalInformation } = identity
  const liqoID = additionalInformation?.liqoID
  if (additionalInformation === undefined) return { ID, IP, domain }
  return { ID, IP, domain, additionalInformation: liqoID === undefined ? {} : { liqoID } }
}

/** Who proved nothing must not get at the transactions of a buyer who did. */
export function idFor(buyer: string, key: string, caller: string | undefined): string {
  return transactionIdOf(caller ?? `unauthenticated ${buyer}`, key)
}

/** @throws Problem `not-a-party` unless the transaction was made for this caller */
export function checkCaller({ metadata, spec }: Transaction, caller: string | undefined): void {
  checkParty(spec.buyer.nodeID, caller)
  if (idFor(spec.buyer.nodeID, spec.key ?? '', caller) !== metadata.name) throw notAParty()
}

/** @returns who has to sign a purchase: whoever proved nothing, and names a key as his, has to have it */
export function signerOf(caller: string | undefined, named: string): string | undefined {
  return caller ?? (isNodeId(named) ? named : undefined)
}

/** @throws Problem `not-a-party` when the caller is known and is not the buyer */
export function checkParty(buyer: string, caller: string | undefined): void {
  if (caller !== undefined && buyer !== caller) throw notAParty()
}

export function notAParty(): Problem {
  return new Problem('not-a-party', 'the transaction is of another buyer')
}
