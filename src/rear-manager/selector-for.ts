/** Step 6: the flavor selector for a request. Asks for what every node understands; the rest is checked on the answers. */
import type { Selector } from '../rear/wire/index.ts'
import type { Wanted } from './resources-wanted.ts'

/** @returns a selector that no upstream node refuses */
export function selectorFor({ amounts, requirements }: Wanted): Selector {
  const flavorType = requirements.flavorType ?? 'k8slice'
  if (flavorType === 'service') {
    const { category, tags } = requirements.service ?? {}
    return {
      flavorType,
      filters: {
        ...(category === undefined ? {} : { category: { op: 'match', value: category } }),
        ...(tags?.[0] === undefined ? {} : { tags: { op: 'match', value: tags[0] } }),
      },
    }
  }
  if (flavorType !== 'k8slice') return { flavorType, filters: {} }
  const atLeast = (resource: string) => {
    const amount = amounts[resource]
    return amount === undefined ? {} : { [resource]: { op: 'range' as const, min: amount } }
  }
  return {
    flavorType,
    filters: {
      ...(requirements.architecture === undefined
        ? {}
        : { architecture: { op: 'match', value: requirements.architecture } }),
      ...atLeast('cpu'),
      ...atLeast('memory'),
      ...atLeast('pods'),
    },
  }
}
