/**
 * How anybody of this node asks for the end of a contract: by saying so on the contract, with a statement that we
 * sign. Closing, which watches contracts, does the rest; nobody has to know it.
 */
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { rfc3339, type System } from '../kernel/system.ts'
import type { Self } from '../node-base.ts'
import { ContractKind, type Contract, type ContractStatus } from '../objects/contract.ts'
import { DEFAULT_NAMESPACE } from '../objects/meta.ts'
import type { NodeKey } from '../privacy-and-security-manager/index.ts'
import { signClosing, type ClosingStatement, type SignedClosing } from './closing-statement.ts'
import { phaseOf } from './contracts.ts'

export interface RequestCloseOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly self: Self
  readonly key: NodeKey
}

/**
 * Idempotent: a contract that is being closed, or gone, stays as it is.
 * @param reason for people, on both sides
 */
export async function requestClose(
  { store, system, self, key }: RequestCloseOptions,
  contractID: string,
  reason: string,
): Promise<void> {
  const now = rfc3339(system.clock.now())
  await mutateStatus(store, ContractKind, { namespace: DEFAULT_NAMESPACE, name: contractID }, (contract) => {
    if (phaseOf(contract) !== 'Active') return undefined
    const statement: ClosingStatement = { contractID, closedBy: self.id, reason, closedAt: now }
    return closingStatus(contract, signClosing(statement, {}, { id: self.id, key }), now)
  })
}

/** @returns the status of a contract whose end has begun with this statement */
export function closingStatus(contract: Contract, closing: SignedClosing, now: string): ContractStatus {
  return {
    ...contract.status,
    phase: {
      ...contract.status?.phase,
      phase: 'Closing',
      message: closing.statement.reason,
      lastChangeTime: now,
    },
    closing,
  }
}
