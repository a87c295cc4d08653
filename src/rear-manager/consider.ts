/**
 * Looks at every offer there is for one request and says of each why it is taken or not.
 *
 * Pure: the same input gives the same answer, so that `tributary plan` shows exactly what an
 * acquisition would do. What is asked of an offer comes in the order of the checks below; the
 * first that fails is the reason. Those that pass are ranked by weighted criteria, each from 0 to 1.
 */
import { roundUpTo, shortages, type Amounts } from '../quantity/amounts.ts'
import { approximate, compare, max, parseQuantity, formatQuantity } from '../quantity/index.ts'
import {
  costOver,
  durationSeconds,
  formatMoney,
  parseMoney,
  partialPrice,
  yearlyCost,
  type Price,
} from '../quantity/price.ts'
import { k8sliceOf, serviceOf, type EmbeddedFlavor, type K8Slice } from '../objects/flavor.ts'
import { catalogOf, priceThrough, relaysOf } from '../peering-candidates/index.ts'
import { NEUTRAL_RATING } from '../ratings-and-metrics/index.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import type { Requirements } from '../objects/requirements.ts'
import type { Considered, RankingWeights } from '../objects/solver.ts'

export interface Wanted {
  /** What the workload needs, by resource. */
  readonly amounts: Amounts
  readonly requirements: Requirements
  readonly weights?: RankingWeights | undefined
  /** For example `24h`. */
  readonly duration?: string | undefined
}

export interface RankingContext {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Our own node id: our own offers are not bought. */
  readonly self: string
  /** Our own domain: inside it owners are dealt with directly where they can be reached. */
  readonly domain?: string
  /** By our own facts, from 0 to 5, of a node id; undefined where there are none. */
  readonly ratingOf: (nodeID: string) => number | undefined
  /** Measured round trip to a node in milliseconds, when known. */
  readonly latencyOf?: (nodeID: string) => number | undefined
  /** Offers that were just refused or failed, with the reason. */
  readonly excluded?: ReadonlyMap<string, string>
  /**
   * @param reachedThroughOthers whether it does not matter that we cannot reach it ourselves
   * @returns why nothing is bought from or through a node for now, if so
   */
  readonly failedLately?: (nodeID: string, reachedThroughOthers: boolean) => string | undefined
}

export interface Choice {
  readonly candidate: PeeringCandidate
  /** What would be bought: the request, raised to what the offer's policy allows. */
  readonly amounts: Amounts
  readonly price: Price
  readonly score: number
}

/** The default weights: price and rating before convenience. */
export const DEFAULT_WEIGHTS: Required<RankingWeights> = {
  price: 3,
  rating: 3,
  latency: 2,
  location: 1,
  carbon: 1,
  fit: 2,
}

/** Latency at which the criterion is worth half, in milliseconds. */
const HALF_LATENCY_MS = 50
/** Carbon intensity at which the criterion is worth half, in gCO2 per kWh; about the average of Europe's grids. */
const HALF_CARBON = 250
/** How far what a catalog says of a stranger moves its rating from neutral: it is hearsay, and nobody signed it. */
const HEARSAY = 0.25

/** @returns every candidate with its verdict, best first, and the choices in the same order */
export function consider(
  candidates: readonly PeeringCandidate[],
  wanted: Wanted,
  context: RankingContext,
): { readonly considered: readonly Considered[]; readonly choices: readonly Choice[] } {
  const rejected: Considered[] = []
  const fitting: { candidate: PeeringCandidate; amounts: Amounts; price: Price; cost: bigint }[] = []
  for (const candidate of candidates) {
    const checked = check(candidate, wanted, context)
    if ('reason' in checked) {
      rejected.push({ ...identify(candidate), verdict: 'rejected', ...checked })
    } else {
      fitting.push({ candidate, ...checked })
    }
  }
  const weights = { ...DEFAULT_WEIGHTS, ...wanted.weights }
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0) || 1
  const cheapest = fitting.reduce<bigint | undefined>(
    (least, { cost }) => (least === undefined || cost < least ? cost : least),
    undefined,
  )
  const ranked = fitting
    .map(({ candidate, amounts, price, cost }) => {
      const scores = criteria(candidate, wanted, amounts, cost, cheapest ?? 0n, context)
      const score =
        (Object.keys(DEFAULT_WEIGHTS) as (keyof RankingWeights)[]).reduce(
          (sum, criterion) => sum + weights[criterion] * scores[criterion],
          0,
        ) / total
      return { candidate, amounts, price, scores, score: round(score) }
    })
    // Equal scores are ordered by name, so that the answer does not depend on who answered first.
    .sort((a, b) => b.score - a.score || (a.candidate.metadata.name < b.candidate.metadata.name ? -1 : 1))
  return {
    considered: [
      ...ranked.map(({ candidate, amounts, price, scores, score }, index): Considered => ({
        ...identify(candidate),
        verdict: index === 0 ? 'taken' : 'fits',
        reason: index === 0 ? 'best-score' : 'lower-score',
        numbers: {
          ...amounts,
          ...(price.amount === '' ? {} : { price: `${price.amount} ${price.currency}/${price.period}` }),
          ...hearsayNumbers(candidate, context),
        },
        score,
        scores,
      })),
      ...rejected,
    ],
    choices: ranked.map(({ candidate, amounts, price, score }) => ({ candidate, amounts, price, score })),
  }
}

/** @returns the amounts of a k8slice flavor by resource */
export function flavorAmounts(slice: K8Slice): Amounts {
  const { cpu, memory, pods, storage, gpu } = slice.characteristics
  return {
    cpu,
    memory,
    pods,
    ...(storage === undefined ? {} : { storage }),
    ...(gpu?.cores === undefined ? {} : { 'gpu.cores': gpu.cores }),
    ...(gpu?.memory === undefined ? {} : { 'gpu.memory': gpu.memory }),
  }
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

type Rejection = Pick<Considered, 'reason' | 'detail' | 'numbers'>

const reject = (reason: string, detail: string, numbers?: Record<string, string>): Rejection => ({
  reason,
  detail,
  ...(numbers ? { numbers } : {}),
})

function check(
  candidate: PeeringCandidate,
  { amounts: wantedAmounts, requirements, duration }: Wanted,
  context: RankingContext,
): Rejection | { amounts: Amounts; price: Price; cost: bigint } {
  const { now, self, ratingOf, latencyOf, excluded } = context
  const { flavor } = candidate.spec
  const { spec } = flavor
  const reason = excluded?.get(flavor.metadata.name) ?? failureOnTheWay(candidate, context)
  if (reason !== undefined) return reject('just-failed', reason)
  if (spec.owner.nodeID === self) return reject('own-offer', 'this is our own')
  if (!candidate.spec.available || !spec.availability) return reject('not-available', 'no longer on offer')
  if (candidate.spec.validUntil !== undefined && Date.parse(candidate.spec.validUntil) <= now) {
    return reject('stale', `valid until ${candidate.spec.validUntil}`)
  }
  const type = requirements.flavorType ?? 'k8slice'
  if (spec.flavorType.typeIdentifier.toLowerCase() !== type) {
    return reject('type-mismatch', `a ${spec.flavorType.typeIdentifier.toLowerCase()}, wanted is a ${type}`)
  }
  const domain = spec.owner.domain
  if (requirements.forbiddenDomains?.includes(domain)) return reject('domain-forbidden', domain)
  if (requirements.allowedDomains && !requirements.allowedDomains.includes(domain)) {
    return reject('domain-not-allowed', domain)
  }
  const slice = k8sliceOf(flavor)
  const amounts = slice ? fittingAmounts(slice, wantedAmounts) : {}
  if ('reason' in amounts) return amounts as Rejection
  if (slice) {
    const { characteristics, properties } = slice
    if (
      requirements.architecture !== undefined &&
      characteristics.architecture !== requirements.architecture
    ) {
      return reject(
        'architecture-mismatch',
        `${characteristics.architecture}, wanted is ${requirements.architecture}`,
      )
    }
    const missing = requirements.securityStandards?.filter(
      (standard) => !properties.securityStandards?.includes(standard),
    )
    if (missing && missing.length > 0) return reject('security-standard-missing', missing.join(', '))
    const carbon = carbonOf(slice)
    if (requirements.maxCarbon !== undefined && (carbon === undefined || carbon > requirements.maxCarbon)) {
      return reject(
        'carbon-too-high',
        carbon === undefined ? 'the offer does not state it' : `${carbon} gCO2/kWh`,
        {
          wanted: String(requirements.maxCarbon),
        },
      )
    }
    for (const [name, value] of Object.entries(requirements.properties ?? {})) {
      if (JSON.stringify(properties.additionalProperties?.[name]) !== JSON.stringify(value)) {
        return reject(
          'property-mismatch',
          `${name} is ${JSON.stringify(properties.additionalProperties?.[name]) ?? 'not stated'}`,
        )
      }
    }
    const latency = latencyOf?.(spec.owner.nodeID) ?? properties.latency
    if (
      requirements.maxLatencyMs !== undefined &&
      latency !== undefined &&
      latency > requirements.maxLatencyMs
    ) {
      return reject('latency-too-high', `${latency} ms`, { wanted: String(requirements.maxLatencyMs) })
    }
  }
  const service = serviceOf(flavor)
  if (service && requirements.service) {
    const { category, tags } = requirements.service
    if (category !== undefined && service.category !== category)
      return reject('category-mismatch', service.category)
    if (tags && tags.length > 0 && !tags.some((tag) => service.tags.includes(tag))) {
      return reject('tags-mismatch', service.tags.join(', '))
    }
  }
  const { location } = requirements
  if (location?.city !== undefined && !sameText(spec.location?.city, location.city)) {
    return reject('location-mismatch', spec.location?.city ?? 'the offer does not state its city')
  }
  if (location?.country !== undefined && !sameText(spec.location?.country, location.country)) {
    return reject('location-mismatch', spec.location?.country ?? 'the offer does not state its country')
  }
  // What others say lifts nobody over the user's bar.
  const rating = ratingOf(spec.owner.nodeID) ?? NEUTRAL_RATING
  if (requirements.minRating !== undefined && rating < requirements.minRating) {
    return reject('rating-too-low', String(round(rating)), { wanted: String(requirements.minRating) })
  }
  const own = slice ? partialPrice(spec.price, amounts as Amounts, flavorAmounts(slice)) : spec.price
  const price = priceThrough(own, relaysOf(candidate))
  const cost = yearlyCost(price)
  if (cost === undefined) return reject('price-unclear', `unknown period "${price.period}"`)
  const tooDear = priceRejection(price, cost, requirements, duration)
  return tooDear ?? { amounts: amounts as Amounts, price, cost }
}

function priceRejection(
  price: Price,
  cost: bigint,
  { maxPrice, budget }: Requirements,
  duration: string | undefined,
): Rejection | undefined {
  if (cost === 0n) return undefined
  if (maxPrice) {
    if (maxPrice.currency !== price.currency) return reject('currency-mismatch', price.currency)
    const limit = yearlyCost(maxPrice)
    if (limit !== undefined && cost > limit) {
      return reject('over-price', `${price.amount} ${price.currency}/${price.period}`, {
        wanted: `${maxPrice.amount} ${maxPrice.currency}/${maxPrice.period}`,
      })
    }
  }
  if (budget) {
    if (budget.currency !== price.currency) return reject('currency-mismatch', price.currency)
    const spent = costOver(price, durationSeconds(duration ?? '24h') ?? 86_400)
    if (spent !== undefined && spent > parseMoney(budget.amount)) {
      return reject('over-budget', `${formatMoney(spent)} ${price.currency} in all`, {
        wanted: `${budget.amount} ${budget.currency}`,
        over: formatMoney(spent - parseMoney(budget.amount)),
      })
    }
  }
  return undefined
}

/** What would be bought of a slice for a request: raised to its minimum and step; or why that is not possible. */
function fittingAmounts(slice: K8Slice, wanted: Amounts): Amounts | Rejection {
  const available = flavorAmounts(slice)
  const policy = slice.policies.partitionability
  const amounts: Record<string, string> = { ...wanted }
  if (policy === undefined) {
    Object.assign(amounts, available)
  } else {
    for (const resource of ['cpu', 'memory', 'pods'] as const) {
      const least = parseQuantity(policy[`${resource}Min`])
      const raised = formatQuantity(max(parseQuantity(amounts[resource] ?? '0'), least))
      amounts[resource] = roundUpTo(raised, policy[`${resource}Step`])
      const most = policy[`${resource}Max`]
      if (most !== undefined && compare(parseQuantity(amounts[resource]), parseQuantity(most)) > 0) {
        return reject(
          'over-maximum',
          `${resource}: ${amounts[resource]} is more than the ${most} sold at once`,
        )
      }
    }
  }
  const short = shortages(wanted, available)[0] ?? shortages(amounts, available)[0]
  if (short) {
    return reject(
      `${short.resource}-short`,
      `${short.resource}: ${short.wanted} wanted, ${short.available} offered`,
      { wanted: short.wanted, offered: short.available },
    )
  }
  return amounts
}

function criteria(
  candidate: PeeringCandidate,
  { amounts: wanted, requirements }: Wanted,
  amounts: Amounts,
  cost: bigint,
  cheapest: bigint,
  context: RankingContext,
): Record<keyof RankingWeights, number> {
  const { flavor } = candidate.spec
  const slice = k8sliceOf(flavor)
  const latency = context.latencyOf?.(flavor.spec.owner.nodeID) ?? slice?.properties.latency
  const carbon = slice === undefined ? undefined : carbonOf(slice)
  return {
    price: cost === 0n ? 1 : round(Number(cheapest) / Number(cost)),
    rating: round(ratingFor(candidate, context) / 5),
    // An offer that does not say is neither praised nor blamed.
    latency: latency === undefined ? 0.5 : round(HALF_LATENCY_MS / (HALF_LATENCY_MS + latency)),
    location: requirements.location || flavor.spec.location?.city ? 1 : 0.5,
    carbon: carbon === undefined ? 0.5 : round(HALF_CARBON / (HALF_CARBON + carbon)),
    fit: slice === undefined ? 1 : round(fitOf(wanted, amounts)),
  }
}

/** @returns from 0 to 5: by our own facts where there are any, else by what a catalog says, with little weight */
function ratingFor(candidate: PeeringCandidate, { ratingOf }: RankingContext): number {
  const { flavor, rating: said } = candidate.spec
  const own = ratingOf(flavor.spec.owner.nodeID)
  return own ?? NEUTRAL_RATING + HEARSAY * ((said ?? NEUTRAL_RATING) - NEUTRAL_RATING)
}

/** @returns a rating that is not our own, and whose word it is */
function hearsayNumbers(candidate: PeeringCandidate, context: RankingContext): Record<string, string> {
  const { flavor, rating: said } = candidate.spec
  if (said === undefined || context.ratingOf(flavor.spec.owner.nodeID) !== undefined) return {}
  return {
    rating: `${round(ratingFor(candidate, context))} of 5 (${catalogOf(candidate) ?? 'a catalog'} says ${said})`,
  }
}

/** How much of what would be bought is used: 1 is no waste. */
function fitOf(wanted: Amounts, bought: Amounts): number {
  const shares = Object.entries(bought).map(([resource, amount]) => {
    // A score may be inexact, an amount may not.
    const all = approximate(parseQuantity(amount))
    return all === 0 ? 1 : Math.min(1, approximate(parseQuantity(wanted[resource] ?? '0')) / all)
  })
  return shares.length === 0 ? 1 : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

function carbonOf(slice: K8Slice): number | undefined {
  const operational = slice.properties['carbon-footprint']?.operational
  return operational && operational.length > 0
    ? operational.reduce((sum, value) => sum + value, 0) / operational.length
    : undefined
}

function identify(candidate: PeeringCandidate): Pick<Considered, 'flavorID' | 'providerID' | 'domain'> {
  const { flavor } = candidate.spec
  return {
    flavorID: flavor.metadata.name,
    providerID: flavor.spec.owner.nodeID,
    domain: flavor.spec.owner.domain,
  }
}

const sameText = (left: string | undefined, right: string): boolean =>
  left?.toLowerCase() === right.toLowerCase()
const round = (value: number): number => Math.round(value * 10_000) / 10_000

export type { EmbeddedFlavor }
