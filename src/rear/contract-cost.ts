/** What a contract costs: until its end when it was made, and what is to be paid in the end. Pure; the same on both sides. */
import type { Contract } from '../objects/contract.ts'
import { costOver, priceFault, type Price } from '../quantity/price.ts'
import { parseTime } from '../quantity/time.ts'
import { UnreadableError } from '../quantity/unreadable.ts'
import type { WireContractTerms } from './wire/index.ts'

/** Key of `extraInformation` in a contract: RFC 3339, from when on is paid. Signed by both with the rest. */
export const START = 'tributary.io/start'

/** The clocks of two nodes may differ by so much, in milliseconds. */
export const CLOCK_SKEW_MS = 5 * 60_000

/** @returns from when on is paid, in milliseconds since 1970: as both have signed; else since it was made */
export function startOf({ metadata, spec, status }: Contract): number {
  return (
    timeOf(spec.extraInformation?.[START]) ??
    timeOf(status?.phase?.startTime) ??
    Date.parse(metadata.creationTimestamp)
  )
}

/**
 * @param now milliseconds since 1970: when a draft begins that does not say it
 * @returns billionths of the currency of its price that what is drafted costs until its end
 */
export function draftCost(
  { extraInformation, expirationTime, price }: WireContractTerms,
  now: number,
): bigint {
  const start = timeOf(extraInformation?.[START]) ?? now
  const end = timeOf(expirationTime) ?? start
  return costOf({ spec: { ...(price && { price }) } }, Math.max(0, (end - start) / 1_000))
}

/** @returns billionths of the currency of its price that it costs if it lasts until its end; 0n where nothing is asked */
export function plannedCost(contract: Contract): bigint {
  const start = startOf(contract)
  const end = timeOf(contract.spec.expirationTime) ?? start
  return costOf(contract, Math.max(0, (end - start) / 1_000))
}

/**
 * Of a contract that is over. One that was closed is paid until the moment that its closing statement says, which both
 * have signed; unless that is long before we heard of it, for what was kept for the buyer is paid.
 * @returns billionths of the currency of its price, and the seconds that they are for
 */
export function finalCost(contract: Contract): { readonly cost: bigint; readonly seconds: number } {
  const start = startOf(contract)
  const { phase, endTime, lastChangeTime } = contract.status?.phase ?? {}
  const { statement } = (contract.status?.closing ?? {}) as { readonly statement?: { closedAt?: string } }
  const known = timeOf(endTime) ?? timeOf(lastChangeTime) ?? start
  const closed = timeOf(statement?.closedAt)
  const expires = timeOf(contract.spec.expirationTime) ?? known
  const isAgreed = closed !== undefined && known - closed <= CLOCK_SKEW_MS
  const end = phase === 'Expired' ? expires : Math.min(isAgreed ? closed : known, expires)
  const seconds = Math.max(0, Math.ceil((end - start) / 1_000))
  return { cost: costOf(contract, seconds), seconds }
}

/** A price that cannot be read stands only in contracts that an earlier version signed: nothing is known of its cost. */
function costOf({ spec: { price } }: { readonly spec: { readonly price?: Price } }, seconds: number): bigint {
  return price === undefined || priceFault(price) !== undefined ? 0n : costOver(price, seconds)
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return parseTime(text)
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    return undefined
  }
}
