/**
 * Values as stores keep them: JSON, deeply frozen, shared instead of copied.
 */
import { StoreError } from '../kernel/object-store.ts'

/** Deeper nesting is refused: it is never meant, and would exhaust the stack of whoever walks it. */
const DEEPEST = 200
/** Names of an error's path that are spelled. */
const LONGEST_PATH = 20

/** Lets a derived class put its private members on an object that is there already. */
class Adopting {
  constructor(value: object) {
    return value
  }
}

/**
 * The mark of what this module froze: known to be frozen through and through, so never copied again.
 *
 * A private member, which nobody else can see, copy or forge. A WeakSet would say the same, but with hundreds
 * of thousands of objects in it every garbage collection takes its time, and so does every look-up.
 */
class Frozen extends Adopting {
  readonly #mark = true

  static mark(value: object): void {
    new Frozen(value)
  }

  static has(value: object): boolean {
    return #mark in value
  }
}

/**
 * @param value JSON-like; members that are undefined are left out
 * @param path where `value` is, for the error message
 * @returns an equal value, deeply frozen; parts that came out of a store are shared
 * @throws StoreError `Invalid` for what JSON cannot express
 */
export function frozenCopy<T>(value: T, path = 'object'): T {
  return copy(value, { name: path, parent: undefined, depth: 0 }) as T
}

/** Where a value is, from the inside out: spelled only when something is wrong with it. */
interface Place {
  readonly name: string
  readonly parent: Place | undefined
  readonly depth: number
}

function copy(value: unknown, place: Place): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw invalid(place, `${value} is not a JSON number`)
    case 'object':
      break
    default:
      throw invalid(place, `a ${typeof value} is not JSON`)
  }
  if (value === null || Frozen.has(value)) return value
  if (place.depth === DEEPEST) throw invalid(place, `nested deeper than ${DEEPEST}`)
  const result = Array.isArray(value) ? copyItems(value, place) : copyMembers(value, place)
  Frozen.mark(result)
  return Object.freeze(result)
}

function copyItems(items: readonly unknown[], place: Place): unknown[] {
  return Array.from(items, (item, index) => {
    if (item === undefined) return null
    return isPlain(item) ? item : copy(item, below(place, String(index)))
  })
}

function copyMembers(value: object, place: Place): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw invalid(place, `an instance of ${value.constructor.name} is not JSON`)
  }
  const members: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw invalid(below(place, key), 'not a permitted member')
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    members[key] = isPlain(member) ? member : copy(member, below(place, key))
  }
  return members
}

/** The commonest values, which are as they are. */
function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean'
}

function below(parent: Place, name: string): Place {
  return { name, parent, depth: parent.depth + 1 }
}

function invalid(place: Place, what: string): StoreError {
  const names: string[] = []
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) names.unshift(at.name)
  // Of what is nested too deeply the beginning says enough.
  return new StoreError('Invalid', `${names.slice(0, LONGEST_PATH).join('.')}: ${what}`)
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
