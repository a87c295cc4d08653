/** Whether a draft is what was chosen: the flavor and the price in it pass what chose the offer, once more. */
import type { Reservation } from '../objects/reservation.ts'
import { SolverKind, type Solver } from '../objects/solver.ts'
import { offeredPrice, relaysOf } from '../peering-candidates/index.ts'
import { formatMoney, parseMoney } from '../quantity/money.ts'
import { formatPrice, yearlyCost, type Price } from '../quantity/price.ts'
import { draftCost } from '../rear/contract-cost.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import { embeddedFlavorFromWire, type WireContractTerms } from '../rear/wire/index.ts'
import type { AcquisitionContext } from './acquisition.ts'
import { kindRejection, suitRejection } from './check-offer.ts'
import { rankingContextFor } from './consider-for.ts'
import { termsRejection } from './plan-terms.ts'
import { priceRejection } from './price-limits.ts'
import type { RankingContext } from './ranking-context.ts'
import type { Rejection } from './rejection.ts'
import { wantedOf, type Wanted } from './resources-wanted.ts'

const NOTHING_TO_PAY: Price = { amount: '', currency: '', period: '' }

/**
 * @param draft read from exactly what would be signed
 * @returns what is wrong, to stand behind `the draft of the contract`; undefined when nothing is
 * @throws UnreadableError
 */
export async function judgeDraft(
  context: AcquisitionContext,
  { metadata, spec }: Reservation,
  draft: WireContractTerms,
): Promise<string | undefined> {
  const { namespace } = metadata
  const solver = await context.store.get(SolverKind, {
    ...(namespace === undefined ? {} : { namespace }),
    name: spec.solverID,
  })
  if (solver !== undefined) {
    const rejection = draftRejection(draft, wantedOf(solver), rankingContextFor(context, solver))
    if (rejection !== undefined) return `is not what was chosen: ${rejection.reason}: ${rejection.detail}`
    const dear = await unreservedCost(context, solver, metadata.name, draft)
    if (dear !== undefined) return dear
  }
  // Made by hand: nobody said yet what it may cost, so the offer does.
  return spec.price === undefined ? unexpectedPrice(context, spec, draft) : undefined
}

/** What was reserved for it is what it may cost, whatever makes it cost more: its price, or its end. */
async function unreservedCost(
  { spending, system }: AcquisitionContext,
  solver: Solver,
  reservation: string,
  draft: WireContractTerms,
): Promise<string | undefined> {
  const reserved = await spending.reservedFor(solver, reservation)
  if (reserved === undefined) return undefined
  const { currency } = reserved.price
  const cost = draftCost(draft, system.clock.now())
  return cost > parseMoney(reserved.cost)
    ? `costs ${formatMoney(cost)} ${currency} until ${draft.expirationTime}, reserved is ${reserved.cost} ${currency}`
    : undefined
}

/** Pure: the checks of `consider`, but for those of what is still free and of who may be dealt with now. */
export function draftRejection(
  draft: WireContractTerms,
  { requirements, duration, terms }: Wanted,
  context: RankingContext,
): Rejection | undefined {
  const flavor = embeddedFlavorFromWire(draft.flavor)
  const { price = NOTHING_TO_PAY, expirationTime: until } = draft
  const { nodeID: owner } = flavor.spec.owner
  return (
    kindRejection(flavor, requirements) ??
    suitRejection(flavor, requirements, context) ??
    termsRejection({ owner, price, ...(until ? { until } : {}) }, terms) ??
    priceRejection(price, requirements, duration)
  )
}

function unexpectedPrice(
  { candidates }: AcquisitionContext,
  { flavorID = '' }: Reservation['spec'],
  { price = NOTHING_TO_PAY, configuration }: WireContractTerms,
): string | undefined {
  const cost = yearlyCost(price)
  if (cost === 0n) return undefined
  const amounts = configuration && amountsOf(configuration)
  const offers = candidates
    .ofFlavor(flavorID)
    .map((each) => offeredPrice(each.spec.flavor, relaysOf(each), amounts))
  const isOffered = offers.some((each) => each.currency === price.currency && yearlyCost(each) >= cost)
  return isOffered ? undefined : `costs ${formatPrice(price)}, which nobody offered`
}
