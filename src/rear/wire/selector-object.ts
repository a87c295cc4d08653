/**
 * Selectors as they stand in a Solver or Discovery.
 */
import type { FlavorTypeIdentifier } from '../../objects/fluidos-common.ts'
import type { FlavorTypeName } from '../../objects/requirements.ts'
import type { SelectorFilter, SelectorFilters, SelectorObject } from '../../objects/selector.ts'
import {
  checkFilter,
  SELECTOR_FIELD_NAMES,
  selectorField,
  SelectorError,
  type Filter,
  type Selector,
  type SelectorFieldName,
} from './selector.ts'

const WIRE_NAMES: Readonly<Record<FlavorTypeIdentifier, FlavorTypeName>> = {
  K8Slice: 'k8slice',
  VM: 'vm',
  Service: 'service',
  Sensor: 'sensor',
}
const OBJECT_NAMES: Readonly<Record<FlavorTypeName, FlavorTypeIdentifier>> = {
  k8slice: 'K8Slice',
  vm: 'VM',
  service: 'Service',
  sensor: 'Sensor',
}

/**
 * @param object absent selects everything
 * @throws SelectorError
 */
export function selectorFromObject(object: SelectorObject | undefined): Selector {
  if (object === undefined) return { filters: {} }
  const flavorType = WIRE_NAMES[object.flavorType]
  const given = (object.filters ?? {}) as Readonly<Record<string, SelectorFilter | undefined>>
  const filters: Partial<Record<SelectorFieldName, Filter>> = {}
  for (const [key, filter] of Object.entries(given)) {
    if (filter === undefined || filter === null) continue
    const name = SELECTOR_FIELD_NAMES.find((one) => selectorField(one).filter === key)
    if (name === undefined)
      throw new SelectorError('unknown-filter', key, `unknown filter ${JSON.stringify(key)}`)
    const parsed = filterFromObject(name, filter)
    checkFilter(name, parsed, flavorType)
    filters[name] = parsed
  }
  return { flavorType, filters }
}

/** YAML writes `value: 4` where a quantity is meant. */
function textOf(name: SelectorFieldName, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  throw new SelectorError(
    'bad-filter',
    name,
    `the data of the ${name} filter holds neither text nor a number`,
  )
}

function filterFromObject(name: SelectorFieldName, filter: SelectorFilter): Filter {
  const data = (filter.data ?? {}) as Readonly<Record<string, unknown>>
  if (filter.name === 'Match') {
    const value = textOf(name, data['value'])
    if (value === undefined)
      throw new SelectorError('bad-filter', name, `the ${name} filter has no data.value`)
    return { op: 'match', value }
  }
  if (filter.name !== 'Range') {
    throw new SelectorError('bad-filter', name, `the ${name} filter is neither Match nor Range`)
  }
  const regex = textOf(name, data['regex'])
  if (regex !== undefined) return { op: 'pattern', regex }
  const min = textOf(name, data['min'])
  const max = textOf(name, data['max'])
  return { op: 'range', ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
}

/** @returns the selector as a Solver or Discovery holds it; undefined when it selects everything of any type. */
export function selectorToObject(selector: Selector): SelectorObject | undefined {
  if (selector.flavorType === undefined) return undefined
  const filters: Record<string, SelectorFilter> = {}
  for (const name of SELECTOR_FIELD_NAMES) {
    const filter = selector.filters[name]
    if (filter !== undefined) filters[selectorField(name).filter] = filterToObject(filter)
  }
  const flavorType = OBJECT_NAMES[selector.flavorType]
  if (Object.keys(filters).length === 0) return { flavorType }
  return { flavorType, filters: filters as SelectorFilters }
}

function filterToObject(filter: Filter): SelectorFilter {
  switch (filter.op) {
    case 'match':
      return { name: 'Match', data: { value: filter.value } }
    case 'range': {
      const { op: _op, ...bounds } = filter
      return { name: 'Range', data: bounds }
    }
    case 'pattern':
      return { name: 'Range', data: { regex: filter.regex } }
  }
}
