/** Allocations that a user makes, as upstream's are made: each asks for the capacity of one of the node's contracts. Pure. */
import type { Allocation, AllocationSpec } from './allocation.ts'
import type { Change } from './writable.ts'

/** What the node says in its own Allocations, from the contract and the ledger. */
const DERIVED = ['type', 'poolName', 'amounts', 'transactionID', 'virtualNode'] as const

/** As the node calls those that it makes: after the contract. */
const OWN_NAME = /^allocation-[0-9a-f]{16}$/

/** @returns whether a user made it */
export function isAllocationRequest({ spec }: { readonly spec: AllocationSpec }): boolean {
  return DERIVED.every((field) => spec[field] === undefined) && spec.forwarding !== true
}

/** @returns whether a change is one of what the node derives: its own Allocations, and what it says in them */
export function touchesAllocation({ before, after }: Change<Allocation>): boolean {
  if (before !== undefined && !isAllocationRequest(before)) return true
  if (after === undefined) return false
  return !isAllocationRequest(after) || OWN_NAME.test(after.metadata.name)
}
