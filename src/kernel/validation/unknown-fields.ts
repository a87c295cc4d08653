/**
 * Members that a schema does not name. Pure.
 *
 * A closed object (`additionalProperties: false`) loses them, or is refused, as the client wishes; an
 * open one keeps them, for some of our kinds are supersets of other programs' kinds.
 */
import type { TSchema } from 'typebox'
import { closest } from '../closest.ts'
import { isObject, type JsonObject, member } from '../json.ts'

export interface UnknownField {
  /** For example `spec.parts[0].replcas`. */
  readonly path: string
  /** The member that was probably meant. */
  readonly suggestion?: string
  /** False if the field is kept all the same, because the object is open. */
  readonly dropped: boolean
}

export interface FieldCheck<T> {
  /** The value without the members that closed objects do not have; the very same value if there are none. */
  readonly value: T
  readonly unknown: readonly UnknownField[]
}

/** For so many unknown fields it is looked what was probably meant; whoever has more has not misspelt them. */
const MAX_HINTS = 100

interface Found {
  readonly fields: UnknownField[]
  /** How often it was looked what was meant. */
  hints: number
}

function hintsFrom(found: Found, candidates: readonly string[]): readonly string[] {
  return ++found.hints > MAX_HINTS ? [] : candidates
}

/** Members of every object, whatever its schema says. */
const ENVELOPE = ['apiVersion', 'kind', 'metadata']

/** What only the server says of an object in its `metadata`. */
export const SERVER_METADATA = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
] as const

/** `metadata` is checked against this list instead of a schema. */
const METADATA = [
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  ...SERVER_METADATA,
]

/**
 * @param options.misspellings whether members of open objects that look like a misspelling of a known one are told, too
 * @returns what of `object` its `schema` does not know
 */
export function checkFields(
  schema: TSchema,
  object: JsonObject,
  { misspellings }: { readonly misspellings: boolean },
): FieldCheck<JsonObject> {
  const unknown: Found = { fields: [], hints: 0 }
  const root = expand([schema as unknown as JsonObject], {})
  let value = walk(root, object, '', unknown, ENVELOPE) as JsonObject
  const metadata = object['metadata']
  if (isObject(metadata)) {
    const kept = Object.entries(metadata).filter(([name]) => {
      if (METADATA.includes(name)) return true
      unknown.fields.push(unknownField(`metadata.${name}`, name, hintsFrom(unknown, METADATA), true))
      return false
    })
    if (kept.length < Object.keys(metadata).length) value = { ...value, metadata: Object.fromEntries(kept) }
  }
  const { fields } = unknown
  return { value, unknown: misspellings ? fields : fields.filter(({ dropped }) => dropped) }
}

/** Alternatives, all of which may describe the same value. */
interface Candidates {
  readonly schemas: readonly JsonObject[]
  readonly definitions: JsonObject
}

function walk(
  { schemas, definitions }: Candidates,
  value: unknown,
  path: string,
  unknown: Found,
  skip: readonly string[] = [],
): unknown {
  if (Array.isArray(value)) {
    const items = expand(schemas.map((schema) => schema['items']).filter(isObject), definitions)
    if (items.schemas.length === 0) return value
    const next = value.map((item, index) => walk(items, item, `${path}[${index}]`, unknown))
    return next.some((item, index) => item !== value[index]) ? next : value
  }
  if (!isObject(value)) return value
  const objects = fitting(schemas, value)
  if (objects.length === 0) return value
  const names = objects.flatMap((schema) => Object.keys((schema['properties'] ?? {}) as JsonObject))
  const open = objects.some((schema) => schema['additionalProperties'] !== false)

  let changed = false
  const result: JsonObject = {}
  for (const [name, child] of Object.entries(value)) {
    const below = path === '' ? name : `${path}.${name}`
    if (skip.includes(name)) {
      result[name] = child
      continue
    }
    const children = objects.flatMap((schema) => childSchemas(schema, name))
    if (children.length > 0) {
      result[name] = walk(expand(children, definitions), child, below, unknown)
      changed ||= result[name] !== child
    } else if (open) {
      result[name] = child
      const field = unknownField(below, name, hintsFrom(unknown, [...names, ...skip]), false)
      if (field.suggestion !== undefined && !Object.hasOwn(value, field.suggestion))
        unknown.fields.push(field)
    } else {
      unknown.fields.push(unknownField(below, name, hintsFrom(unknown, [...names, ...skip]), true))
      changed = true
    }
  }
  return changed ? result : value
}

/** Of several alternatives those whose literal members (a `type`, a `kind`) agree with the value; all if none does. */
function fitting(schemas: readonly JsonObject[], value: JsonObject): readonly JsonObject[] {
  const objects = schemas.filter(
    (schema) => schema['type'] === 'object' || schema['properties'] !== undefined,
  )
  const agreeing = objects.filter((schema) =>
    Object.entries((schema['properties'] ?? {}) as JsonObject).every(([name, property]) => {
      const literal = member(property, 'const')
      return literal === undefined || !Object.hasOwn(value, name) || value[name] === literal
    }),
  )
  return agreeing.length > 0 ? agreeing : objects
}

function childSchemas(schema: JsonObject, name: string): JsonObject[] {
  const named = member(schema['properties'], name)
  if (isObject(named)) return [named]
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as JsonObject)
    .filter(([pattern]) => new RegExp(pattern).test(name))
    .map(([, child]) => child)
    .filter(isObject)
  if (patterns.length > 0) return patterns
  return isObject(schema['additionalProperties']) ? [schema['additionalProperties']] : []
}

/** Follows references and flattens alternatives and intersections. */
function expand(schemas: readonly JsonObject[], definitions: JsonObject): Candidates {
  const result: JsonObject[] = []
  let known = definitions
  const seen = new Set<JsonObject>()
  const add = (schema: JsonObject): void => {
    if (seen.has(schema)) return
    seen.add(schema)
    if (isObject(schema['$defs'])) known = { ...known, ...schema['$defs'] }
    if (typeof schema['$ref'] === 'string') {
      const target = member(known, schema['$ref'].replace(/^#\/\$defs\//, ''))
      if (isObject(target)) add(target)
      return
    }
    const parts = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
      const list = schema[key]
      return Array.isArray(list) ? list.filter(isObject) : []
    })
    if (parts.length > 0) parts.forEach(add)
    else result.push(schema)
  }
  schemas.forEach(add)
  return { schemas: result, definitions: known }
}

function unknownField(
  path: string,
  name: string,
  candidates: readonly string[],
  dropped: boolean,
): UnknownField {
  const suggestion = closest(name, candidates)
  return suggestion === undefined ? { path, dropped } : { path, suggestion, dropped }
}
