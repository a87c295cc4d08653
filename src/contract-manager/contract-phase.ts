/** Writes the phase of a Contract, along its life cycle only. */
import { move } from '../kernel/lifecycle.ts'
import type { Log } from '../kernel/log.ts'
import type { WriteOptions } from '../kernel/object-store.ts'
import { amendStatus } from '../kernel/reconcile/amend.ts'
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, type Contract, type ContractStatus } from '../objects/contract.ts'
import { CONTRACT_LIFECYCLE } from '../objects/lifecycles/contract.ts'
import type { SignedClosing } from './closing-statement.ts'

/** What happened to a Contract. */
export type ContractEvent = keyof typeof CONTRACT_LIFECYCLE.events

/**
 * @param message for people
 * @param now RFC 3339
 * @returns the status after the event; undefined when it may not happen: nothing is to be written
 */
export function afterEvent(
  { metadata, status }: Contract,
  event: ContractEvent,
  { message, now, log }: { readonly message: string; readonly now: string; readonly log: Log },
): ContractStatus | undefined {
  const phase = move(CONTRACT_LIFECYCLE, event, { name: metadata.name, from: status?.phase?.phase, log })
  if (phase === undefined) return undefined
  return {
    ...status,
    phase: {
      ...status?.phase,
      phase,
      message,
      lastChangeTime: now,
      ...(CONTRACT_LIFECYCLE.terminal.includes(phase) ? { endTime: now } : {}),
    },
  }
}

/** @returns the status of a contract whose end has begun with this statement; undefined when it cannot begin any more */
export function closingStatus(
  contract: Contract,
  event: 'closed' | 'closed-by-peer',
  closing: SignedClosing,
  context: { readonly now: string; readonly log: Log },
): ContractStatus | undefined {
  const status = afterEvent(contract, event, { message: closing.statement.reason, ...context })
  return status && { ...status, closing }
}

/** @param contract as it was read */
export async function setContractPhase(
  { store, system, log }: Pick<NodeBase, 'store' | 'system' | 'log'>,
  contract: Contract,
  event: ContractEvent,
  message: string,
  options?: WriteOptions,
): Promise<void> {
  const now = rfc3339(system.clock.now())
  const change = (each: Contract) => afterEvent(each, event, { message, now, log })
  await amendStatus(store, ContractKind, contract, change, options)
}
