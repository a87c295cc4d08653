/** What the user is told when no offer fits. Pure. */
import type { Considered } from '../objects/solver.ts'
import type { Selector } from '../rear/wire/index.ts'

/** Why nothing fits, in one line: what nobody has, or the reasons and how often. */
export function noOfferMessage(
  considered: readonly Pick<Considered, 'reason'>[],
  selector: Selector,
  discovery: string | undefined,
): string {
  const current = considered.filter(({ reason }) => reason !== 'stale' && reason !== 'own-offer')
  if (current.length === 0) {
    const asked = discovery === undefined ? '' : ` (${discovery})`
    return `nobody offers ${describeSelector(selector)}${asked}; asking again`
  }
  const counts = new Map<string, number>()
  for (const { reason } of current) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const reasons = [...counts].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${count} ${reason}`)
  return `none of ${current.length} offers fits (${reasons.join(', ')}); asking again`
}

/** @returns what a selector asks for, for people: `cpu ≥ 4, memory ≥ 8Gi` */
export function describeSelector({ flavorType, filters }: Selector): string {
  const parts = Object.entries(filters).map(([field, filter]) => {
    switch (filter.op) {
      case 'match':
        return `${field} = ${filter.value}`
      case 'pattern':
        return `${field} like ${filter.regex}`
      case 'range':
        return [
          ...(filter.min === undefined ? [] : [`${field} ≥ ${filter.min}`]),
          ...(filter.max === undefined ? [] : [`${field} ≤ ${filter.max}`]),
        ].join(', ')
    }
  })
  return parts.length === 0 ? `a ${flavorType ?? 'flavor'}` : parts.join(', ')
}
