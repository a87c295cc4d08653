/**
 * The codec of all messages: reads tolerantly and writes exactly, both driven by a message's schema.
 *
 * Reading follows the Go implementation (names in any case, unknown members ignored, null is absent) and
 * goes a little further (aliases from the documents, numbers as quantities, defaults). Unknown members
 * survive, so that a signed message can be passed on. Writing puts the members into the order of the
 * schema and leaves out what is empty where upstream does.
 *
 * The rules stand in the schema as extra keywords:
 * - `x-aliases`: other names of the member
 * - `x-omit-empty`: not written when empty or zero
 * - `x-quantity`: a Kubernetes quantity, not negative; a number becomes text, null becomes zero
 * - `x-time`: an RFC 3339 time, or empty
 * - `x-price`: amount, currency and period that can be read, or nothing asked
 * - `x-verbatim`: checked, but neither changed nor reordered
 * - `x-text`: a number or boolean becomes text
 * - `x-discriminator`: the member that tells which schema of an `anyOf` is meant, in any case
 */
import type { TSchema } from 'typebox'
import { isNegative, parseQuantity, type Quantity } from '../../quantity/index.ts'
import { priceFault, type Price } from '../../quantity/price.ts'
import { parseTime } from '../../quantity/time.ts'
import { UnreadableError } from '../../quantity/unreadable.ts'
import { WireError } from './wire-error.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly default?: unknown
  readonly pattern?: string
  readonly maxLength?: number
  readonly minLength?: number
  readonly 'x-aliases'?: readonly string[]
  readonly 'x-omit-empty'?: boolean
  readonly 'x-quantity'?: boolean
  readonly 'x-verbatim'?: boolean
  readonly 'x-text'?: boolean
  readonly 'x-time'?: boolean
  readonly 'x-price'?: boolean
  readonly 'x-discriminator'?: string
}

type Json = Record<string, unknown>

/**
 * @param schema the message's schema; `T` is its type
 * @param json what `JSON.parse` returned
 * @param path where `json` stands, for errors
 * @returns the message with upstream's names; unknown members are kept
 * @throws WireError
 */
export function decodeAs<T>(schema: TSchema, json: unknown, path = '$'): T {
  return read(schema as Schema, json, path) as T
}

/**
 * @param schema the message's schema
 * @param message a decoded or built message
 * @returns a plain object whose `JSON.stringify` is the message's exact bytes
 */
export function encodeAs(schema: TSchema, message: unknown): unknown {
  return write(schema as Schema, message)
}

function read(schema: Schema, json: unknown, path: string): unknown {
  if (schema.anyOf) return readAnyOf(schema, schema.anyOf, json, path)
  if (schema['x-quantity']) return readQuantity(schema, json, path)
  const value =
    schema['x-text'] && (typeof json === 'number' || typeof json === 'boolean') ? String(json) : json
  if (schema.type !== undefined) checkType(schema.type, value, path)
  if (schema.const !== undefined && value !== schema.const) throw notOneOf([schema.const], path)
  if (typeof value === 'string') return readString(schema, value, path)
  if (schema.enum && !schema.enum.includes(value)) throw notOneOf(schema.enum, path)
  if (Array.isArray(value) && schema.items) {
    const items = schema.items
    return value.map((item, index) => read(items, item, `${path}[${index}]`))
  }
  if (!isObject(value)) return value
  const object = readObject(schema, value, path)
  if (schema['x-price']) checkPrice(object as unknown as Price, path)
  return object
}

function readString(schema: Schema, value: string, path: string): string {
  if (schema.enum && !schema.enum.includes(value)) {
    // Type names travel in lower case, but the documents and custom resources capitalise them.
    const other = schema.enum.find(
      (one) => typeof one === 'string' && one.toLowerCase() === value.toLowerCase(),
    )
    if (other === undefined) throw notOneOf(schema.enum, path)
    return other as string
  }
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    throw new WireError('bad-value', path, 'is too short')
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength) {
    throw new WireError('bad-value', path, `is longer than ${schema.maxLength} characters`)
  }
  if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) {
    throw new WireError('bad-value', path, `does not have the form ${schema.pattern}`)
  }
  if (schema['x-time'] && value !== '' && !isTime(value)) {
    throw new WireError('bad-time', path, 'is not an RFC 3339 time')
  }
  return value
}

function readQuantity(schema: Schema, json: unknown, path: string): unknown {
  if (json !== null && typeof json !== 'string' && typeof json !== 'number') {
    throw new WireError('wrong-type', path, `expected a quantity, found ${nameOfType(json)}`)
  }
  const text = json === null ? '0' : String(json)
  let quantity: Quantity
  try {
    quantity = parseQuantity(text)
  } catch (cause) {
    throw new WireError('bad-quantity', path, `${JSON.stringify(text.slice(0, 40))} is not a quantity`, {
      cause,
    })
  }
  // An upstream node that oversold advertises what is left: less than nothing.
  if (isNegative(quantity)) throw new WireError('bad-quantity', path, `${JSON.stringify(text)} is negative`)
  return schema['x-verbatim'] ? json : text
}

function readAnyOf(schema: Schema, branches: readonly Schema[], json: unknown, path: string): unknown {
  const member = schema['x-discriminator']
  if (member !== undefined) {
    if (!isObject(json))
      throw new WireError('wrong-type', path, `expected an object, found ${nameOfType(json)}`)
    const entry = Object.entries(json).findLast(([name]) => name.toLowerCase() === member.toLowerCase())
    if (entry === undefined) throw new WireError('missing-member', `${path}.${member}`, 'is missing')
    const wanted = typeof entry[1] === 'string' ? entry[1].toLowerCase() : undefined
    const branch = branches.find((one) => {
      const names = one.properties?.[member]?.enum
      return names?.some((name) => typeof name === 'string' && name.toLowerCase() === wanted)
    })
    if (!branch) {
      throw new WireError(
        'unknown-type',
        `${path}.${member}`,
        `unknown type ${JSON.stringify(entry[1])?.slice(0, 60)}`,
      )
    }
    return read(branch, json, path)
  }
  let first: unknown
  for (const branch of branches) {
    try {
      return read(branch, json, path)
    } catch (error) {
      first ??= error
    }
  }
  throw first
}

function readObject(schema: Schema, json: Json, path: string): Json {
  const properties = schema.properties
  const rest = restOf(schema)
  if (!properties) {
    if (!rest) return json
    return Object.fromEntries(
      Object.entries(json).map(([name, value]) => [name, read(rest, value, `${path}.${name}`)]),
    )
  }
  const names = namesOf(schema)
  const found = new Set<string>()
  for (const name of Object.keys(json)) {
    const own = names.own.get(name.toLowerCase())
    if (own !== undefined) found.add(own)
  }
  const result: Json = {}
  for (const [name, value] of Object.entries(json)) {
    // A member of this name would set the prototype of the copy.
    if (name === '__proto__') continue
    const lower = name.toLowerCase()
    const alias = names.alias.get(lower)
    const own = names.own.get(lower) ?? (alias !== undefined && !found.has(alias) ? alias : undefined)
    if (own === undefined) {
      result[name] = rest ? read(rest, value, `${path}.${name}`) : value
      continue
    }
    const member = properties[own]!
    if (value === null && !takesNull(member)) {
      if (names.required.has(own) && member.default === undefined) {
        throw new WireError('missing-member', `${path}.${own}`, 'is null')
      }
      continue
    }
    result[own] = read(member, value, `${path}.${own}`)
  }
  for (const own of names.required) {
    if (own in result) continue
    const fallback = properties[own]?.default
    if (fallback === undefined) throw new WireError('missing-member', `${path}.${own}`, 'is missing')
    result[own] = structuredClone(fallback)
  }
  return result
}

function write(schema: Schema, value: unknown): unknown {
  if (schema['x-verbatim']) return value
  if (schema.anyOf) return write(branchOf(schema, schema.anyOf, value), value)
  if (Array.isArray(value)) {
    const items = schema.items
    return items ? value.map((item) => write(items, item)) : value
  }
  if (!isObject(value) || !schema.properties) return value
  const result: Json = {}
  for (const [name, member] of Object.entries(schema.properties)) {
    const inner = value[name]
    if (inner === undefined || (member['x-omit-empty'] && isEmpty(inner))) continue
    result[name] = write(member, inner)
  }
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== undefined && !Object.hasOwn(schema.properties, name)) result[name] = inner
  }
  return result
}

function branchOf(schema: Schema, branches: readonly Schema[], value: unknown): Schema {
  const member = schema['x-discriminator']
  if (member !== undefined && isObject(value)) {
    return branches.find((one) => one.properties?.[member]?.enum?.includes(value[member])) ?? {}
  }
  return branches.find((one) => one.type !== undefined && hasType(one.type, value)) ?? {}
}

function restOf(schema: Schema): Schema | undefined {
  if (schema.patternProperties) return Object.values(schema.patternProperties)[0]
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

function takesNull(schema: Schema): boolean {
  if (schema['x-quantity']) return true
  if (schema.anyOf) return schema.anyOf.some(takesNull)
  return schema.type === undefined || hasType(schema.type, null)
}

interface Names {
  readonly own: ReadonlyMap<string, string>
  readonly alias: ReadonlyMap<string, string>
  readonly required: ReadonlySet<string>
}

const namesBySchema = new WeakMap<Schema, Names>()

function namesOf(schema: Schema): Names {
  const known = namesBySchema.get(schema)
  if (known) return known
  const entries = Object.entries(schema.properties ?? {})
  const names: Names = {
    own: new Map(entries.map(([name]) => [name.toLowerCase(), name])),
    alias: new Map(
      entries.flatMap(([name, member]) =>
        (member['x-aliases'] ?? []).map((alias) => [alias.toLowerCase(), name]),
      ),
    ),
    required: new Set(schema.required),
  }
  namesBySchema.set(schema, names)
  return names
}

const patterns = new Map<string, RegExp>()

/** Patterns come from our schemas only, never from outside. */
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source)
  if (!pattern) patterns.set(source, (pattern = new RegExp(source, 'u')))
  return pattern
}

function isTime(text: string): boolean {
  try {
    parseTime(text)
    return true
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    return false
  }
}

function checkPrice(price: Price, path: string): void {
  const fault = priceFault(price)
  if (fault !== undefined) throw new WireError('bad-price', path, fault)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === '' || value === 0) return true
  if (Array.isArray(value)) return value.length === 0
  return isObject(value) && Object.keys(value).length === 0
}

function nameOfType(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function hasType(type: string | readonly string[], value: unknown): boolean {
  if (typeof type !== 'string') return type.some((one) => hasType(one, value))
  if (type === 'integer') return Number.isInteger(value)
  return type === nameOfType(value)
}

function checkType(type: string | readonly string[], value: unknown, path: string): void {
  if (hasType(type, value)) return
  const wanted = typeof type === 'string' ? type : type.join(' or ')
  throw new WireError('wrong-type', path, `expected ${wanted}, found ${nameOfType(value)}`)
}

function notOneOf(values: readonly unknown[], path: string): WireError {
  return new WireError(
    'bad-value',
    path,
    `is not one of ${values.map((one) => JSON.stringify(one)).join(', ')}`,
  )
}
