/**
 * What changed from one JSON value to the next, as JSON: for large objects of which little changes at a time.
 *
 * Parts that are the same value (`===`), as the store shares them between versions, are not looked into, so that
 * the work is in what changed. Pure; used by the sqlite store only.
 */

type Path = readonly (string | number)[]

/** One edit of the value at `path`: another value, nothing at all, or items of an array replaced by others. */
export type JsonEdit =
  | readonly ['set', Path, unknown]
  | readonly ['remove', Path]
  | readonly ['splice', Path, number, number, readonly unknown[]]

/** @returns what turns `before` into `after`; to be applied in this order */
export function jsonChanges(before: object, after: object): readonly JsonEdit[] {
  const edits: JsonEdit[] = []
  compare(before, after, [], edits)
  return edits
}

/**
 * @param value plain JSON; it is changed
 * @throws TypeError when the edits are not of this value
 */
export function applyJsonChanges(value: object, edits: readonly JsonEdit[]): void {
  for (const edit of edits) {
    const [what, path] = edit
    if (what === 'splice') {
      const [, , start, count, items] = edit
      const array = at(value, path)
      if (!Array.isArray(array) || start + count > array.length) throw new TypeError('no such items')
      // Not as arguments of `splice`: there may be more than a call can take.
      const rest: unknown[] = array.splice(start).slice(count)
      for (const item of [...items, ...rest]) array.push(item)
      continue
    }
    const parent = at(value, path.slice(0, -1))
    const name = path.at(-1)
    if (typeof parent !== 'object' || parent === null || name === undefined)
      throw new TypeError('no such member')
    if (what === 'set') (parent as Record<string, unknown>)[name] = edit[2]
    else delete (parent as Record<string, unknown>)[name]
  }
}

function at(value: unknown, path: Path): unknown {
  let here = value
  for (const name of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name))
      throw new TypeError('no such member')
    here = (here as Record<string, unknown>)[name]
  }
  return here
}

function compare(before: unknown, after: unknown, path: Path, edits: JsonEdit[]): void {
  if (before === after) return
  if (Array.isArray(before) && Array.isArray(after)) compareItems(before, after, path, edits)
  else if (isRecord(before) && isRecord(after)) compareMembers(before, after, path, edits)
  else edits.push(['set', path, after])
}

function compareMembers(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: Path,
  edits: JsonEdit[],
): void {
  for (const name of Object.keys(before))
    if (!Object.hasOwn(after, name)) edits.push(['remove', [...path, name]])
  for (const [name, value] of Object.entries(after)) {
    if (Object.hasOwn(before, name)) compare(before[name], value, [...path, name], edits)
    else edits.push(['set', [...path, name], value])
  }
}

/** Items are taken as they are, whole: either one by one, or as one stretch, whichever writes fewer. */
function compareItems(
  before: readonly unknown[],
  after: readonly unknown[],
  path: Path,
  edits: JsonEdit[],
): void {
  const shorter = Math.min(before.length, after.length)
  const changed: number[] = []
  for (let index = 0; index < shorter; index++) if (before[index] !== after[index]) changed.push(index)
  const start = changed[0] ?? shorter
  let end = 0
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end++
  const stretch = after.length - end - start
  if (stretch <= changed.length + after.length - shorter) {
    const removed = before.length - end - start
    if (removed > 0 || stretch > 0)
      edits.push(['splice', path, start, removed, after.slice(start, start + stretch)])
    return
  }
  for (const index of changed) edits.push(['set', [...path, index], after[index]])
  if (before.length !== after.length)
    edits.push(['splice', path, shorter, before.length - shorter, after.slice(shorter)])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
