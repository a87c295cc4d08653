/**
 * Decodes request bodies. Whatever comes out is plain JSON data of bounded depth without `__proto__` members,
 * so that what follows may recurse and copy without a thought.
 */
import { excessOf } from './json-bounds.ts'
import { MAX_DEPTH, MAX_VALUES } from './limits.ts'
import { mediaTypes } from './negotiation.ts'
import { ApiError } from './status.ts'
import { readYaml, YamlTooLarge } from './yaml.ts'

/** What aliases, which stand for values as long as one likes, may make of a body. In characters. */
const MAX_TEXT = 4 * 1024 * 1024

const YAML_TYPES = ['application/yaml', 'text/yaml', 'application/x-yaml', 'text/x-yaml']

/**
 * @param contentType as in the header; absent means JSON
 * @throws ApiError `UnsupportedMediaType`, `BadRequest`
 */
export function decodeBody(contentType: string | undefined, body: Buffer | undefined): unknown {
  const type = mediaTypes(contentType)[0]?.type ?? 'application/json'
  if (type === 'application/json') return decodeJson(body)
  if (YAML_TYPES.includes(type)) return decodeYaml(body)
  // kubectl's generators (`create namespace`, `create deployment`) send nothing but protobuf.
  const hint = type.endsWith('.protobuf') ? '; with kubectl use "create -f" or "apply -f"' : ''
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format (${JSON.stringify(type)}) - accepted media types include: application/json, application/yaml${hint}`,
  )
}

/** @throws ApiError `BadRequest` */
export function decodeJson(body: Buffer | undefined): unknown {
  const text = decodeText(body)
  // Each value comes behind a comma or as the first in something; the exact count is for what was read.
  const excess = excessOf(text, { depth: MAX_DEPTH + 1, marks: 2 * MAX_VALUES + 1 })
  if (excess === 'depth') throw tooDeep()
  if (excess === 'marks') throw tooManyValues()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ApiError('BadRequest', `the body is not valid JSON: ${(error as Error).message}`, undefined, {
      cause: error,
    })
  }
  checkTame(value)
  return value
}

/** @throws ApiError `BadRequest`, `RequestEntityTooLarge` */
export function decodeYaml(body: Buffer | undefined): unknown {
  const text = decodeText(body)
  let value: unknown
  try {
    value = readYaml(text, { depth: MAX_DEPTH, values: MAX_VALUES })
  } catch (error) {
    if (error instanceof YamlTooLarge) throw new ApiError('RequestEntityTooLarge', error.message)
    const { message } = error as Error
    throw new ApiError('BadRequest', `the body is not valid YAML: ${message}`, undefined, { cause: error })
  }
  checkTame(value)
  // Turns what JSON cannot say (NaN) into what it can, and unshares aliases.
  return JSON.parse(JSON.stringify(value))
}

function decodeText(body: Buffer | undefined): string {
  if (body === undefined || body.length === 0) throw new ApiError('BadRequest', 'the body is empty')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw new ApiError('BadRequest', 'the body is not valid UTF-8', undefined, { cause: error })
  }
}

function tooDeep(): ApiError {
  return new ApiError('BadRequest', `the body is nested deeper than ${MAX_DEPTH} levels`)
}

function tooManyValues(): ApiError {
  return new ApiError(
    'RequestEntityTooLarge',
    `the body has more than ${MAX_VALUES} values: send less at once`,
  )
}

/**
 * Without recursion, for the value may be as deep as the body is long. Counts what is shared as often as it is met, for it
 * will be written out.
 * @throws ApiError `BadRequest`, `RequestEntityTooLarge`
 */
export function checkTame(root: unknown): void {
  let level: unknown[] = [root]
  let values = 1
  let text = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw tooDeep()
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value === 'string') text += value.length
      if (typeof value !== 'object' || value === null) continue
      if (Object.hasOwn(value, '__proto__'))
        throw new ApiError('BadRequest', 'a member must not be named "__proto__"')
      const children = Array.isArray(value) ? (value as unknown[]) : Object.values(value)
      values += children.length
      if (values > MAX_VALUES) {
        throw tooManyValues()
      }
      for (const child of children) next.push(child)
    }
    if (text > MAX_TEXT)
      throw new ApiError('RequestEntityTooLarge', 'the aliases of the body stand for too much')
    level = next
  }
}
