/**
 * A table of flavors that is listed to others: indexed, with every flavor encoded once.
 *
 * Answers LIST_FLAVORS from memory. Quantity filters are found by binary search in sorted columns, so the
 * time of an answer follows the number of flavors that match, not of those that there are. Used for our own
 * flavors and, in a catalog or supernode, for those of others.
 */
import type { FlavorSpec } from '../objects/flavor.ts'
import { compare, parseQuantity } from '../quantity/index.ts'
import {
  compileSelector,
  indexFlavor,
  type IndexedFlavor,
  type Selector,
  type SelectorFieldName,
} from '../rear/wire/index.ts'

type Quantity = ReturnType<typeof parseQuantity>

interface Entry {
  readonly key: string
  readonly index: IndexedFlavor
  /** The flavor as JSON, exactly as it goes out. */
  readonly encoded: string
  readonly visibility: FlavorSpec['visibility']
  gone: boolean
}

/** Sorted by value; entries without the value are not in it. */
interface Column {
  readonly field: SelectorFieldName
  sorted: Entry[]
  added: Entry[]
}

/** What a caller may see: what has one of these visibilities. Undefined counts as public. */
export type Audience = 'public' | 'listed' | 'internal'

const VISIBLE: Readonly<Record<Audience, ReadonlySet<string | undefined>>> = {
  public: new Set([undefined, 'public']),
  listed: new Set([undefined, 'public', 'listed']),
  internal: new Set([undefined, 'public', 'listed', 'internal']),
}

/** Answers that are kept; any change of the table drops them all. */
const MOST_ANSWERS = 256
const COLUMNS = ['cpu', 'memory'] as const

export interface FlavorList {
  /** A JSON array, ready to send. */
  readonly body: Buffer
  readonly count: number
}

export class FlavorTable {
  readonly #entries = new Map<string, Entry>()
  readonly #columns: readonly Column[] = COLUMNS.map((field) => ({ field, sorted: [], added: [] }))
  readonly #answers = new Map<string, FlavorList>()
  #removed = 0

  get size(): number {
    return this.#entries.size
  }

  /** @param encoded the flavor as JSON, exactly as it is to be sent */
  set(
    key: string,
    flavor: { readonly metadata: { readonly name: string }; readonly spec: FlavorSpec },
    encoded: string,
  ): void {
    this.delete(key)
    const entry: Entry = {
      key,
      index: indexFlavor(flavor),
      encoded,
      visibility: flavor.spec.visibility,
      gone: false,
    }
    this.#entries.set(key, entry)
    for (const column of this.#columns) {
      if (entry.index.numbers[column.field] !== undefined) column.added.push(entry)
    }
    this.#answers.clear()
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.gone = true
    this.#removed += 1
    this.#entries.delete(key)
    this.#answers.clear()
  }

  /** @returns the matching flavors that the audience may see, in the order of their keys */
  select(selector: Selector, audience: Audience): FlavorList {
    const question = `${audience} ${JSON.stringify(selector)}`
    const known = this.#answers.get(question)
    if (known) return known
    const matches = compileSelector(selector)
    const visible = VISIBLE[audience]
    const found: Entry[] = []
    for (const entry of this.#candidates(selector)) {
      if (!entry.gone && visible.has(entry.visibility) && matches(entry.index)) found.push(entry)
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1))
    const answer = {
      body: Buffer.from(`[${found.map((entry) => entry.encoded).join(',')}]`),
      count: found.length,
    }
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!)
    this.#answers.set(question, answer)
    return answer
  }

  /** A superset of what matches, as small as the columns can tell. */
  #candidates(selector: Selector): Iterable<Entry> {
    let best: { readonly column: Column; readonly from: number; readonly to: number } | undefined
    for (const column of this.#columns) {
      const filter = selector.filters[column.field]
      if (filter === undefined || filter.op === 'pattern') continue
      const least = filter.op === 'match' ? filter.value : filter.min
      const most = filter.op === 'match' ? filter.value : filter.max
      const sorted = this.#sorted(column)
      const from = least === undefined ? 0 : bound(sorted, column.field, parseQuantity(least), false)
      const to = most === undefined ? sorted.length : bound(sorted, column.field, parseQuantity(most), true)
      if (best === undefined || to - from < best.to - best.from) best = { column, from, to }
    }
    return best ? best.column.sorted.slice(best.from, Math.max(best.from, best.to)) : this.#entries.values()
  }

  /** Merges what was added since the last question; many additions cost one pass. */
  #sorted(column: Column): readonly Entry[] {
    if (this.#removed > 64 && this.#removed > this.#entries.size / 4) {
      for (const each of this.#columns) {
        each.sorted = each.sorted.filter((entry) => !entry.gone)
        each.added = each.added.filter((entry) => !entry.gone)
      }
      this.#removed = 0
    }
    if (column.added.length > 0) {
      const order = (a: Entry, b: Entry): number =>
        compare(a.index.numbers[column.field]!, b.index.numbers[column.field]!)
      column.sorted = merge(column.sorted, column.added.filter((entry) => !entry.gone).sort(order), order)
      column.added = []
    }
    return column.sorted
  }
}

/** @returns the first place whose value is at least `value`, or, with `after`, greater than it */
function bound(sorted: readonly Entry[], field: SelectorFieldName, value: Quantity, after: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compare(sorted[middle]!.index.numbers[field]!, value)
    if (order < 0 || (after && order === 0)) low = middle + 1
    else high = middle
  }
  return low
}

function merge<T>(left: readonly T[], right: readonly T[], order: (a: T, b: T) => number): T[] {
  const merged: T[] = []
  let l = 0
  let r = 0
  while (l < left.length && r < right.length) {
    merged.push(order(left[l]!, right[r]!) <= 0 ? left[l++]! : right[r++]!)
  }
  while (l < left.length) merged.push(left[l++]!)
  while (r < right.length) merged.push(right[r++]!)
  return merged
}
