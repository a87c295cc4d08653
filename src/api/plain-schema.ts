/**
 * Turns a TypeBox schema into one that OpenAPI 3.0 and `kubectl explain` understand: no references,
 * no `const`, maps as `additionalProperties`. Pure.
 */
import type { TSchema } from 'typebox'
import { isObject, type JsonObject, member } from '../kernel/json.ts'

/** @returns a plain JSON schema; what refers to itself ends in an object that takes anything */
export function plainSchema(schema: TSchema): JsonObject {
  return convert(schema as unknown as JsonObject, {}, [])
}

function convert(schema: JsonObject, definitions: JsonObject, open: readonly JsonObject[]): JsonObject {
  if (open.includes(schema)) return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const path = [...open, schema]
  const known = isObject(schema['$defs']) ? { ...definitions, ...schema['$defs'] } : definitions
  const recurse = (child: unknown): JsonObject => (isObject(child) ? convert(child, known, path) : {})

  if (typeof schema['$ref'] === 'string') {
    const name = schema['$ref'].replace(/^#\/\$defs\//, '')
    const target = member(known, name)
    return { ...notes(schema), ...recurse(target) }
  }

  const result: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    switch (key) {
      case '$defs':
      case '$id':
      case '$schema':
      case 'patternProperties':
        break
      case 'const':
        result['enum'] = [value]
        break
      case 'properties':
        result[key] = mapValues(value, recurse)
        break
      case 'items':
      case 'not':
        result[key] = recurse(value)
        break
      case 'additionalProperties':
        if (isObject(value)) result[key] = recurse(value)
        break
      case 'anyOf':
      case 'oneOf':
      case 'allOf':
        Object.assign(result, combined(key, Array.isArray(value) ? (value as unknown[]).map(recurse) : []))
        break
      default:
        if (!key.startsWith('~')) result[key] = value
    }
  }
  const [pattern, ...others] = Object.values((schema['patternProperties'] ?? {}) as JsonObject)
  if (pattern !== undefined && others.length === 0) result['additionalProperties'] = recurse(pattern)
  // Open on purpose: members that the schema does not name are kept.
  if (schema['type'] === 'object' && schema['additionalProperties'] !== false && pattern === undefined) {
    const named = isObject(schema['properties']) ? Object.keys(schema['properties']) : []
    if (named.length === 0) result['x-kubernetes-preserve-unknown-fields'] = true
  }
  return result
}

/** Alternatives of literals are one enum; members of an intersection are one object. */
function combined(key: 'anyOf' | 'oneOf' | 'allOf', parts: readonly JsonObject[]): JsonObject {
  if (key === 'allOf') {
    if (!parts.every((part) => part['type'] === 'object')) return { allOf: parts }
    return {
      type: 'object',
      properties: mergedProperties(parts),
      required: parts.flatMap((part) => (part['required'] as string[] | undefined) ?? []),
    }
  }
  const literals = parts.map((part) => part['enum'])
  const type = parts[0]?.['type']
  if (literals.every(Array.isArray) && parts.every((part) => part['type'] === type)) {
    return { ...(type === undefined ? {} : { type }), enum: literals.flat() as unknown[] }
  }
  const types = new Set(parts.map((part) => part['type']))
  // What clients write as either, Kubernetes calls int-or-string.
  if (
    [...types].every((each) => each === 'string' || each === 'integer' || each === 'number') &&
    types.size > 1
  ) {
    return { type: 'string', format: 'int-or-string', 'x-kubernetes-int-or-string': true }
  }
  return types.size === 1 && type === 'object'
    ? {
        type,
        properties: mergedProperties(parts),
        oneOf: parts.map(({ required }) => ({ required: required ?? [] })),
      }
    : { [key]: parts }
}

/** All alternatives' members, so that `kubectl explain` shows them. */
function mergedProperties(parts: readonly JsonObject[]): JsonObject {
  const result: JsonObject = {}
  for (const part of parts) {
    for (const [name, schema] of Object.entries((part['properties'] ?? {}) as JsonObject)) {
      const before = result[name]
      const literals = [member(before, 'enum'), member(schema, 'enum')]
      result[name] =
        isObject(before) && literals.every(Array.isArray)
          ? { ...before, enum: [...new Set(literals.flat() as unknown[])] }
          : (before ?? schema)
    }
  }
  return result
}

function notes(schema: JsonObject): JsonObject {
  return typeof schema['description'] === 'string' ? { description: schema['description'] } : {}
}

function mapValues(value: unknown, change: (value: unknown) => JsonObject): JsonObject {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, change(child)]))
    : {}
}
