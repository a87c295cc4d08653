/** Tells the other side that a contract has ended, until it has signed the statement too. */
import { amendStatus } from '../kernel/reconcile/amend.ts'
import type { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { done, requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { keyOf } from '../objects/meta.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { decodeAs, WireError } from '../rear/wire/index.ts'
import { checkedClosing, mergedClosing } from './closing-by-peer.ts'
import { SignedClosingSchema, type SignedClosing } from './closing-statement.ts'
import { UNAUTHENTICATED } from './extra-information.ts'
import { otherSide } from './contracts.ts'
import type { RequestCloseOptions } from './request-close.ts'

export interface NotifyEndOptions extends RequestCloseOptions {
  readonly client: RearClient
  /** How often the other side of each contract was not reached. */
  readonly backoffs: Backoffs
}

const NOTIFY_TIMEOUT_MS = 3_000
/** What says that asking again is of no use. */
const TOLD = [
  'contract-not-found',
  'not-a-party',
  'signature-invalid',
  'bad-request',
  'contract-closed',
] as const

/** @returns when to try again; `done` when there is nothing to tell, or nothing can be done about it */
export async function notifyEnd(
  options: NotifyEndOptions,
  contract: Contract,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { client, store, log, backoffs } = options
  const { name } = contract.metadata
  const peer = otherSide(contract)
  // Who proved nothing when he bought may have named anybody, anywhere.
  if (contract.spec.extraInformation?.[UNAUTHENTICATED] !== undefined) return done
  const closing = closingToTell(options, contract)
  if (closing === undefined) return done
  try {
    const answer = await client.callNode(peer, {
      method: 'DELETE',
      path: `/api/v2/contracts/${encodeURIComponent(name)}`,
      body: closing,
      timeoutMs: NOTIFY_TIMEOUT_MS,
      signal,
    })
    const answered = decodeAs<SignedClosing>(SignedClosingSchema, answer.body)
    await amendStatus(store, ContractKind, contract, (each) => {
      const now = options.system.clock.now()
      const signed = checkedClosing(each, answered, { caller: peer.nodeID, self: options.self.id, now })
      return { ...each.status, closing: mergedClosing(options, each, signed) }
    })
    backoffs.forget(keyOf(contract))
    return done
  } catch (error) {
    if (error instanceof WireError || isProblem(error, ...TOLD)) {
      backoffs.forget(keyOf(contract))
      log.warn({ err: error, contract: name }, 'the other side does not know or sign the end of the contract')
      return done
    }
    if (!isTransportError(error) && !isProblem(error)) throw error
    const pause = backoffs.failed(keyOf(contract))
    const level = backoffs.failures(keyOf(contract)) === 1 ? 'info' : 'debug'
    log[level]({ err: error, contract: name }, 'the other side was not told of the end yet')
    return requeueAfter(pause)
  }
}

/** @returns our statement, if the other side has not signed it and does not know by itself */
function closingToTell(
  { self, system }: Pick<RequestCloseOptions, 'self' | 'system'>,
  contract: Contract,
): SignedClosing | undefined {
  const closing = contract.status?.closing as SignedClosing | undefined
  if (closing === undefined || closing.signatures[otherSide(contract).nodeID] !== undefined) return undefined
  if (closing.signatures[self.id] === undefined) return undefined
  // After its end there is nothing left to tell.
  const ended = Date.parse(contract.spec.expirationTime ?? '') < system.clock.now()
  return ended ? undefined : closing
}
