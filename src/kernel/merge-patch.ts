/**
 * JSON Merge Patch, RFC 7396. Pure.
 */
import { isObject, type JsonObject } from './json.ts'

/** What a part of `T` should become: members that are not there stay as they are, null removes. */
export type MergePatch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: MergePatch<T[K]> | null | undefined }
    : T

/** @returns `target` with `patch` merged in; null removes, an undefined member says nothing */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else if (value !== undefined) {
      result[key] = applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value)
    }
  }
  return result
}
