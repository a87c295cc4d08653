/**
 * Kubernetes' strategic merge patch, as `kubectl apply` and `kubectl edit` send it for Kubernetes' own kinds. Pure.
 *
 * Lists whose items have a merge key are merged item by item. The directives `$patch`, `$retainKeys`,
 * `$setElementOrder/…` and `$deleteFromPrimitiveList/…` are honoured.
 */
import { isObject, type JsonObject, sameJson } from '../../kernel/json.ts'
import { ApiError } from '../status.ts'
import { listStrategy } from './merge-keys.ts'

const ORDER = '$setElementOrder/'
const DELETE_FROM = '$deleteFromPrimitiveList/'

/** @throws ApiError `BadRequest` for wrong directives */
export function applyStrategicMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw new ApiError('BadRequest', 'a strategic merge patch must be an object')
  return mergeObject(isObject(document) ? document : {}, patch, [])
}

function mergeObject(target: JsonObject, patch: JsonObject, path: readonly string[]): JsonObject {
  switch (patch['$patch']) {
    case undefined:
    case 'merge':
      break
    case 'replace':
      return clean(patch) as JsonObject
    case 'delete':
      return {}
    default:
      throw new ApiError('BadRequest', `unknown directive $patch: ${JSON.stringify(patch['$patch'])}`)
  }
  const result = retained(target, patch['$retainKeys'])
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith(ORDER)) continue
    if (key.startsWith(DELETE_FROM)) {
      const name = key.slice(DELETE_FROM.length)
      const before = own(result, name)
      if (Array.isArray(before)) {
        const gone = listOf(value, key)
        result[name] = before.filter((item) => !gone.some((each) => sameJson(each, item)))
      }
    } else if (value === null) delete result[key]
    else result[key] = mergeValue(own(result, key), value, [...path, key], patch[ORDER + key])
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER)) continue
    const name = key.slice(ORDER.length)
    const list = own(result, name)
    if (!Object.hasOwn(patch, name) && Array.isArray(list)) {
      result[name] = reorder(list, list, listOf(order, key), [...path, name])
    }
  }
  return result
}

function mergeValue(target: unknown, patch: unknown, path: readonly string[], order: unknown): unknown {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : {}, patch, path)
  if (!Array.isArray(patch)) return patch
  const before: readonly unknown[] = Array.isArray(target) ? target : []
  const strategy = listStrategy(path)
  if (strategy.type === 'replace') return patch.map(clean)
  const after =
    strategy.type === 'union'
      ? [...before, ...(patch as unknown[]).filter((item) => !before.some((each) => sameJson(each, item)))]
      : mergeList(before, patch, strategy.key, path)
  return order === undefined ? after : reorder(after, before, listOf(order, '$setElementOrder'), path)
}

function mergeList(
  before: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
  path: readonly string[],
): unknown[] {
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isObject(item) && item['$patch'] === 'replace')).map(clean)
  }
  let result = [...before]
  for (const item of patch) {
    if (!isObject(item) || !Object.hasOwn(item, mergeKey)) {
      throw new ApiError(
        'BadRequest',
        `${path.join('.')}: an item of the patch has no ${mergeKey}, its merge key`,
      )
    }
    const key = item[mergeKey]
    const index = result.findIndex((each) => isObject(each) && sameJson(each[mergeKey], key))
    if (item['$patch'] === 'delete') {
      result = result.filter((each) => !(isObject(each) && sameJson(each[mergeKey], key)))
    } else if (index >= 0) result[index] = mergeObject(result[index] as JsonObject, item, path)
    else result.push(mergeObject({}, item, path))
  }
  return result
}

/**
 * The items in the client's order; those that the client does not know stay behind the item they stood behind.
 */
function reorder(
  items: readonly unknown[],
  before: readonly unknown[],
  order: readonly unknown[],
  path: readonly string[],
): unknown[] {
  const strategy = listStrategy(path)
  const identity = (item: unknown): unknown =>
    strategy.type === 'merge' && isObject(item) ? item[strategy.key] : item
  const wanted = order.map(identity)
  const rank = (item: unknown): number => wanted.findIndex((each) => sameJson(each, identity(item)))
  const result = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  const same = (a: unknown, b: unknown): boolean => sameJson(identity(a), identity(b))
  for (const item of items.filter((each) => rank(each) < 0)) {
    const place = before.findIndex((each) => same(each, item))
    const predecessor = before
      .slice(0, Math.max(place, 0))
      .findLast((each) => result.some((other) => same(other, each)))
    if (place < 0) result.push(item)
    else if (predecessor === undefined) result.unshift(item)
    else result.splice(result.findIndex((each) => same(each, predecessor)) + 1, 0, item)
  }
  return result
}

function retained(target: JsonObject, keys: unknown): JsonObject {
  if (keys === undefined) return { ...target }
  const kept = listOf(keys, '$retainKeys')
  return Object.fromEntries(Object.entries(target).filter(([key]) => kept.includes(key)))
}

/** Without directives and nulls: what a patch of something absent amounts to. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, child]) => child !== null && !key.startsWith('$'))
      .map(([key, child]) => [key, clean(child)]),
  )
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ApiError('BadRequest', `${name} must be a list`)
  return value
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
