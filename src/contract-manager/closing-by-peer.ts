/** The other side ends a contract, or signs the end that we told it of: checks its statement and keeps it with ours. */
import { mutateStatus } from '../kernel/object-store.ts'
import { rfc3339 } from '../kernel/system.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { SignatureError, verifyDocument } from '../privacy-and-security-manager/index.ts'
import { Problem } from '../rear/problem.ts'
import { mergeClosings, signClosing, type SignedClosing } from './closing-statement.ts'
import { closingStatus } from './contract-phase.ts'
import { otherSide, phaseOf } from './contracts.ts'
import type { RequestCloseOptions } from './request-close.ts'
import { CLOSING_SIGNATURE } from './signature-types.ts'

/**
 * @param caller the authenticated node id
 * @returns the statement with both signatures; an earlier one of ours, if it is closed already
 * @throws Problem
 */
export async function closeByPeer(
  options: RequestCloseOptions,
  contractID: string,
  received: SignedClosing,
  caller: string,
): Promise<SignedClosing> {
  const { store, system, log } = options
  const key = inDefaultNamespace(contractID)
  const contract = await store.get(ContractKind, key)
  if (contract === undefined) throw new Problem('contract-not-found', 'no such contract here')
  if (otherSide(contract).nodeID !== caller)
    throw new Problem('not-a-party', 'caller is not a party to the contract')
  checkClosing(contractID, received, caller)
  const signed = await mutateStatus(store, ContractKind, key, (before) => {
    const closing = mergedClosing(options, before, received)
    if (phaseOf(before) !== 'Active') return { ...before.status, closing }
    return closingStatus(before, 'closed-by-peer', closing, { now: rfc3339(system.clock.now()), log })
  })
  if (signed === undefined) throw new Problem('contract-not-found', 'no such contract here any more')
  return signed.status?.closing as SignedClosing
}

/** @returns the statement to be kept of ours and theirs, with our signature */
export function mergedClosing(
  { self, key }: Pick<RequestCloseOptions, 'self' | 'key'>,
  contract: Contract,
  received: SignedClosing,
): SignedClosing {
  const known = contract.status?.closing as SignedClosing | undefined
  const { statement, signatures } = mergeClosings(known, received)
  return signatures[self.id] === undefined
    ? signClosing(statement, signatures, { id: self.id, key })
    : { statement, signatures }
}

/** @throws Problem unless the statement is about this contract and signed by the other side */
export function checkClosing(
  contractID: string,
  { statement, signatures }: SignedClosing,
  signer: string,
): void {
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
