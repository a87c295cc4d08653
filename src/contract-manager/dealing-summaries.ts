/**
 * Sums contracts that are not kept any more into the DealingSummary of the other side; owns that table.
 *
 * Counting and removing are two writes. So that a contract is counted once, whatever happens between them and whoever
 * else does the same, the summary names those that were counted last, and the next ones are counted only when all of
 * these are gone: a contract that is named is not counted again, and one that is not named and is in the store (read
 * after the summary) has never been.
 */
import type { Summing } from '../kernel/retention/index.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { createHash } from 'node:crypto'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { DealingSummaryKind, type DealingSummary } from '../objects/dealing-summary.ts'
import { inDefaultNamespace, keyOf } from '../objects/meta.ts'
import { addContracts, otherSideOf } from './dealing-totals.ts'

type Status = NonNullable<DealingSummary['status']>

export class DealingSummaries implements Summing<Contract> {
  readonly kind = ContractKind
  readonly #store: ObjectStore

  constructor({ store }: { readonly store: ObjectStore }) {
    this.#store = store
  }

  async sum(contracts: readonly Contract[]): Promise<readonly Contract[]> {
    const byNode = Map.groupBy(contracts, otherSideOf)
    const summed = await Promise.all(Array.from(byNode, ([nodeID, each]) => this.#sumOf(nodeID, each)))
    return summed.flat()
  }

  async #sumOf(nodeID: string, contracts: readonly Contract[]): Promise<readonly Contract[]> {
    const key = inDefaultNamespace(summaryName(nodeID))
    const before = await this.#store.get(DealingSummaryKind, key)
    const left = await this.#stillThere(before?.status?.removing ?? [])
    if (left.length > 0) return left
    const here = await this.#stillThere(contracts.map(({ metadata }) => metadata))
    if (here.length === 0) return []
    const removing = here.map(({ metadata: { name, uid } }) => ({ name, uid }))
    const status: Status = { ...addContracts(before?.status ?? { removing: [] }, here), removing }
    try {
      if (before === undefined)
        await this.#store.create(DealingSummaryKind, { metadata: key, spec: { nodeID }, status })
      else await this.#store.update(DealingSummaryKind, { ...before, status })
      return here
    } catch (error) {
      // Somebody else was faster: what is there now is looked at the next time.
      if (isStoreError(error, 'AlreadyExists', 'Conflict')) return []
      throw error
    }
  }

  /** From the store, and not from an informer, which may show what is gone. Those on their way out do not count. */
  async #stillThere(
    contracts: readonly { readonly name: string; readonly uid: string }[],
  ): Promise<readonly Contract[]> {
    const found = await Promise.all(
      contracts.map(async ({ name, uid }) => {
        const contract = await this.#store.get(ContractKind, keyOf({ metadata: inDefaultNamespace(name) }))
        return contract?.metadata.uid === uid && contract.metadata.deletionTimestamp === undefined
          ? contract
          : undefined
      }),
    )
    return found.filter((contract) => contract !== undefined)
  }
}

/** @returns the name of the DealingSummary of a node */
export function summaryName(nodeID: string): string {
  return `dealings-${createHash('sha256').update(nodeID).digest('hex').slice(0, 16)}`
}
