/** The other side ends a contract, or signs the end that we told it of: checks its statement and keeps it with ours. */
import { mutateStatus } from '../kernel/object-store.ts'
import { sameJson } from '../kernel/json.ts'
import { rfc3339 } from '../kernel/system.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import { SignatureError, verifyDocument } from '../privacy-and-security-manager/index.ts'
import { parseTime } from '../quantity/time.ts'
import { UnreadableError } from '../quantity/unreadable.ts'
import { Problem } from '../rear/problem.ts'
import { CLOCK_SKEW_MS } from '../rear/contract-cost.ts'
import { mergeClosings, signClosing, type ClosingStatement, type SignedClosing } from './closing-statement.ts'
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
  const { store, system, log, self } = options
  const key = inDefaultNamespace(contractID)
  const contract = await store.get(ContractKind, key)
  if (contract === undefined) throw new Problem('contract-not-found', 'no such contract here')
  if (otherSide(contract).nodeID !== caller)
    throw new Problem('not-a-party', 'caller is not a party to the contract')
  const signed = await mutateStatus(store, ContractKind, key, (before) => {
    const now = system.clock.now()
    const closing = mergedClosing(
      options,
      before,
      checkedClosing(before, received, { caller, self: self.id, now }),
    )
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

/**
 * Who closed is who signed first: one's own statement is signed by its maker, and the other side only adds its
 * signature. So what comes from there is either its own statement, or ours with its signature.
 * @returns the statement with the signature of the other side; what else was sent along is dropped
 * @throws Problem unless it is about this contract, signed by the other side, and so
 */
export function checkedClosing(
  contract: Contract,
  { statement, signatures }: SignedClosing,
  { caller, self, now }: { readonly caller: string; readonly self: string; readonly now: number },
): SignedClosing {
  if (statement.contractID !== contract.metadata.name)
    throw new Problem('bad-request', 'the statement is of another contract')
  const signature = signatures[caller]
  if (signature === undefined || !isSignedBy(statement, signature, caller))
    throw new Problem('signature-invalid', 'the closing statement is not signed by the other side')
  const known = contract.status?.closing as SignedClosing | undefined
  const isOurs = known?.signatures[self] !== undefined && sameJson(known.statement, statement)
  if (!isOurs) checkTruth(contract, statement, { caller, now })
  return { statement, signatures: { [caller]: signature } }
}

/** What we put our name to. The reason is the word of the one who closes. */
function checkTruth(
  contract: Contract,
  { closedBy, closedAt }: ClosingStatement,
  { caller, now }: { readonly caller: string; readonly now: number },
): void {
  if (closedBy !== caller)
    throw new Problem(
      'bad-request',
      'closedBy: a statement names the one who closes, and that one signs it first',
    )
  const phase = phaseOf(contract)
  if (phase === 'Expired' || (phase === 'Closing' && contract.status?.closing === undefined))
    throw new Problem('contract-closed', 'the contract ended by itself, when its time was over')
  const at = timeOf(closedAt)
  const { creationTimestamp } = contract.metadata
  const { expirationTime } = contract.spec
  const end = expirationTime ? timeOf(expirationTime) : Infinity
  if (at < Date.parse(creationTimestamp) - CLOCK_SKEW_MS || at > Math.min(end, now + CLOCK_SKEW_MS))
    throw new Problem('bad-request', `closedAt: ${closedAt} is not within the contract, or has yet to come`)
}

function timeOf(text: string): number {
  try {
    return parseTime(text)
  } catch (cause) {
    if (!(cause instanceof UnreadableError)) throw cause
    throw new Problem('bad-request', `closedAt: ${cause.message}`, { cause })
  }
}

function isSignedBy(statement: ClosingStatement, signature: string, signer: string): boolean {
  try {
    return verifyDocument(statement, signature, CLOSING_SIGNATURE).signer === signer
  } catch (cause) {
    if (!(cause instanceof SignatureError)) throw cause
    throw new Problem('signature-invalid', `the closing statement: ${cause.message}`, { cause })
  }
}
