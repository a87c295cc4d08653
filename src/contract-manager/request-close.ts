/**
 * How anybody of this node asks for the end of a contract: by saying so on the contract, with a statement that we
 * sign. Closing, which watches contracts, does the rest; nobody has to know it.
 */
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { rfc3339, type System } from '../kernel/system.ts'
import type { Self } from '../node-base.ts'
import { ContractKind } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import type { NodeKey } from '../privacy-and-security-manager/index.ts'
import { signClosing, type ClosingStatement } from './closing-statement.ts'
import { closingStatus } from './contract-phase.ts'
import { phaseOf } from './contracts.ts'

export interface RequestCloseOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly self: Self
  readonly key: NodeKey
}

/**
 * Idempotent: a contract that is being closed, or gone, stays as it is.
 * @param reason for people, on both sides
 */
export async function requestClose(
  { store, system, log, self, key }: RequestCloseOptions,
  contractID: string,
  reason: string,
): Promise<void> {
  const now = rfc3339(system.clock.now())
  await mutateStatus(store, ContractKind, inDefaultNamespace(contractID), (contract) => {
    if (phaseOf(contract) !== 'Active') return undefined
    const statement: ClosingStatement = { contractID, closedBy: self.id, reason, closedAt: now }
    const closing = signClosing(statement, {}, { id: self.id, key })
    return closingStatus(contract, 'closed', closing, { now, log })
  })
}
