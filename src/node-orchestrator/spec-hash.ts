/** Whether what was placed is still what is wanted: a digest of all that decides where an intent may run. Pure. */
import { createHash } from 'node:crypto'
import type { Intent, IntentStatus } from '../objects/intent.ts'
import type { WorkloadRequest } from './decompose.ts'

/** @returns the digest; as long as it is the same, so are the places of the intent */
export function specHash({ spec }: Pick<Intent, 'spec'>, requests: readonly WorkloadRequest[]): string {
  const { requirements: all, placement, weights, duration } = spec
  const requirements = withoutLimits(all)
  // The members in one order: a store may give them back in another.
  return digest(JSON.stringify([requests, requirements, placement, weights, duration], inOrder))
}

/** What may be paid decides nothing where a thing runs that is paid for; whether it is within that is looked at apart. */
function withoutLimits(requirements: Intent['spec']['requirements']): Intent['spec']['requirements'] {
  if (requirements?.budget === undefined && requirements?.maxPrice === undefined) return requirements
  const { budget: _, maxPrice: _rate, ...others } = requirements
  return Object.keys(others).length === 0 ? undefined : others
}

/**
 * @param status of the intent, perhaps as an earlier version of the program wrote it, under another name
 * @returns whether the intent was placed as it is wanted now
 */
export function isPlacedAsWanted(
  intent: Pick<Intent, 'spec'>,
  requests: readonly WorkloadRequest[],
  status: Pick<IntentStatus, 'specHash' | 'wish'>,
): boolean {
  if (status.specHash !== undefined) return status.specHash === specHash(intent, requests)
  const { requirements, placement, weights, duration } = intent.spec
  return status.wish === digest(JSON.stringify([requests, requirements, placement, weights, duration]))
}

/** @returns whether the status says that the places of the intent are being given back, or were */
export function isBeingRestarted({ requests, specHash: hash, wish }: IntentStatus): boolean {
  return requests !== undefined && hash === undefined && wish === undefined
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
