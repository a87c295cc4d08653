/**
 * Matching flavors against selectors: one flavor with a reason, or thousands fast.
 *
 * A flavor is indexed once, when it is learned; a selector is compiled once per question. Then a test is a
 * few comparisons of numbers that are already parsed.
 */
import type { FlavorSpec, K8Slice, K8SliceCharacteristics, ServiceFlavor } from '../../objects/flavor.ts'
import type { FlavorTypeName } from '../../objects/requirements.ts'
import { compare, formatQuantity, parseQuantity, type Quantity } from '../../quantity/index.ts'
import { flavorTypeToWire } from './configuration.ts'
import { filterQuantity } from './filter-quantity.ts'
import { compilePattern } from './pattern.ts'
import {
  SELECTOR_FIELD_NAMES,
  selectorField,
  type Filter,
  type Selector,
  type SelectorFieldName,
} from './selector.ts'

/** A flavor, parsed for matching. Numbers and texts stand at the place of their field. */
export interface IndexedFlavor {
  readonly flavorID: string
  readonly providerID: string
  readonly type: FlavorTypeName
  readonly available: boolean
  /** What each field of the flavor is; a missing number or empty list is something the flavor does not state. */
  readonly numbers: Readonly<Partial<Record<SelectorFieldName, Quantity>>>
  readonly texts: Readonly<Partial<Record<SelectorFieldName, readonly string[]>>>
}

const NOTHING: Partial<K8SliceCharacteristics> = {}

/** @returns the quantity, or undefined when there is none or it is none. */
function parsed(text: string | undefined): Quantity | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return parseQuantity(text)
  } catch {
    return undefined
  }
}

function numbersOf(
  pairs: Readonly<Partial<Record<SelectorFieldName, string | undefined>>>,
): Partial<Record<SelectorFieldName, Quantity>> {
  const numbers: Partial<Record<SelectorFieldName, Quantity>> = {}
  for (const [name, text] of Object.entries(pairs)) {
    const value = parsed(text)
    if (value !== undefined) numbers[name as SelectorFieldName] = value
  }
  return numbers
}

const decimal = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value)

/** What the flavor states of its operational carbon: the mean over the day. */
function carbonOf(operational: readonly number[] | undefined): string | undefined {
  if (!operational || operational.length === 0) return undefined
  const mean = operational.reduce((sum, one) => sum + one, 0) / operational.length
  return mean.toFixed(3)
}

/**
 * Never throws: a quantity that cannot be read counts as not stated, so the flavor matches no filter on it.
 * @param flavor a stored flavor, or one inside another object
 */
export function indexFlavor(flavor: {
  readonly metadata: { readonly name: string }
  readonly spec: FlavorSpec
}): IndexedFlavor {
  const { spec } = flavor
  const common = {
    flavorID: flavor.metadata.name,
    providerID: spec.providerID,
    type: flavorTypeToWire(spec.flavorType.typeIdentifier),
    available: spec.availability,
  }
  const commonTexts = {
    currency: [spec.price.currency],
    location: [spec.location?.city, spec.location?.country].filter((place) => place !== undefined),
  }
  const price = spec.price.amount.trim() === '' ? '0' : spec.price.amount
  switch (spec.flavorType.typeIdentifier) {
    case 'K8Slice': {
      // A user may have written the flavor by hand, and `typeData` is open.
      const data: Partial<K8Slice> = spec.flavorType.typeData
      const { characteristics = NOTHING, properties = {} } = data
      return {
        ...common,
        numbers: numbersOf({
          cpu: characteristics.cpu,
          memory: characteristics.memory,
          pods: characteristics.pods,
          storage: characteristics.storage,
          gpu: characteristics.gpu?.cores,
          gpuMemory: characteristics.gpu?.memory,
          price,
          latency: decimal(properties.latency),
          carbon: carbonOf(properties['carbon-footprint']?.operational),
        }),
        texts: {
          ...commonTexts,
          architecture: characteristics.architecture === undefined ? [] : [characteristics.architecture],
          gpuModel: characteristics.gpu?.model === undefined ? [] : [characteristics.gpu.model],
          security: properties.securityStandards ?? [],
        },
      }
    }
    case 'Service': {
      const { category, tags = [] }: Partial<ServiceFlavor> = spec.flavorType.typeData
      const texts = { ...commonTexts, category: category === undefined ? [] : [category], tags }
      return { ...common, numbers: numbersOf({ price }), texts }
    }
    case 'VM':
    case 'Sensor':
      return { ...common, numbers: numbersOf({ price }), texts: commonTexts }
  }
}

/** These are names that people write by hand. */
const IN_ANY_CASE: ReadonlySet<SelectorFieldName> = new Set(['location', 'security', 'currency'])

type Check = (entry: IndexedFlavor) => boolean

function checkOf(name: SelectorFieldName, filter: Filter): Check {
  switch (filter.op) {
    case 'match': {
      if (selectorField(name).value === 'number') {
        const wanted = filterQuantity(filter.value)
        return ({ numbers }) => numbers[name] !== undefined && compare(numbers[name], wanted) === 0
      }
      if (IN_ANY_CASE.has(name)) {
        const wanted = filter.value.toLowerCase()
        return ({ texts }) => texts[name]?.some((text) => text.toLowerCase() === wanted) ?? false
      }
      return ({ texts }) => texts[name]?.includes(filter.value) ?? false
    }
    case 'range': {
      const min = filter.min === undefined ? undefined : filterQuantity(filter.min)
      const max = filter.max === undefined ? undefined : filterQuantity(filter.max)
      return ({ numbers }) => {
        const value = numbers[name]
        if (value === undefined) return false
        return (
          (min === undefined || compare(value, min) >= 0) && (max === undefined || compare(value, max) <= 0)
        )
      }
    }
    case 'pattern': {
      const matchesPattern = compilePattern(filter.regex)
      return ({ texts }) => texts[name]?.some(matchesPattern) ?? false
    }
  }
}

/**
 * @param selector a selector whose filters were checked when it was read
 * @returns a fast test; flavors that are not available never pass
 */
export function compileSelector(selector: Selector): (entry: IndexedFlavor) => boolean {
  const type = selector.flavorType
  const checks = Object.entries(selector.filters).map(([name, filter]) =>
    checkOf(name as SelectorFieldName, filter),
  )
  return (entry) => {
    if (!entry.available || (type !== undefined && entry.type !== type)) return false
    for (const check of checks) if (!check(entry)) return false
    return true
  }
}

/** Why a flavor does not match. `reason` is a stable code: `not-available`, `wrong-type` or `<field>-mismatch`. */
export type MatchResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      readonly detail: string
      /** What was wanted of the field, and what the flavor states; absent when it states nothing. */
      readonly wanted?: string
      readonly found?: string
    }

/**
 * @param flavor a flavor, or one that was indexed before
 * @returns whether it matches, and if not the first reason why
 */
export function matches(
  selector: Selector,
  flavor: IndexedFlavor | { readonly metadata: { readonly name: string }; readonly spec: FlavorSpec },
): MatchResult {
  const entry = 'spec' in flavor ? indexFlavor(flavor) : flavor
  if (!entry.available) return { ok: false, reason: 'not-available', detail: 'the flavor is not available' }
  if (selector.flavorType !== undefined && entry.type !== selector.flavorType) {
    return {
      ok: false,
      reason: 'wrong-type',
      detail: `wanted a ${selector.flavorType}, it is a ${entry.type}`,
    }
  }
  for (const name of SELECTOR_FIELD_NAMES) {
    const filter = selector.filters[name]
    if (filter === undefined || checkOf(name, filter)(entry)) continue
    const wanted = describe(filter)
    const number = entry.numbers[name]
    const found = number === undefined ? entry.texts[name]?.join(', ') : formatQuantity(number)
    return {
      ok: false,
      reason: `${name}-mismatch`,
      detail: `wanted ${name} ${wanted}, ${found ? `it has ${found}` : 'it states none'}`,
      wanted,
      ...(found ? { found } : {}),
    }
  }
  return { ok: true }
}

function describe(filter: Filter): string {
  switch (filter.op) {
    case 'match':
      return `= ${filter.value}`
    case 'pattern':
      return `like ${filter.regex}`
    case 'range':
      return [
        filter.min === undefined ? '' : `≥ ${filter.min}`,
        filter.max === undefined ? '' : `≤ ${filter.max}`,
      ]
        .filter((bound) => bound !== '')
        .join(' and ')
  }
}
