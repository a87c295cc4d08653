/** What is about to be signed must be what was asked for: size, parties, owner, price, and an end. Pure. */
import { parseMoney } from '../quantity/money.ts'
import { canonical } from '../quantity/index.ts'
import type { Reservation } from '../objects/reservation.ts'
import { configurationToWire, type WireContractTerms } from '../rear/wire/index.ts'
import { amountsOf } from '../rear/configured-amounts.ts'

/** A clock may go differently at the other side, in milliseconds. */
const TOLERANCE_MS = 5 * 60_000

/**
 * @param self our node id
 * @returns what is wrong with the draft, for people; undefined when nothing is
 */
export function draftComplaint(
  { spec }: Pick<Reservation, 'spec'>,
  draft: WireContractTerms | undefined,
  self: string,
): string | undefined {
  if (draft === undefined) return 'is missing'
  if (draft.seller.ID !== spec.seller.nodeID) return 'names another seller'
  if (draft.buyerID.ID !== self) return 'names another buyer'
  if (spec.owner !== undefined && draft.flavor.owner.ID !== spec.owner) return 'is for what another node has'
  if (draft.expirationTime === undefined) return 'has no end'
  if (spec.until !== undefined && Date.parse(draft.expirationTime) > Date.parse(spec.until) + TOLERANCE_MS)
    return `ends ${draft.expirationTime}, asked was until ${spec.until}`
  return sizeComplaint(spec, draft) ?? priceComplaint(spec, draft)
}

function sizeComplaint(spec: Reservation['spec'], draft: WireContractTerms): string | undefined {
  if (spec.configuration === undefined) return undefined
  const asked = configurationToWire(spec.configuration)
  if (draft.configuration?.type !== asked.type) return `is for no ${asked.type}`
  const wanted = amountsOf(asked)
  const given = amountsOf(draft.configuration)
  for (const [resource, amount] of Object.entries(wanted)) {
    if (canonical(given[resource] ?? '0') !== canonical(amount))
      return `gives ${given[resource] ?? 'no'} ${resource}, asked was ${amount}`
  }
  return undefined
}

/** Less than what was offered is welcome. */
function priceComplaint(
  { price: offered }: Reservation['spec'],
  draft: WireContractTerms,
): string | undefined {
  const { price } = draft
  if (offered === undefined || price === undefined || parseMoney(price.amount) === 0n) return undefined
  if (parseMoney(price.amount) > parseMoney(offered.amount))
    return `costs ${price.amount}, offered was ${offered.amount} ${offered.currency}/${offered.period}`
  if (offered.currency !== price.currency || offered.period !== price.period)
    return 'is in another currency or period'
  return undefined
}
