/** Whether an offer is what is wanted. The order of the checks is the order of the reasons. Pure. */
import { k8sliceOf, serviceOf, type EmbeddedFlavor, type K8Slice } from '../objects/flavor.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { Requirements } from '../objects/requirements.ts'
import { offeredPrice, relaysOf } from '../peering-candidates/index.ts'
import type { Amounts } from '../quantity/amounts.ts'
import { yearlyCost, type Price } from '../quantity/price.ts'
import { UnreadableError } from '../quantity/unreadable.ts'
import { NEUTRAL_RATING } from '../ratings-and-metrics/index.ts'
import { fittingAmounts, type FittingAmounts } from './fitting-amounts.ts'
import { termsRejection } from './plan-terms.ts'
import { priceRejection } from './price-limits.ts'
import type { RankingContext } from './ranking-context.ts'
import { reject, type Rejection } from './rejection.ts'
import type { Wanted } from './resources-wanted.ts'
import { carbonOf, round } from './score-offer.ts'

export type CheckedOffer =
  | {
      readonly fits: true
      /** What would be bought. */
      readonly amounts: Amounts
      readonly price: Price
      /** Of a year. */
      readonly cost: bigint
    }
  | { readonly fits: false; readonly rejection: Rejection }

export function checkOffer(
  candidate: PeeringCandidate,
  { amounts: wanted, requirements, duration, terms }: Wanted,
  context: RankingContext,
): CheckedOffer {
  const { flavor } = candidate.spec
  const early = availabilityRejection(candidate, context) ?? kindRejection(flavor, requirements)
  if (early) return { fits: false, rejection: early }
  const slice = k8sliceOf(flavor)
  const fitting: FittingAmounts = slice ? fittingAmounts(slice, wanted) : { amounts: {} }
  if ('rejection' in fitting) return { fits: false, rejection: fitting.rejection }
  const late = suitRejection(flavor, requirements, context)
  if (late) return { fits: false, rejection: late }
  const { amounts } = fitting
  try {
    const price = offeredPrice(flavor, relaysOf(candidate), amounts)
    const cost = yearlyCost(price)
    const tooDear =
      termsRejection({ owner: flavor.spec.owner.nodeID, price, amounts }, terms) ??
      priceRejection(price, context.limits ?? requirements, duration, context.spoken)
    return tooDear ? { fits: false, rejection: tooDear } : { fits: true, amounts, price, cost }
  } catch (error) {
    // Of one that an earlier version let in; what comes in now can be read.
    if (!(error instanceof UnreadableError)) throw error
    return { fits: false, rejection: reject('price-unclear', error.message) }
  }
}

/** @returns why it is nothing of what is wanted at all: of another type, or of a domain that will not do */
export function kindRejection(flavor: EmbeddedFlavor, requirements: Requirements): Rejection | undefined {
  return typeRejection(flavor, requirements) ?? domainRejection(flavor, requirements)
}

/** @returns why what a flavor says of itself and its owner does not suit; its size and price are looked at apart */
export function suitRejection(
  flavor: EmbeddedFlavor,
  requirements: Requirements,
  context: RankingContext,
): Rejection | undefined {
  const slice = k8sliceOf(flavor)
  return (
    (slice && sliceRejection(flavor, slice, requirements, context)) ??
    serviceRejection(flavor, requirements) ??
    locationRejection(flavor, requirements) ??
    ratingRejection(flavor, requirements, context)
  )
}

function availabilityRejection(candidate: PeeringCandidate, context: RankingContext): Rejection | undefined {
  const { flavor, available, validUntil } = candidate.spec
  const failure = context.excluded?.get(flavor.metadata.name) ?? failureOnTheWay(candidate, context)
  if (failure !== undefined) return reject('just-failed', failure)
  if (flavor.spec.owner.nodeID === context.self) return reject('own-offer', 'this is our own')
  if (!available || !flavor.spec.availability) return reject('not-available', 'no longer on offer')
  return validUntil !== undefined && Date.parse(validUntil) <= context.now
    ? reject('stale', `valid until ${validUntil}`)
    : undefined
}

/** @returns what failed lately at the owner or, where we deal with it through another, there */
function failureOnTheWay(
  candidate: PeeringCandidate,
  { domain, failedLately }: RankingContext,
): string | undefined {
  const { owner } = candidate.spec.flavor.spec
  const nearest = relaysOf(candidate)[0]?.ID
  if (nearest === undefined) return failedLately?.(owner.nodeID, false)
  const reached = owner.domain === domain && failedLately?.(owner.nodeID, false) === undefined
  return failedLately?.(owner.nodeID, true) ?? (reached ? undefined : failedLately?.(nearest, false))
}

function typeRejection(
  { spec }: EmbeddedFlavor,
  { flavorType = 'k8slice' }: Requirements,
): Rejection | undefined {
  const type = spec.flavorType.typeIdentifier.toLowerCase()
  return type === flavorType ? undefined : reject('type-mismatch', `a ${type}, wanted is a ${flavorType}`)
}

function domainRejection(
  { spec }: EmbeddedFlavor,
  { forbiddenDomains, allowedDomains }: Requirements,
): Rejection | undefined {
  const { domain } = spec.owner
  if (forbiddenDomains?.includes(domain)) return reject('domain-forbidden', domain)
  return allowedDomains && !allowedDomains.includes(domain) ? reject('domain-not-allowed', domain) : undefined
}

function sliceRejection(
  { spec }: EmbeddedFlavor,
  slice: K8Slice,
  requirements: Requirements,
  { latencyOf }: RankingContext,
): Rejection | undefined {
  const { architecture, securityStandards, maxCarbon, maxLatencyMs, images } = requirements
  const { characteristics, properties } = slice
  if (architecture !== undefined && characteristics.architecture !== architecture)
    return reject('architecture-mismatch', `${characteristics.architecture}, wanted is ${architecture}`)
  // Clusters that say nothing of it run images, as all do.
  if (images === true && properties['images'] === false)
    return reject('no-images', 'it runs commands, not images, and a container has no command')
  const missing = securityStandards?.filter((standard) => !properties.securityStandards?.includes(standard))
  if (missing && missing.length > 0) return reject('security-standard-missing', missing.join(', '))
  const carbon = carbonOf(slice)
  if (maxCarbon !== undefined && (carbon === undefined || carbon > maxCarbon)) {
    const detail = carbon === undefined ? 'the offer does not state it' : `${carbon} gCO2/kWh`
    return reject('carbon-too-high', detail, { wanted: String(maxCarbon) })
  }
  for (const [name, value] of Object.entries(requirements.properties ?? {})) {
    const stated = JSON.stringify(properties.additionalProperties?.[name])
    if (stated !== JSON.stringify(value))
      return reject('property-mismatch', `${name} is ${stated ?? 'not stated'}`)
  }
  const latency = latencyOf?.(spec.owner.nodeID) ?? properties.latency
  return maxLatencyMs !== undefined && latency !== undefined && latency > maxLatencyMs
    ? reject('latency-too-high', `${latency} ms`, { wanted: String(maxLatencyMs) })
    : undefined
}

function serviceRejection(flavor: EmbeddedFlavor, requirements: Requirements): Rejection | undefined {
  const service = serviceOf(flavor)
  if (service === undefined || requirements.service === undefined) return undefined
  const { category, tags } = requirements.service
  if (category !== undefined && service.category !== category)
    return reject('category-mismatch', service.category)
  return tags && tags.length > 0 && !tags.some((tag) => service.tags.includes(tag))
    ? reject('tags-mismatch', service.tags.join(', '))
    : undefined
}

function locationRejection({ spec }: EmbeddedFlavor, { location }: Requirements): Rejection | undefined {
  for (const part of ['city', 'country'] as const) {
    const wanted = location?.[part]
    const stated = spec.location?.[part]
    if (wanted !== undefined && stated?.toLowerCase() !== wanted.toLowerCase())
      return reject('location-mismatch', stated ?? `the offer does not state its ${part}`)
  }
  return undefined
}

/** What others say lifts nobody over the user's bar. */
function ratingRejection(
  { spec }: EmbeddedFlavor,
  { minRating }: Requirements,
  { ratingOf }: RankingContext,
): Rejection | undefined {
  const rating = ratingOf(spec.owner.nodeID) ?? NEUTRAL_RATING
  return minRating !== undefined && rating < minRating
    ? reject('rating-too-low', String(round(rating)), { wanted: String(minRating) })
    : undefined
}
