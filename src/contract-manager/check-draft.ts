/**
 * What is about to be signed must be what was asked for: parties, transaction, size, price, margin, owner and an end.
 * Whether the flavor in it is one that would have been chosen is judged by what chose it (REAR Manager). Pure.
 */
import { sameJson } from '../kernel/json.ts'
import { MARGIN } from './extra-information.ts'
import { contractIdOf, transactionIdOf } from './contract-ids.ts'
import { verifyFlavor } from './verify.ts'
import type { Reservation } from '../objects/reservation.ts'
import { sameAmounts, subtractAmounts } from '../quantity/amounts.ts'
import { isZero, parseQuantity } from '../quantity/index.ts'
import { formatPrice, parsePrice, yearlyCost } from '../quantity/price.ts'
import { parseTime } from '../quantity/time.ts'
import {
  configurationToWire,
  decodeAs,
  WireContractTermsSchema,
  type WireConfiguration,
  type WireContractTerms,
} from '../rear/wire/index.ts'
import { CLOCK_SKEW_MS, START } from '../rear/contract-cost.ts'
import { amountsOf } from '../rear/configured-amounts.ts'

/** The answer to RESERVE, as far as it is checked. */
export interface Answered {
  readonly transactionID: string
  readonly flavorID: string
  /** The draft exactly as it came: this is what is signed, so this is what is read and checked, once. */
  readonly contract: unknown
}

export type CheckedDraft =
  | { readonly draft: WireContractTerms; readonly complaint?: undefined }
  | { readonly draft?: undefined; readonly complaint: string }

/**
 * @param self our node id
 * @param now milliseconds since 1970
 * @returns the draft, read; or what is wrong with it, for people
 * @throws WireError when it cannot be read
 */
export function checkDraft(
  reservation: Pick<Reservation, 'spec' | 'metadata'>,
  { contract, ...answer }: Answered,
  { self, now }: { readonly self: string; readonly now: number },
): CheckedDraft {
  if (contract === undefined || contract === null) return { complaint: 'is missing' }
  const draft = decodeAs<WireContractTerms>(WireContractTermsSchema, contract, '$.contract')
  const { spec } = reservation
  const complaint =
    partyComplaint(spec, draft, self) ??
    transactionComplaint(reservation, answer, draft, self) ??
    flavorComplaint(spec, contract as { readonly flavor: object }, draft) ??
    startComplaint(spec, draft) ??
    endComplaint(spec, draft, now) ??
    sizeComplaint(spec, draft) ??
    priceComplaint(spec, draft) ??
    marginComplaint(spec, draft)
  return complaint === undefined ? { draft } : { complaint }
}

type Spec = Reservation['spec']

function partyComplaint(spec: Spec, draft: WireContractTerms, self: string): string | undefined {
  if (draft.seller.ID !== spec.seller.nodeID) return 'names another seller'
  return draft.buyerID.ID === self ? undefined : 'names another buyer'
}

/** Both ids follow from what was asked: a contract that we have already is never taken for a new one. */
function transactionComplaint(
  { spec, metadata }: Pick<Reservation, 'spec' | 'metadata'>,
  { transactionID, flavorID }: Omit<Answered, 'contract'>,
  draft: WireContractTerms,
  self: string,
): string | undefined {
  const ours = transactionIdOf(self, spec.key ?? metadata.uid)
  if (transactionID !== ours || draft.transactionID !== ours || draft.contractID !== contractIdOf(ours))
    return 'is of another transaction'
  return spec.flavorID === undefined || spec.flavorID === flavorID
    ? undefined
    : `is for the flavor ${flavorID}, asked was for ${spec.flavorID}`
}

/** A pool has another flavor after each sale: the id in the draft may be a later one, the owner may not. */
function flavorComplaint(
  { owner }: Spec,
  raw: { readonly flavor: object },
  { flavor }: WireContractTerms,
): string | undefined {
  if (owner !== undefined && flavor.owner.ID !== owner) return 'is for what another node has'
  const { ok, detail } = verifyFlavor(raw.flavor, flavor)
  return ok ? undefined : `has a flavor that its owner did not sign: ${detail}`
}

/** Nothing is paid for a time before it was asked for. */
function startComplaint({ from }: Spec, { extraInformation }: WireContractTerms): string | undefined {
  const start = extraInformation?.[START]
  if (from === undefined || start === undefined) return undefined
  return parseTime(start) < parseTime(from) - CLOCK_SKEW_MS
    ? `begins ${start}, asked was from ${from} on`
    : undefined
}

function endComplaint({ until }: Spec, draft: WireContractTerms, now: number): string | undefined {
  const { expirationTime } = draft
  if (expirationTime === undefined || expirationTime === '') return 'has no end'
  const end = parseTime(expirationTime)
  if (end <= now - CLOCK_SKEW_MS) return `ended ${expirationTime}`
  return until !== undefined && end > parseTime(until) + CLOCK_SKEW_MS
    ? `ends ${expirationTime}, asked was until ${until}`
    : undefined
}

function sizeComplaint({ configuration }: Spec, draft: WireContractTerms): string | undefined {
  const given = draft.configuration
  if (given !== undefined && given.type !== draft.flavor.type.name)
    return `is for a ${given.type} of a flavor that is a ${draft.flavor.type.name}`
  if (configuration === undefined) return undefined
  const asked = configurationToWire(configuration)
  if (given?.type !== asked.type) return `is for no ${asked.type}`
  return asked.type === 'k8slice' ? amountsComplaint(asked, given) : dataComplaint(asked, given)
}

function amountsComplaint(asked: WireConfiguration, given: WireConfiguration): string | undefined {
  const [wanted, got] = [amountsOf(asked), amountsOf(given)]
  if (sameAmounts(wanted, got)) return undefined
  const differs = Object.entries(subtractAmounts(got, wanted)).find(
    ([, amount]) => !isZero(parseQuantity(amount)),
  )
  const resource = differs?.[0] ?? ''
  return `gives ${got[resource] ?? 'no'} ${resource}, asked was ${wanted[resource] ?? 'none'}`
}

function dataComplaint(asked: WireConfiguration, given: WireConfiguration): string | undefined {
  return sameJson(asked.data, given.data) ? undefined : 'is for another configuration'
}

/** Less than what was offered is welcome. */
function priceComplaint({ price: offered }: Spec, { price }: WireContractTerms): string | undefined {
  if (price === undefined || parsePrice(price).billionths === 0n) return undefined
  if (offered === undefined) return undefined
  const asked = parsePrice(offered)
  if (asked.billionths === 0n) return `costs ${formatPrice(price)}, offered was nothing to pay`
  if (offered.currency !== price.currency || asked.seconds !== parsePrice(price).seconds)
    return `costs ${formatPrice(price)}: another currency or period than the ${formatPrice(offered)} that was offered`
  return yearlyCost(price) > yearlyCost(offered)
    ? `costs ${formatPrice(price)}, offered was ${formatPrice(offered)}`
    : undefined
}

/** What the seller adds to the price of the node behind it is what it said when we chose it. */
function marginComplaint(
  { margin = '', price }: Spec,
  { extraInformation }: WireContractTerms,
): string | undefined {
  // A reservation that was made by hand says of neither what it expects.
  if (price === undefined) return undefined
  const taken = extraInformation?.[MARGIN] ?? ''
  return taken === margin
    ? undefined
    : `adds a margin of ${taken || 'nothing'}, stated was ${margin || 'none'}`
}
