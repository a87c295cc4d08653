/**
 * Values as stores keep them: JSON, deeply frozen, shared instead of copied.
 */
import { StoreError } from '../kernel/object-store.ts'

/** Deeper nesting is refused: it is never meant, and would exhaust the stack of whoever walks it. */
const DEEPEST = 200

/** What this module froze: known to be frozen through and through, so never copied again. */
const frozen = new WeakSet()

/**
 * @param value JSON-like; members that are undefined are left out
 * @param path where `value` is, for the error message
 * @returns an equal value, deeply frozen; parts that came out of a store are shared
 * @throws StoreError `Invalid` for what JSON cannot express
 */
export function frozenCopy<T>(value: T, path = 'object'): T {
  return copy(value, [path], 0) as T
}

function copy(value: unknown, path: readonly string[], depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw invalid(path, `${value} is not a JSON number`)
    case 'object':
      break
    default:
      throw invalid(path, `a ${typeof value} is not JSON`)
  }
  if (value === null || frozen.has(value)) return value
  if (depth === DEEPEST) throw invalid(path.slice(0, 6), `nested deeper than ${DEEPEST}`)
  let result: object
  if (Array.isArray(value)) {
    result = Array.from(value, (item: unknown, index) =>
      item === undefined ? null : copy(item, [...path, String(index)], depth + 1),
    )
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) {
      throw invalid(path, `an instance of ${value.constructor.name} is not JSON`)
    }
    const members: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      if (key === '__proto__') throw invalid([...path, key], 'not a permitted member')
      const member = (value as Record<string, unknown>)[key]
      if (member !== undefined) members[key] = copy(member, [...path, key], depth + 1)
    }
    result = members
  }
  frozen.add(result)
  return Object.freeze(result)
}

function invalid(path: readonly string[], what: string): StoreError {
  return new StoreError('Invalid', `${path.join('.')}: ${what}`)
}

/** @returns whether two JSON values are equal; the order of members does not count, that of items does. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]))
  }
  if (Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      jsonEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}
