/**
 * JSON Patch, RFC 6902. Pure: the document is not changed, a changed copy is returned.
 */
import { isObject, type JsonObject, sameJson } from '../../kernel/json.ts'
import { ApiError } from '../status.ts'

const MAX_OPERATIONS = 10_000
/** What `copy` may add in total; else a few operations make an object of astronomical size. */
const MAX_COPIED_VALUES = 100_000

/**
 * @throws ApiError `BadRequest` for a patch that is none, `Invalid` for one that does not apply
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations')
  if (patch.length > MAX_OPERATIONS) {
    throw new ApiError('RequestEntityTooLarge', `a JSON patch may have at most ${MAX_OPERATIONS} operations`)
  }
  let copied = 0
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
    switch (operation['op']) {
      case 'add':
        return add(result, path, value(), failed)
      case 'remove':
        return remove(result, path, failed)
      case 'replace':
        find(result, path, failed)
        return path.length === 0 ? value() : set(result, path, value(), failed)
      case 'move': {
        const from = pointer(operation['from'], index, 'from')
        if (from.length < path.length && from.every((segment, at) => segment === path[at])) {
          throw failed('a value cannot be moved into itself')
        }
        return add(remove(result, from, failed), path, find(result, from, failed), failed)
      }
      case 'copy': {
        const source = find(result, pointer(operation['from'], index, 'from'), failed)
        copied += countValues(source, MAX_COPIED_VALUES)
        if (copied > MAX_COPIED_VALUES)
          throw new ApiError('RequestEntityTooLarge', 'the JSON patch copies too much')
        return add(result, path, source, failed)
      }
      case 'test':
        if (!sameJson(find(result, path, failed), value())) throw failed('the value is another one')
        return result
      default:
        throw new ApiError(
          'BadRequest',
          `operation ${index} of the JSON patch: unknown op ${JSON.stringify(operation['op'])}`,
        )
    }
  }, document)
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

/** Changes the container that the last segment of `path` is in; copies what is on the way to it. */
function change(
  document: unknown,
  path: readonly string[],
  onArray: (items: unknown[], segment: string) => void,
  onObject: (object: JsonObject, name: string) => void,
  failed: Failed,
): unknown {
  const [segment, ...rest] = path
  if (segment === undefined) throw failed('the whole object cannot be removed')
  if (Array.isArray(document)) {
    const items = [...(document as unknown[])]
    if (rest.length === 0) onArray(items, segment)
    else {
      const index = arrayIndex(segment, items.length - 1, failed)
      items[index] = change(items[index], rest, onArray, onObject, failed)
    }
    return items
  }
  if (!isObject(document)) throw failed('there is nothing at that path')
  const object = { ...document }
  if (rest.length === 0) onObject(object, segment)
  else if (Object.hasOwn(object, segment))
    object[segment] = change(object[segment], rest, onArray, onObject, failed)
  else throw failed('there is nothing at that path')
  return object
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

/** @returns how many values `value` consists of, or more than `limit` */
function countValues(value: unknown, limit: number): number {
  let count = 0
  const left = [value]
  while (left.length > 0 && count <= limit) {
    const next = left.pop()
    count++
    if (typeof next === 'object' && next !== null) for (const child of Object.values(next)) left.push(child)
  }
  return count
}
