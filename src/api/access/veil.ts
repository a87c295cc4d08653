/** Hides from a viewer what a kind calls confidential of objects that it may look at. Pure. */
import type { KindDefinition } from '../../objects/kind.ts'
import type { Caller } from './caller.ts'
import { isObject, type JsonObject } from '../../kernel/json.ts'

const HIDDEN = '(hidden from viewers)'
/** kubectl keeps there what was applied: all of it. */
const LAST_APPLIED = ['metadata', 'annotations', 'kubectl.kubernetes.io/last-applied-configuration']

/** Stored objects are shared, so what one viewer is shown serves all. */
const veiled = new WeakMap<object, object>()

/** @returns the object as the caller may see it: the very same for an admin, and where there is nothing to hide */
export function veil<T>({ confidentialFields }: KindDefinition, object: T, { role }: Caller): T {
  if (role === 'admin' || confidentialFields === undefined || !isObject(object)) return object
  let shown = veiled.get(object) as JsonObject | undefined
  if (shown === undefined) {
    shown = [...confidentialFields, LAST_APPLIED].reduce<JsonObject>(
      (each, path) => hide(each, path) as JsonObject,
      object,
    )
    veiled.set(object, shown)
  }
  return shown as T
}

function hide(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return hideTexts(value)
  // Written out as one text, it cannot be told where in it the secret stands.
  if (typeof value === 'string') return hideTexts(value)
  if (!isObject(value) || !Object.hasOwn(value, name)) return value
  return { ...value, [name]: hide(value[name], rest) }
}

/** What has no characters tells nothing. */
function hideTexts(value: unknown): unknown {
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, hideTexts(each)]))
  return value === '' ? value : HIDDEN
}
