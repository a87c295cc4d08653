/**
 * Label selectors with Kubernetes' meaning: equality and sets. One mechanism for Deployments, stores, informers
 * and the control API (whose parser of `app=web,tier in (a, b)` makes these values).
 *
 * Pure.
 */
import Type from 'typebox'
import { closed, oneOf } from './schema.ts'

/** As users write it in a manifest. */
export const LabelSelectorSchema = closed({
  matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())),
  matchExpressions: Type.Optional(
    Type.Array(
      closed({
        key: Type.String(),
        operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: Type.Optional(Type.Array(Type.String())),
      }),
    ),
  ),
})

/** `Gt` and `Lt` compare as numbers and have one value; only queries have them. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values?: readonly string[]
}

/** All of it must hold; an empty one selects everything. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly LabelRequirement[]
}

/** @returns whether `labels` are among those that `selector` selects; an empty selector selects all. */
export function selectsLabels(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const valueOf = (key: string): string | undefined =>
    labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  for (const key in selector.matchLabels) if (valueOf(key) !== selector.matchLabels[key]) return false
  return (selector.matchExpressions ?? []).every((requirement) =>
    holds(requirement, valueOf(requirement.key)),
  )
}

function holds({ operator, values = [] }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return Number(value) > Number(values[0])
    case 'Lt':
      return Number(value) < Number(values[0])
  }
}

/**
 * @returns the selector in Kubernetes' query syntax, in an order that depends on its meaning only: for requests,
 *   and as a key
 */
export function formatLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const terms = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(formatRequirement),
  ]
  return terms.sort().join(',')
}

function formatRequirement({ key, operator, values = [] }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.toSorted().join(',')})`
    case 'NotIn':
      return `${key} notin (${values.toSorted().join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${values[0]}`
    case 'Lt':
      return `${key}<${values[0]}`
  }
}
