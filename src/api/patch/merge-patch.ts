/**
 * JSON Merge Patch, RFC 7396. Pure.
 */
import { isObject, type JsonObject } from '../../kernel/json.ts'

/** @returns `target` with `patch` merged in; null removes */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value)
  }
  return result
}
