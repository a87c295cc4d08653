/**
 * Field selectors with Kubernetes' meaning: an object is selected by the text of a few of its fields. Which ones,
 * beside its name and namespace, the definition of its kind says: an API server selects by no others.
 *
 * Pure.
 */
import type { KindDefinition } from './kind.ts'

export interface FieldRequirement {
  /** Dotted path below the object, for example `spec.nodeName`. */
  readonly path: string
  readonly operator: '=' | '!='
  /** A field that is absent equals the empty string. */
  readonly value: string
}

/** All of them must hold. */
export type FieldSelector = readonly FieldRequirement[]

const OF_EVERY_KIND = ['metadata.name', 'metadata.namespace']

/** @returns the selector of objects whose fields, by path, have these values */
export function fieldsEqual(values: Readonly<Record<string, string>>): FieldSelector {
  return Object.entries(values).map(([path, value]) => ({ path, operator: '=', value }))
}

export function selectsFields(selector: FieldSelector, object: unknown): boolean {
  return selector.every(
    ({ path, operator, value }) => (textAt(object, path) === value) === (operator === '='),
  )
}

/** @returns the first field that objects of the kind cannot be selected by */
export function unselectableField(kind: KindDefinition, selector: FieldSelector): string | undefined {
  return selector.find(
    ({ path }) => !OF_EVERY_KIND.includes(path) && kind.selectableFields?.includes(path) !== true,
  )?.path
}

/** @returns the selector in Kubernetes' query syntax, in an order that depends on its meaning only */
export function formatFieldSelector(selector: FieldSelector): string {
  return selector
    .map(({ path, operator, value }) => `${path}${operator}${value.replaceAll(/[\\,=]/g, String.raw`\$&`)}`)
    .sort()
    .join(',')
}

function textAt(object: unknown, path: string): string {
  let value = object
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return ''
    value = (value as Record<string, unknown>)[name]
  }
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean)
}
