/**
 * What a buyer requires of an offer beyond its size: the part that intents and solvers share.
 *
 * Closed: users write it by hand, so an unknown member is a typing error.
 */
import Type, { type Static } from 'typebox'
import { AMOUNT_PATTERN, anyObject, closed, CURRENCY_PATTERN, oneOf, PERIOD_PATTERN } from './schema.ts'

/** A decimal number as text, without sign: money is never floating point. */
export const DecimalSchema = Type.String({
  pattern: AMOUNT_PATTERN,
  description: 'A decimal number as text, with at most nine decimals.',
})
const CurrencySchema = Type.String({ pattern: CURRENCY_PATTERN, description: 'For example EUR.' })
const PeriodSchema = Type.String({
  pattern: PERIOD_PATTERN,
  description: 'second, minute, hour, day, week, month or year.',
})

/** The names that requirements and the wire use for flavor types. */
export const FLAVOR_TYPE_NAMES = ['k8slice', 'vm', 'service', 'sensor'] as const
export type FlavorTypeName = (typeof FLAVOR_TYPE_NAMES)[number]

export const RequirementsSchema = closed(
  {
    flavorType: Type.Optional(oneOf(FLAVOR_TYPE_NAMES, { default: 'k8slice' })),
    architecture: Type.Optional(Type.String({ description: 'For example amd64.' })),
    location: Type.Optional(
      closed(
        { country: Type.Optional(Type.String()), city: Type.Optional(Type.String()) },
        { description: 'Compared without regard to case.' },
      ),
    ),
    maxLatencyMs: Type.Optional(Type.Number({ minimum: 0, description: 'Milliseconds.' })),
    maxPrice: Type.Optional(
      closed(
        { amount: DecimalSchema, currency: CurrencySchema, period: PeriodSchema },
        { description: 'The highest price per period for the whole request.' },
      ),
    ),
    budget: Type.Optional(
      closed(
        { amount: DecimalSchema, currency: CurrencySchema },
        { description: 'The most that may be spent over the whole duration.' },
      ),
    ),
    securityStandards: Type.Optional(
      Type.Array(Type.String(), { description: 'The offer must comply with all of them.' }),
    ),
    minRating: Type.Optional(Type.Number({ minimum: 0, maximum: 5 })),
    maxCarbon: Type.Optional(Type.Number({ minimum: 0, description: 'Operational, gCO2 per kWh.' })),
    allowedDomains: Type.Optional(Type.Array(Type.String(), { description: 'No other domain will do.' })),
    forbiddenDomains: Type.Optional(Type.Array(Type.String())),
    properties: Type.Optional(
      anyObject({ description: 'Additional properties that the offer must state with the same value.' }),
    ),
    images: Type.Optional(
      Type.Boolean({
        description:
          'Whether the offer must run images. Required by itself where a container of the workload has no command.',
      }),
    ),
    service: Type.Optional(
      closed({ category: Type.Optional(Type.String()), tags: Type.Optional(Type.Array(Type.String())) }),
    ),
  },
  { description: 'What a buyer requires of an offer beyond its size.' },
)
export type Requirements = Static<typeof RequirementsSchema>

const AT_MOST = /^<=?\s*([0-9]+(?:\.[0-9]+)?)\s*(\S*)$/
const AMOUNT = /^\s*([0-9]+(?:\.[0-9]+)?)\s*(\S*)\s*$/

/**
 * Compares one required additional property with what an offer states.
 *
 * Scalars are equal when they read the same (`true` and `"true"`), texts in any case; of a list every element
 * must be in the stated list; of an object every member must match; `<= 200ms` is an upper limit for a number
 * of the same unit.
 * @param required what `Requirements.properties` has under a name
 * @param stated what the flavor's `additionalProperties` has there
 */
export function propertyMatches(required: unknown, stated: unknown): boolean {
  if (stated === undefined || stated === null) return required === null
  if (Array.isArray(required)) {
    const offered: readonly unknown[] = Array.isArray(stated) ? stated : [stated]
    return required.every((one) => offered.some((other) => propertyMatches(one, other)))
  }
  if (typeof required === 'object' && required !== null) {
    if (typeof stated !== 'object' || Array.isArray(stated)) return false
    return Object.entries(required).every(
      ([name, value]) =>
        Object.hasOwn(stated, name) && propertyMatches(value, (stated as Record<string, unknown>)[name]),
    )
  }
  if (typeof stated === 'object') return false
  const limit = typeof required === 'string' ? AT_MOST.exec(required) : null
  if (limit) {
    // Stated by a stranger: short, so that the pattern cannot take long.
    const amount = AMOUNT.exec(String(stated).slice(0, 64))
    if (!amount || Number(amount[1]) > Number(limit[1])) return false
    return amount[2] === '' || limit[2] === '' || amount[2]?.toLowerCase() === limit[2]?.toLowerCase()
  }
  return String(required).toLowerCase() === String(stated).toLowerCase()
}
