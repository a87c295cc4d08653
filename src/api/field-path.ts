/**
 * Dotted paths below an object, as printer columns and field selectors write them:
 * `status.phase`, `spec.ports[0].port`, `status.conditions[?(@.type=="Ready")].status`,
 * `metadata.annotations.example\.com/key`. Pure.
 */
import { isObject, member } from '../kernel/json.ts'

type Step =
  | { readonly type: 'member'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'filter'; readonly name: string; readonly value: string }

const cache = new Map<string, readonly Step[]>()
/** Paths come from clients too (field selectors): remember only so many. */
const CACHE_LIMIT = 1000

/** @returns the value at `path`, or undefined when there is none */
export function valueAt(object: unknown, path: string): unknown {
  let value = object
  for (const step of stepsOf(path)) {
    switch (step.type) {
      case 'member':
        value = member(value, step.name)
        break
      case 'index':
        value = Array.isArray(value) ? (value as unknown[])[step.index] : undefined
        break
      case 'filter':
        value = Array.isArray(value)
          ? (value as unknown[]).find(
              (item) => isObject(item) && String(member(item, step.name)) === step.value,
            )
          : undefined
    }
    if (value === undefined) return undefined
  }
  return value
}

function stepsOf(path: string): readonly Step[] {
  const known = cache.get(path)
  if (known) return known
  const steps = parse(path)
  if (cache.size < CACHE_LIMIT) cache.set(path, steps)
  return steps
}

const TOKEN = /\[(\d+)\]|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]|((?:\\.|[^.[\]\\])+)|\./gy

function parse(path: string): readonly Step[] {
  const steps: Step[] = []
  for (const [, index, name, value, text] of path.matchAll(TOKEN)) {
    if (index !== undefined) steps.push({ type: 'index', index: Number(index) })
    else if (name !== undefined) steps.push({ type: 'filter', name, value: value ?? '' })
    else if (text !== undefined) steps.push({ type: 'member', name: text.replaceAll(/\\(.)/g, '$1') })
  }
  return steps
}
