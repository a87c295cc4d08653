/**
 * Upstream's selector as it stands in a Solver or Discovery.
 *
 * Only its shape; parsing, matching and the query-string form are in `rear/wire/selector.ts`.
 */
import Type, { type Static } from 'typebox'
import { FLAVOR_TYPES } from './fluidos-common.ts'
import { anyObject, oneOf, open } from './schema.ts'

/** `data` is `{value}` for Match, `{min, max}` or `{regex}` for Range. */
export const SelectorFilterSchema = open({
  name: oneOf(['Match', 'Range']),
  data: anyObject<Readonly<Record<string, unknown>>>(),
})
export type SelectorFilter = Static<typeof SelectorFilterSchema>

/** The members are upstream's; `gpuFilter` and those after it are ours. */
export const SelectorFiltersSchema = open({
  architectureFilter: Type.Optional(SelectorFilterSchema),
  cpuFilter: Type.Optional(SelectorFilterSchema),
  memoryFilter: Type.Optional(SelectorFilterSchema),
  podsFilter: Type.Optional(SelectorFilterSchema),
  storageFilter: Type.Optional(SelectorFilterSchema),
  categoryFilter: Type.Optional(SelectorFilterSchema),
  tagsFilter: Type.Optional(SelectorFilterSchema),
  gpuFilter: Type.Optional(SelectorFilterSchema),
  gpuModelFilter: Type.Optional(SelectorFilterSchema),
  gpuMemoryFilter: Type.Optional(SelectorFilterSchema),
  priceFilter: Type.Optional(SelectorFilterSchema),
  currencyFilter: Type.Optional(SelectorFilterSchema),
  locationFilter: Type.Optional(SelectorFilterSchema),
  latencyFilter: Type.Optional(SelectorFilterSchema),
  carbonFilter: Type.Optional(SelectorFilterSchema),
  securityFilter: Type.Optional(SelectorFilterSchema),
})
export type SelectorFilters = Static<typeof SelectorFiltersSchema>

export const SelectorSchema = open(
  { flavorType: oneOf(FLAVOR_TYPES), filters: Type.Optional(SelectorFiltersSchema) },
  { description: 'Which flavors are wanted.' },
)
/** A selector in the form of upstream's custom resources. */
export type SelectorObject = Static<typeof SelectorSchema>
