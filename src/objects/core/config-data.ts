/**
 * What ConfigMaps and Secrets have in common: named values, how large they may be, whether they may change.
 *
 * Pure; Kubernetes' rules and words.
 */
import type { Complaint } from '../kind.ts'

/** As much as Kubernetes lets all values of one object have together. */
export const MOST_CONFIG_BYTES = 1_048_576
const LONGEST_KEY = 253
const KEY = /^[-._a-zA-Z0-9]+$/
/** Padding may be missing nowhere: Kubernetes' decoder wants it. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Values by key, as they stand in the object. */
export type ConfigValues = Readonly<Record<string, string>>

/** @returns what is wrong with the keys of `values`; their values are never shown */
export function keyComplaints(field: string, values: ConfigValues): readonly Complaint[] {
  return Object.keys(values).flatMap((key) => {
    const at = `${field}[${key.slice(0, 64)}]`
    if (key.length > LONGEST_KEY)
      return [{ field: at, message: `Invalid value: must be no more than ${LONGEST_KEY} characters` }]
    if (key === '.' || key.startsWith('..'))
      return [{ field: at, message: "Invalid value: must not be '.' or begin with '..'" }]
    if (!KEY.test(key)) {
      const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
      return [{ field: at, message: `Invalid value: ${rule}` }]
    }
    return []
  })
}

/** @returns what is wrong with values that are to be base64 */
export function base64Complaints(field: string, values: ConfigValues): readonly Complaint[] {
  return Object.entries(values)
    .filter(([, value]) => !BASE64.test(value))
    .map(([key]) => ({ field: `${field}[${key.slice(0, 64)}]`, message: 'Invalid value: must be base64' }))
}

/** @returns how many bytes `value`, well-formed base64, stands for */
export function base64Bytes(value: string): number {
  return (value.length / 4) * 3 - (value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0)
}

export function sizeComplaints(field: string, bytes: number): readonly Complaint[] {
  if (bytes <= MOST_CONFIG_BYTES) return []
  const message = `Too long: may not be more than ${MOST_CONFIG_BYTES} bytes`
  return [{ field, message, reason: 'FieldValueTooLong' }]
}

/** @returns a complaint where what says of itself that it never changes is to be changed */
export function immutabilityComplaints<T extends { readonly immutable?: boolean | undefined }>(
  object: T,
  before: T | undefined,
  members: readonly (keyof T & string)[],
): readonly Complaint[] {
  if (before?.immutable !== true) return []
  const forbidden = (field: string, rule: string): Complaint => ({
    field,
    message: `Forbidden: ${rule}`,
    reason: 'FieldValueForbidden',
  })
  const loosened =
    object.immutable === true ? [] : [forbidden('immutable', 'field is immutable when `immutable` is set')]
  const changed = members.filter((member) => !sameValues(object[member], before[member]))
  return [
    ...loosened,
    ...changed.map((member) => forbidden(member, 'field is immutable when `immutable` is set')),
  ]
}

function sameValues(a: unknown = {}, b: unknown = {}): boolean {
  const entries = (values: unknown): string =>
    JSON.stringify(Object.entries(values as object).sort(([x], [y]) => (x < y ? -1 : 1)))
  return entries(a) === entries(b)
}
