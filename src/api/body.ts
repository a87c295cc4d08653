/**
 * Decodes request bodies. Whatever comes out is plain JSON data of bounded depth without `__proto__` members,
 * so that what follows may recurse and copy without a thought.
 */
import { parse as parseYaml } from 'yaml'
import { mediaTypes } from './negotiation.ts'
import { ApiError } from './status.ts'

/** Nobody writes objects deeper than this; it keeps every recursion in the program short. */
export const MAX_DEPTH = 100

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

/** @throws ApiError `BadRequest` */
export function decodeYaml(body: Buffer | undefined): unknown {
  const text = decodeText(body)
  checkYamlNesting(text)
  let value: unknown
  try {
    value = parseYaml(text, { maxAliasCount: 50, logLevel: 'error' })
    // Turns what JSON cannot say (NaN, dates of custom tags) into what it can, and unshares aliases.
    value = JSON.parse(JSON.stringify(value ?? null))
  } catch (error) {
    throw new ApiError('BadRequest', `the body is not valid YAML: ${(error as Error).message}`, undefined, {
      cause: error,
    })
  }
  checkTame(value)
  return value
}

function decodeText(body: Buffer | undefined): string {
  if (body === undefined || body.length === 0) throw new ApiError('BadRequest', 'the body is empty')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw new ApiError('BadRequest', 'the body is not valid UTF-8', undefined, { cause: error })
  }
}

/** The YAML parser recurses: keep absurd nesting away from it. */
function checkYamlNesting(text: string): void {
  for (const line of text.split('\n')) {
    const dashes = /^(?:\s*[-?:]\s)+/.exec(line.slice(0, 4 * MAX_DEPTH + 4))?.[0].match(/[-?:]/g)?.length ?? 0
    const indent = line.length - line.trimStart().length
    const brackets = line.length > MAX_DEPTH ? deepestFlow(line) : 0
    if (dashes > MAX_DEPTH || brackets > MAX_DEPTH || (indent > 20 * MAX_DEPTH && line.trim() !== ''))
      throw tooDeep()
  }
}

function deepestFlow(line: string): number {
  let depth = 0
  let deepest = 0
  for (const character of line) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth--
  }
  return deepest
}

function tooDeep(): ApiError {
  return new ApiError('BadRequest', `the body is nested deeper than ${MAX_DEPTH} levels`)
}

/** Without recursion, for the value may be as deep as the body is long. */
function checkTame(root: unknown): void {
  let level: unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw tooDeep()
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue
      if (Object.hasOwn(value, '__proto__'))
        throw new ApiError('BadRequest', 'a member must not be named "__proto__"')
      for (const child of Object.values(value)) {
        if (typeof child === 'object' && child !== null) next.push(child)
      }
    }
    level = next
  }
}
