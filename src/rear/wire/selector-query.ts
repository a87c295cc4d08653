/**
 * Selectors as the path and query of LIST_FLAVORS.
 *
 * Reading forgives what upstream's clients and documents get wrong: no `filter` before the brackets,
 * `exact` for `match`, percent-encoded brackets, a bound behind `match`. Unknown filters are refused, so
 * that nobody takes an unfiltered list for an answer.
 */
import type { FlavorTypeName } from '../../objects/requirements.ts'
import {
  checkFilter,
  SELECTOR_FIELD_NAMES,
  selectorField,
  SelectorError,
  type Filter,
  type Selector,
  type SelectorFieldName,
} from './selector.ts'

/** Longer queries are refused. */
export const MAX_QUERY_LENGTH = 8 * 1024

const KEY = /^(?:filter)?\[([A-Za-z]+)\]\[(match|exact|range)\](?:\[([A-Za-z]+)\])?$/

const FIELDS_BY_LOWER_NAME = new Map(SELECTOR_FIELD_NAMES.map((name) => [name.toLowerCase(), name]))

/**
 * @param flavorType the type that the path names; undefined for the list of all
 * @param query what stands behind the `?`, without it
 * @throws SelectorError
 */
export function parseSelectorQuery(flavorType: FlavorTypeName | undefined, query: string): Selector {
  if (query.length > MAX_QUERY_LENGTH) {
    throw new SelectorError(
      'query-too-long',
      'query',
      `a query may have at most ${MAX_QUERY_LENGTH} characters`,
    )
  }
  const filters: Partial<Record<SelectorFieldName, Filter>> = {}
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const { name, operator, bound } = readKey(equals < 0 ? pair : pair.slice(0, equals))
    const sent = equals < 0 ? '' : pair.slice(equals + 1)
    // A plus is a space in a query, but quantities have exponents (1e+3) and no spaces.
    const value = decode(selectorField(name).value === 'text' ? sent.replaceAll('+', ' ') : sent)
    filters[name] = merge(
      name,
      filters[name],
      operator === 'range' ? rangeOf(name, bound, value) : { op: 'match', value },
    )
  }
  for (const name of Object.keys(filters) as SelectorFieldName[])
    checkFilter(name, filters[name]!, flavorType)
  return flavorType === undefined ? { filters } : { flavorType, filters }
}

/** What stands before the `=`. */
interface Key {
  readonly name: SelectorFieldName
  readonly operator: string
  readonly bound: string | undefined
}

/** Everybody asks with the same few keys. */
let knownKeys = new Map<string, Key>()
const MOST_KEYS = 256

function readKey(sent: string): Key {
  const known = knownKeys.get(sent)
  if (known) return known
  const text = decode(sent)
  const match = KEY.exec(text)
  const name = FIELDS_BY_LOWER_NAME.get(match?.[1]?.toLowerCase() ?? '')
  if (!match || name === undefined) {
    throw new SelectorError(
      'unknown-filter',
      text.slice(0, 80),
      `unknown filter ${JSON.stringify(text.slice(0, 80))}`,
    )
  }
  const key: Key = { name, operator: match[2]!, bound: match[3] }
  if (knownKeys.size >= MOST_KEYS) knownKeys = new Map()
  knownKeys.set(sent, key)
  return key
}

function rangeOf(name: SelectorFieldName, bound: string | undefined, value: string): Filter {
  switch (bound) {
    case 'min':
      return { op: 'range', min: value }
    case 'max':
      return { op: 'range', max: value }
    case 'regex':
      return { op: 'pattern', regex: value }
    case undefined:
      throw new SelectorError(
        'range-without-bound',
        name,
        `the range of ${name} names no bound: filter[${name}][range][min], [max] or [regex]`,
      )
    default:
      throw new SelectorError('bad-filter', name, `${JSON.stringify(bound)} is no bound: min, max or regex`)
  }
}

/** Like upstream: of a repeated key the first value counts. */
function merge(name: SelectorFieldName, before: Filter | undefined, next: Filter): Filter {
  if (before === undefined) return next
  if (before.op === 'range' && next.op === 'range') {
    const { min = next.min, max = next.max } = before
    if (min === undefined) return max === undefined ? before : { op: 'range', max }
    return max === undefined ? { op: 'range', min } : { op: 'range', min, max }
  }
  if (before.op === next.op) return before
  throw new SelectorError('match-and-range', name, `${name} has more than one kind of filter`)
}

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new SelectorError('bad-encoding', text.slice(0, 80), 'the query is not properly percent-encoded', {
      cause,
    })
  }
}

/** What the receiver of a query understands: a node like this one, or an upstream node. */
export type SelectorDialect = 'tributary' | 'upstream'

/**
 * @param dialect for `upstream`, filters that it does not have, or that harm it, are left out: filter the
 *   answer again
 * Brackets are not percent-encoded, as upstream's client does.
 * @returns the query without `?`; empty when there is nothing to filter
 */
export function encodeSelectorQuery(selector: Selector, dialect: SelectorDialect = 'tributary'): string {
  const pairs: string[] = []
  for (const name of SELECTOR_FIELD_NAMES) {
    const filter = selector.filters[name]
    if (filter === undefined) continue
    if (dialect === 'upstream' && (selectorField(name).upstream === 'no' || filter.op === 'pattern')) continue
    switch (filter.op) {
      case 'match':
        pairs.push(`filter[${name}][match]=${encodeURIComponent(filter.value)}`)
        break
      case 'range':
        if (filter.min !== undefined)
          pairs.push(`filter[${name}][range][min]=${encodeURIComponent(filter.min)}`)
        if (filter.max !== undefined)
          pairs.push(`filter[${name}][range][max]=${encodeURIComponent(filter.max)}`)
        break
      case 'pattern':
        pairs.push(`filter[${name}][range][regex]=${encodeURIComponent(filter.regex)}`)
    }
  }
  return pairs.join('&')
}

/** Where each type is listed. */
const PATHS: Readonly<Record<FlavorTypeName, string>> = {
  k8slice: '/api/v2/flavors/k8slice',
  vm: '/api/v2/flavors/vm',
  service: '/api/v2/flavors/service',
  sensor: '/api/v2/flavors/sensors',
}

/** @returns path and query of LIST_FLAVORS for the selector; see `encodeSelectorQuery`. */
export function selectorTarget(selector: Selector, dialect: SelectorDialect = 'tributary'): string {
  const path = selector.flavorType === undefined ? '/api/v2/flavors' : PATHS[selector.flavorType]
  const query = encodeSelectorQuery(selector, dialect)
  return query === '' ? path : `${path}?${query}`
}

/** What may stand behind `/api/v2/flavors/`, plural forms included. */
const TYPES_BY_SEGMENT: Readonly<Record<string, FlavorTypeName>> = {
  k8slice: 'k8slice',
  k8slices: 'k8slice',
  vm: 'vm',
  vms: 'vm',
  service: 'service',
  services: 'service',
  sensor: 'sensor',
  sensors: 'sensor',
}

/** @returns the flavor type that a path segment names, or undefined. */
export function flavorTypeOfSegment(segment: string): FlavorTypeName | undefined {
  return Object.hasOwn(TYPES_BY_SEGMENT, segment) ? TYPES_BY_SEGMENT[segment] : undefined
}
