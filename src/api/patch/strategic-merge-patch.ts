/**
 * Kubernetes' strategic merge patch, as `kubectl apply` and `kubectl edit` send it for Kubernetes' own kinds. Pure.
 *
 * Lists whose items have a merge key are merged item by item. The directives `$patch`, `$retainKeys`,
 * `$setElementOrder/…` and `$deleteFromPrimitiveList/…` are honoured.
 */
import canonicalize from 'canonicalize'
import { isObject, type JsonObject } from '../../kernel/json.ts'
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
        const gone = new Set(listOf(value, key).map(textOf))
        result[name] = before.filter((item) => !gone.has(textOf(item)))
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
    strategy.type === 'union' ? union(before, patch) : mergeList(before, patch, strategy.key, path)
  return order === undefined ? after : reorder(after, before, listOf(order, '$setElementOrder'), path)
}

function union(before: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const there = new Set(before.map(textOf))
  return [...before, ...patch.filter((item) => !there.has(textOf(item)))]
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
  const result: unknown[] = [...before]
  /** Key → where in `result` its items are; for a search through the list, for each item, would take the square of it. */
  const places = new Map<string, number[]>()
  result.forEach((each, index) => {
    if (isObject(each)) place(places, textOf(each[mergeKey]), index)
  })
  for (const item of patch) {
    if (!isObject(item) || !Object.hasOwn(item, mergeKey)) {
      throw new ApiError(
        'BadRequest',
        `${path.join('.')}: an item of the patch has no ${mergeKey}, its merge key`,
      )
    }
    const key = textOf(item[mergeKey])
    const found = places.get(key)
    if (item['$patch'] === 'delete') {
      for (const index of found ?? []) result[index] = GONE
      places.delete(key)
    } else if (found?.[0] !== undefined) {
      result[found[0]] = mergeObject(result[found[0]] as JsonObject, item, path)
    } else place(places, key, result.push(mergeObject({}, item, path)) - 1)
  }
  return result.filter((item) => item !== GONE)
}

const GONE = Symbol('gone')

function place(places: Map<string, number[]>, key: string, index: number): void {
  const there = places.get(key)
  if (there) there.push(index)
  else places.set(key, [index])
}

/** The same for what is the same, whatever the order of members. */
function textOf(key: unknown): string {
  return canonicalize(key) ?? ''
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
  const identity = (item: unknown): string =>
    textOf(strategy.type === 'merge' && isObject(item) ? item[strategy.key] : item)
  const ranks = new Map<string, number>()
  for (const item of order) if (!ranks.has(identity(item))) ranks.set(identity(item), ranks.size)
  const rank = (item: unknown): number => ranks.get(identity(item)) ?? -1
  const result = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  const there = new Set(result.map(identity))
  const known = before.map(identity)
  for (const item of items.filter((each) => rank(each) < 0)) {
    const at = known.indexOf(identity(item))
    const predecessor = known.slice(0, Math.max(at, 0)).findLast((each) => there.has(each))
    if (at < 0) result.push(item)
    else if (predecessor === undefined) result.unshift(item)
    else result.splice(result.findIndex((each) => identity(each) === predecessor) + 1, 0, item)
    there.add(identity(item))
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
