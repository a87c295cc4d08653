/**
 * Selectors: which flavors are wanted. The form that code uses, its fields, and what can be wrong with one.
 *
 * The query string is in `selector-query.ts`, the custom resource in `selector-object.ts`, matching in
 * `matcher.ts`.
 */
import type { SelectorFilters } from '../../objects/selector.ts'
import type { FlavorTypeName } from '../../objects/requirements.ts'
import { compare, type Quantity } from '../../quantity/index.ts'
import { filterQuantity } from './filter-quantity.ts'
import { compilePattern, PatternError } from './pattern.ts'

/** One filter. A value of a numeric field is a quantity, also where it is money or milliseconds. */
export type Filter =
  | { readonly op: 'match'; readonly value: string }
  | { readonly op: 'range'; readonly min?: string; readonly max?: string }
  /** Text fields only; the supported part of regular expressions is in `pattern.ts`. */
  | { readonly op: 'pattern'; readonly regex: string }

interface SelectorField {
  readonly value: 'number' | 'text'
  /** The flavor types that have it; all when absent. */
  readonly types?: readonly FlavorTypeName[]
  /** Its name in a custom resource. */
  readonly filter: keyof SelectorFilters
  /**
   * What an upstream provider does with it: `yes` filters, `no` refuses the whole request. Storage is
   * `no`, although it is known there: one flavor without storage makes the request die.
   */
  readonly upstream: 'yes' | 'no'
  readonly description: string
}

/** All fields, in the order in which they are written into a query. */
export const SELECTOR_FIELDS = {
  architecture: {
    value: 'text',
    types: ['k8slice'],
    filter: 'architectureFilter',
    upstream: 'yes',
    description: 'CPU architecture, exactly',
  },
  cpu: {
    value: 'number',
    types: ['k8slice'],
    filter: 'cpuFilter',
    upstream: 'yes',
    description: 'CPU cores',
  },
  memory: {
    value: 'number',
    types: ['k8slice'],
    filter: 'memoryFilter',
    upstream: 'yes',
    description: 'Memory',
  },
  pods: {
    value: 'number',
    types: ['k8slice'],
    filter: 'podsFilter',
    upstream: 'yes',
    description: 'Number of pods',
  },
  storage: {
    value: 'number',
    types: ['k8slice'],
    filter: 'storageFilter',
    upstream: 'no',
    description: 'Storage',
  },
  gpu: { value: 'number', types: ['k8slice'], filter: 'gpuFilter', upstream: 'no', description: 'GPU cores' },
  gpuModel: {
    value: 'text',
    types: ['k8slice'],
    filter: 'gpuModelFilter',
    upstream: 'no',
    description: 'GPU model, exactly',
  },
  gpuMemory: {
    value: 'number',
    types: ['k8slice'],
    filter: 'gpuMemoryFilter',
    upstream: 'no',
    description: 'GPU memory',
  },
  category: {
    value: 'text',
    types: ['service'],
    filter: 'categoryFilter',
    upstream: 'yes',
    description: 'Category of the service, exactly',
  },
  tags: {
    value: 'text',
    types: ['service'],
    filter: 'tagsFilter',
    upstream: 'yes',
    description: 'One of the tags of the service',
  },
  price: {
    value: 'number',
    filter: 'priceFilter',
    upstream: 'no',
    description: "Amount in the flavor's own currency and period; nothing asked counts as zero",
  },
  currency: { value: 'text', filter: 'currencyFilter', upstream: 'no', description: 'Currency of the price' },
  location: {
    value: 'text',
    filter: 'locationFilter',
    upstream: 'no',
    description: 'City or country, in any case',
  },
  latency: {
    value: 'number',
    types: ['k8slice'],
    filter: 'latencyFilter',
    upstream: 'no',
    description: 'Latency in milliseconds',
  },
  carbon: {
    value: 'number',
    types: ['k8slice'],
    filter: 'carbonFilter',
    upstream: 'no',
    description: 'Mean operational carbon in gCO2 per kWh',
  },
  security: {
    value: 'text',
    types: ['k8slice'],
    filter: 'securityFilter',
    upstream: 'no',
    description: 'A security standard that it complies with, in any case',
  },
} as const satisfies Readonly<Record<string, SelectorField>>

export type SelectorFieldName = keyof typeof SELECTOR_FIELDS

export const SELECTOR_FIELD_NAMES = Object.keys(SELECTOR_FIELDS) as readonly SelectorFieldName[]

/** @returns the rules of a field. */
export function selectorField(name: SelectorFieldName): SelectorField {
  return SELECTOR_FIELDS[name]
}

/** Which flavors are wanted: of one type, or of any when it is absent, that pass all filters. */
export interface Selector {
  readonly flavorType?: FlavorTypeName
  readonly filters: Readonly<Partial<Record<SelectorFieldName, Filter>>>
}

/** Everything that is available. */
export const ANY_FLAVOR: Selector = { filters: {} }

export type SelectorErrorCode =
  | 'unknown-filter'
  | 'filter-not-for-type'
  | 'bad-quantity'
  | 'bad-filter'
  | 'bad-pattern'
  | 'range-without-bound'
  | 'empty-range'
  | 'match-and-range'
  | 'bad-encoding'
  | 'query-too-long'

/** What is wrong with a selector; `filter` is the field or key it is about. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError'
  readonly code: SelectorErrorCode
  readonly filter: string

  constructor(code: SelectorErrorCode, filter: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.filter = filter
  }
}

/**
 * Checks one filter against the rules of its field.
 * @param flavorType the selector's type; undefined checks the value only
 * @throws SelectorError
 */
export function checkFilter(
  name: SelectorFieldName,
  filter: Filter,
  flavorType: FlavorTypeName | undefined,
): void {
  const field = selectorField(name)
  if (flavorType !== undefined && field.types && !field.types.includes(flavorType)) {
    throw new SelectorError('filter-not-for-type', name, `a ${flavorType} has no ${name}`)
  }
  switch (filter.op) {
    case 'match':
      if (field.value === 'number') quantityOf(name, filter.value)
      return
    case 'range': {
      if (field.value === 'text') {
        throw new SelectorError(
          'bad-filter',
          name,
          `${name} is text: its range takes a regex, not min and max`,
        )
      }
      if (filter.min === undefined && filter.max === undefined) {
        throw new SelectorError('range-without-bound', name, `the range of ${name} has neither min nor max`)
      }
      const min = filter.min === undefined ? undefined : quantityOf(name, filter.min)
      const max = filter.max === undefined ? undefined : quantityOf(name, filter.max)
      if (min !== undefined && max !== undefined && compare(min, max) > 0) {
        throw new SelectorError(
          'empty-range',
          name,
          `the range of ${name} is empty: ${filter.min} > ${filter.max}`,
        )
      }
      return
    }
    case 'pattern':
      if (field.value === 'number') {
        throw new SelectorError(
          'bad-filter',
          name,
          `${name} is a quantity: its range takes min and max, not a regex`,
        )
      }
      try {
        compilePattern(filter.regex)
      } catch (cause) {
        if (!(cause instanceof PatternError)) throw cause
        throw new SelectorError('bad-pattern', name, `the pattern for ${name} ${cause.message}`, { cause })
      }
  }
}

function quantityOf(name: string, text: string): Quantity {
  try {
    return filterQuantity(text)
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 40))
    throw new SelectorError('bad-quantity', name, `${shown} for ${name} is not a quantity`, { cause })
  }
}
