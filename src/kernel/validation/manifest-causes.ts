/** What is wrong with an object that stands inside another, where `kubectl apply` does not look. Pure. */
import type { KindDefinition } from '../../objects/kind.ts'
import type { FieldCause } from './field-cause.ts'
import { isObject } from '../json.ts'
import { checkFields } from './unknown-fields.ts'
import { schemaCauses, wrong } from './schema-causes.ts'

/**
 * @param object as it was written
 * @param at where it stands, for example `spec.workload[0]`
 * @returns its unknown fields and what its schema does not allow; empty when it is as it should be
 */
export function manifestCauses(kind: KindDefinition, object: unknown, at: string): readonly FieldCause[] {
  if (!isObject(object)) return [wrong(at, object, 'must be object')]
  const { unknown } = checkFields(kind.schema, object, { misspellings: false })
  const malformed = schemaCauses(kind, object)
  const others = malformed.length > 0 ? [] : (kind.complaints?.(object as never, undefined) ?? [])
  return [
    ...unknown.map(({ path, suggestion }) => ({
      field: `${at}.${path}`,
      message: `unknown field${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
    })),
    ...[...malformed, ...others].map((cause) => ({ ...cause, field: `${at}.${cause.field}` })),
  ]
}
