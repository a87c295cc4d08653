/**
 * JSON Patch, RFC 6902. Pure: the document is not changed, a changed copy is returned. It is copied once and changed in
 * place from then on: a copy for each operation would take their number times the size of the object.
 */
import { isObject, type JsonObject, sameJson } from '../../kernel/json.ts'
import { MAX_DEPTH } from '../limits.ts'
import { ApiError } from '../status.ts'

const MAX_OPERATIONS = 1_000
/** What `copy` and `test` may go through in total; else a few operations make an object of astronomical size. */
const MAX_WORK = 20_000
/** So many characters are as much work as a value. */
const CHARACTERS = 64

/**
 * @throws ApiError `BadRequest` for a patch that is none, `Invalid` for one that does not apply
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations')
  if (patch.length > MAX_OPERATIONS) {
    throw new ApiError('RequestEntityTooLarge', `a JSON patch may have at most ${MAX_OPERATIONS} operations`)
  }
  let work = 0
  const goThrough = (value: unknown): void => {
    work += workOf(value)
    if (work > MAX_WORK)
      throw new ApiError('RequestEntityTooLarge', 'the JSON patch copies or compares too much')
  }
  return patch.reduce<unknown>((result, operation: unknown, index) => {
    if (!isObject(operation))
      throw new ApiError('BadRequest', `operation ${index} of the JSON patch is not an object`)
    const path = pointer(operation['path'], index, 'path')
    const failed = (why: string): ApiError =>
      new ApiError(
        'Invalid',
        `operation ${index} of the JSON patch (${String(operation['op'])} ${String(operation['path'])}): ${why}`,
      )
    const value = (): unknown => {
      if (!Object.hasOwn(operation, 'value')) {
        throw new ApiError('BadRequest', `operation ${index} of the JSON patch has no value`)
      }
      return operation['value']
    }
    /** The patch may be applied again, to a later version. */
    const given = (): unknown => structuredClone(value())
    switch (operation['op']) {
      case 'add':
        return add(result, path, given(), failed)
      case 'remove':
        return remove(result, path, failed)
      case 'replace':
        find(result, path, failed)
        return path.length === 0 ? given() : set(result, path, given(), failed)
      case 'move': {
        const from = pointer(operation['from'], index, 'from')
        if (from.length < path.length && from.every((segment, at) => segment === path[at])) {
          throw failed('a value cannot be moved into itself')
        }
        const moved = find(result, from, failed)
        return add(remove(result, from, failed), path, moved, failed)
      }
      case 'copy': {
        const source = find(result, pointer(operation['from'], index, 'from'), failed)
        goThrough(source)
        return add(result, path, structuredClone(source), failed)
      }
      case 'test': {
        const found = find(result, path, failed)
        goThrough(found)
        if (!sameJson(found, value())) throw failed('the value is another one')
        return result
      }
      default:
        throw new ApiError(
          'BadRequest',
          `operation ${index} of the JSON patch: unknown op ${JSON.stringify(operation['op'])}`,
        )
    }
  }, structuredClone(document))
}

type Failed = (why: string) => ApiError

function pointer(text: unknown, index: number, name: string): readonly string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw new ApiError('BadRequest', `operation ${index} of the JSON patch: ${name} must be a JSON pointer`)
  }
  const segments = text
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (segments.includes('__proto__') || segments.length > 100) {
    throw new ApiError('BadRequest', `operation ${index} of the JSON patch: ${name} is not acceptable`)
  }
  return segments
}

function find(document: unknown, path: readonly string[], failed: Failed): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (Array.isArray(value)) return (value as unknown[])[arrayIndex(segment, value.length - 1, failed)]
    if (isObject(value) && Object.hasOwn(value, segment)) return value[segment]
    throw failed('there is nothing at that path')
  }, document)
}

/** Changes, in place, the container that the last segment of `path` is in. */
function change(
  document: unknown,
  path: readonly string[],
  onArray: (items: unknown[], segment: string) => void,
  onObject: (object: JsonObject, name: string) => void,
  failed: Failed,
): unknown {
  const segment = path.at(-1)
  if (segment === undefined) throw failed('the whole object cannot be removed')
  const container = find(document, path.slice(0, -1), failed)
  if (Array.isArray(container)) onArray(container as unknown[], segment)
  else if (isObject(container)) onObject(container, segment)
  else throw failed('there is nothing at that path')
  return document
}

function add(document: unknown, path: readonly string[], value: unknown, failed: Failed): unknown {
  if (path.length === 0) return value
  return change(
    document,
    path,
    (items, segment) => {
      items.splice(segment === '-' ? items.length : arrayIndex(segment, items.length, failed), 0, value)
    },
    (object, name) => {
      object[name] = value
    },
    failed,
  )
}

function set(document: unknown, path: readonly string[], value: unknown, failed: Failed): unknown {
  return change(
    document,
    path,
    (items, segment) => {
      items[arrayIndex(segment, items.length - 1, failed)] = value
    },
    (object, name) => {
      object[name] = value
    },
    failed,
  )
}

function remove(document: unknown, path: readonly string[], failed: Failed): unknown {
  return change(
    document,
    path,
    (items, segment) => {
      items.splice(arrayIndex(segment, items.length - 1, failed), 1)
    },
    (object, name) => {
      if (!Object.hasOwn(object, name)) throw failed('there is nothing at that path')
      delete object[name]
    },
    failed,
  )
}

function arrayIndex(segment: string, highest: number, failed: Failed): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(segment)) throw failed(`${JSON.stringify(segment)} is no index of a list`)
  const index = Number(segment)
  if (index > highest) throw failed('the index is beyond the end of the list')
  return index
}

/**
 * @returns how much it is to go through `value`
 * @throws ApiError when it is deeper than anything may be: adding to what was added makes such
 */
function workOf(value: unknown): number {
  let work = 0
  let level = [value]
  for (let depth = 0; level.length > 0 && work <= MAX_WORK; depth++) {
    if (depth > MAX_DEPTH)
      throw new ApiError('BadRequest', `the JSON patch nests deeper than ${MAX_DEPTH} levels`)
    const next: unknown[] = []
    for (const each of level) {
      work += typeof each === 'string' ? 1 + each.length / CHARACTERS : 1
      if (typeof each === 'object' && each !== null) for (const child of Object.values(each)) next.push(child)
    }
    level = next
  }
  return work
}
