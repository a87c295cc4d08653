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
 * The mark of what this module froze: known to be frozen through and through, so never copied again. It carries the
 * length of the value's JSON, so that the size of a large object of which little changed need not be measured anew.
 *
 * A private member, which nobody else can see, copy or forge. A WeakSet would say the same, but with hundreds
 * of thousands of objects in it every garbage collection takes its time, and so does every look-up.
 */
class Frozen extends Adopting {
  readonly #bytes: number

  constructor(value: object, bytes: number) {
    super(value)
    this.#bytes = bytes
  }

  static mark(value: object, bytes: number): void {
    new Frozen(value, bytes)
  }

  /** @returns the length of its JSON in bytes; undefined when it has no mark */
  static bytesOf(value: object): number | undefined {
    return #bytes in value ? value.#bytes : undefined
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

/** @returns the length in bytes of the JSON of a frozen copy */
export function jsonBytes(value: object): number {
  return Frozen.bytesOf(value) ?? Buffer.byteLength(JSON.stringify(value))
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
  if (value === null || Frozen.bytesOf(value) !== undefined) return value
  if (place.depth === DEEPEST) throw invalid(place, `nested deeper than ${DEEPEST}`)
  return Array.isArray(value) ? copyItems(value, place) : copyMembers(value, place)
}

function copyItems(items: readonly unknown[], place: Place): unknown[] {
  // The brackets, and a comma before each but the first.
  let bytes = 2 + Math.max(0, items.length - 1)
  const result = Array.from(items, (item, index) => {
    const copied = item === undefined ? null : isPlain(item) ? item : copy(item, below(place, String(index)))
    bytes += bytesOf(copied)
    return copied
  })
  Frozen.mark(result, bytes)
  return Object.freeze(result) as unknown[]
}

function copyMembers(value: object, place: Place): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw invalid(place, `an instance of ${value.constructor.name} is not JSON`)
  }
  const members: Record<string, unknown> = {}
  let bytes = 1
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw invalid(below(place, key), 'not a permitted member')
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    const copied = isPlain(member) ? member : copy(member, below(place, key))
    members[key] = copied
    // A colon after the name; the brace or a comma before it.
    bytes += bytesOf(key) + 1 + bytesOf(copied) + 1
  }
  Frozen.mark(members, Math.max(2, bytes))
  return Object.freeze(members)
}

/** @returns how long the JSON is of a value that was copied */
function bytesOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return stringBytes(value)
    case 'boolean':
      return value ? 4 : 5
    case 'number':
      return String(value).length
    default:
      return value === null ? 4 : Frozen.bytesOf(value as object)!
  }
}

/** Longer texts are left to what the machine does best. */
const SHORT = 64

function stringBytes(text: string): number {
  if (text.length <= SHORT) {
    let index = 0
    for (; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) break
    }
    if (index === text.length) return index + 2
  }
  return Buffer.byteLength(JSON.stringify(text))
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
