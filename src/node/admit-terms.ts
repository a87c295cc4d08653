/** What of an object is money, an amount or a filter can be read: else it is refused with the field. Pure. */
import type { FieldCause } from '../kernel/validation/field-cause.ts'
import { isObject } from '../kernel/json.ts'
import { DiscoveryKind } from '../objects/discovery.ts'
import { FlavorKind } from '../objects/flavor.ts'
import type { Configuration } from '../objects/fluidos-common.ts'
import type { KindDefinition } from '../objects/kind.ts'
import { PoolKind } from '../objects/pool.ts'
import { ReservationKind } from '../objects/reservation.ts'
import type { SelectorObject } from '../objects/selector.ts'
import { SolverKind } from '../objects/solver.ts'
import { priceFault, type Price } from '../quantity/price.ts'
import { amountsOf } from '../rear/configured-amounts.ts'
import { isProblem } from '../rear/problem.ts'
import { configurationToWire, selectorFromObject, SelectorError } from '../rear/wire/index.ts'

/** Kinds with a price, a configuration or a selector in their spec. */
const KINDS: ReadonlySet<string> = new Set(
  [DiscoveryKind, FlavorKind, PoolKind, ReservationKind, SolverKind].map(({ kind }) => kind),
)

/**
 * @param object one that passed the schema of its kind
 * @returns what cannot be read; empty when everything can
 */
export function termsCauses({ kind }: KindDefinition, object: unknown): readonly FieldCause[] {
  if (!KINDS.has(kind) || !isObject(object) || !isObject(object['spec'])) return []
  const { price, configuration, selector } = object['spec']
  const wrong = (field: string, fault: string | undefined): readonly FieldCause[] =>
    fault === undefined ? [] : [{ field, message: `Invalid value: ${fault}` }]
  return [
    ...(isObject(price) ? wrong('spec.price', priceFault(price as unknown as Price)) : []),
    ...(isObject(configuration)
      ? wrong('spec.configuration.data', configurationFault(configuration as unknown as Configuration))
      : []),
    ...(isObject(selector) ? selectorCauses(selector as unknown as SelectorObject) : []),
  ]
}

function configurationFault(configuration: Configuration): string | undefined {
  try {
    amountsOf(configurationToWire(configuration))
    return undefined
  } catch (error) {
    if (!isProblem(error)) throw error
    return error.detail
  }
}

function selectorCauses(selector: SelectorObject): readonly FieldCause[] {
  try {
    selectorFromObject(selector)
    return []
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error
    const member = error.filter.endsWith('Filter') ? error.filter : `${error.filter}Filter`
    return [{ field: `spec.selector.filters.${member}`, message: `Invalid value: ${error.message}` }]
  }
}
