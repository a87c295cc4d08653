/**
 * A table of flavors that is listed to others: indexed, with every flavor encoded once.
 *
 * Answers LIST_FLAVORS from memory. Filters are looked up in sorted columns and in lists by value, which are made
 * when somebody asks for the quantity or text; so the time of an answer follows the number of flavors that match,
 * not of those that there are. A change costs the same in a small table and in a large one, and drops only the
 * kept answers that the flavor is, or belongs, in. Used for our own flavors and, in a catalog or supernode, for
 * those of others.
 */
import { SortedMap } from '../kernel/sorted-map.ts'
import type { FlavorSpec, Visibility } from '../objects/flavor.ts'
import { isVisible, type Audience } from '../rear/audience.ts'
import { FlavorColumn, type FlavorRange } from './flavor-column.ts'
import { FlavorTraits } from './flavor-traits.ts'
import { filterQuantity } from '../rear/wire/filter-quantity.ts'
import { compileSelector, indexFlavor, type IndexedFlavor } from '../rear/wire/matcher.ts'
import { SELECTOR_FIELDS, type Filter, type Selector, type SelectorFieldName } from '../rear/wire/selector.ts'

/** One object, not two: there may be a hundred thousand of them. */
interface Entry extends IndexedFlavor {
  readonly key: string
  /** Its place in the columns, for as long as it is here. */
  readonly slot: number
  readonly visibility: Visibility
}

/** Answers that are kept, and how many flavors in them. */
const MOST_ANSWERS = 256
const MOST_ANSWER_FLAVORS = 20_000
/** Questions that are remembered to see which come again: the answer to a rarer one would be gone by then. */
const MOST_QUESTIONS = MOST_ANSWERS
/** Keys that an answer names. */
const MOST_FIRST = 20
/** No answer has more flavors: a client reads no more than so many megabytes. */
const MOST_FLAVORS = 5_000
/** Values that are kept to be shared. */
const MOST_SHARED = 20_000
/** Texts that tell few flavors from many; found in lower case, in which no filter finds less. */
const LISTED_TEXTS: ReadonlySet<SelectorFieldName> = new Set(['location', 'category', 'tags', 'gpuModel'])
const OPEN = Buffer.from('[')
const CLOSE = Buffer.from(']')

export interface FlavorList {
  /** A JSON array, ready to send: parts that belong one behind the other. */
  readonly body: readonly Buffer[]
  readonly count: number
  /** Whether more match than are told: ask for less. */
  readonly truncated: boolean
  /** How many match; undefined where that many were not counted. */
  readonly matched: number | undefined
  /** Keys of the first few that are told. */
  readonly first: readonly string[]
}

interface Answer {
  readonly list: FlavorList
  readonly concerns: (entry: Entry) => boolean
  readonly madeAt: number
}

export interface FlavorTableOptions {
  /** Makes of what was set what goes out, at the time of an answer; as it is unless given. */
  readonly encode?: (key: string, encoded: string) => string
  /** For `encode` that depends on the time: answers are kept no longer than so many milliseconds. */
  readonly keep?: { readonly ms: number; readonly now: () => number }
  readonly mostFlavors?: number
}

export class FlavorTable {
  readonly #options: FlavorTableOptions
  readonly #entries = new SortedMap<Entry>()
  readonly #slots: (Entry | undefined)[] = []
  /** By slot. Where it goes out as it is, its bytes behind a comma, to be put behind another one. */
  readonly #encoded: (Buffer | string | undefined)[] = []
  readonly #traits = new FlavorTraits()
  readonly #free: number[] = []
  /** One for each quantity, or text, that somebody has asked for. */
  readonly #columns = new Map<SelectorFieldName, FlavorColumn>()
  readonly #lists = new Map<SelectorFieldName, Map<string, Set<Entry>>>()
  readonly #answers = new Map<string, Answer>()
  #asked = new Set<string>()
  readonly #shared = new Shared()
  #answerFlavors = 0

  constructor(options: FlavorTableOptions = {}) {
    this.#options = options
  }

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
    const slot = this.#free.pop() ?? this.#slots.length
    const entry: Entry = {
      ...this.#shared.index(indexFlavor(flavor)),
      key,
      slot,
      visibility: flavor.spec.visibility ?? 'public',
    }
    this.#entries.set(key, entry)
    this.#slots[slot] = entry
    this.#encoded[slot] = this.#options.encode ? encoded : Buffer.from(`,${encoded}`)
    this.#traits.set(slot, entry)
    for (const [field, column] of this.#columns) {
      const value = nanosOf(entry, field)
      if (value !== undefined) column.add(slot, value)
    }
    for (const [field, lists] of this.#lists) enlist(lists, entry, field)
    this.#dropAnswers(entry)
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    for (const column of this.#columns.values()) column.delete(entry.slot)
    for (const [field, lists] of this.#lists) {
      for (const text of textsOf(entry, field)) {
        const list = lists.get(text)
        list?.delete(entry)
        if (list?.size === 0) lists.delete(text)
      }
    }
    this.#slots[entry.slot] = undefined
    this.#encoded[entry.slot] = undefined
    this.#free.push(entry.slot)
    this.#dropAnswers(entry)
  }

  /** @returns the flavor as it goes out, or undefined when it is not here */
  encoded(key: string): string | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const encoded = this.#encoded[entry.slot]!
    return typeof encoded === 'string' ? this.#encode(key, encoded) : encoded.toString('utf8', 1)
  }

  /** @returns who may see the flavor, or undefined when it is not here */
  visibility(key: string): Visibility | undefined {
    return this.#entries.get(key)?.visibility
  }

  /** @returns a test of entries by key: here, matching, and visible to the audience */
  filter(selector: Selector, audience: Audience): (key: string) => boolean {
    const concerns = concerning(selector, audience)
    return (key) => {
      const entry = this.#entries.get(key)
      return entry !== undefined && concerns(entry)
    }
  }

  /** @returns keys of matching flavors that the audience may see, in order, from behind `after` */
  page(selector: Selector, audience: Audience, after: string, limit: number): readonly string[] {
    return this.#inOrder(concerning(selector, audience), after, limit).map(({ key }) => key)
  }

  /** @returns the matching flavors that the audience may see, in any order */
  select(selector: Selector, audience: Audience): FlavorList {
    const question = `${audience} ${JSON.stringify(selector)}`
    const known = this.#answers.get(question)
    const { keep, mostFlavors = MOST_FLAVORS } = this.#options
    const now = keep?.now() ?? 0
    if (known && (keep === undefined || now - known.madeAt < keep.ms)) return known.list
    const { found, counted } = this.#find(selector, audience, mostFlavors)
    const truncated = found.length > mostFlavors
    const told = truncated ? found.slice(0, mostFlavors) : found
    const list: FlavorList = {
      body: this.#jsonArray(told),
      count: told.length,
      truncated,
      matched: counted || !truncated ? found.length : undefined,
      first: told.slice(0, MOST_FIRST).map((slot) => this.#slots[slot]!.key),
    }
    this.#keep(question, () => ({ list, concerns: concerning(selector, audience), madeAt: now }))
    return list
  }

  /** @returns the slots of what matches; of more than `most` perhaps one more only: then they were not counted */
  #find(
    selector: Selector,
    audience: Audience,
    most: number,
  ): { readonly found: readonly number[]; readonly counted: boolean } {
    const narrowed = this.#narrowed(selector)
    // Of very many it is shorter to look for the first ones than to look at them all.
    if (!narrowed || (narrowed.slots.length > 2 * most && narrowed.slots.length * 10 > this.size)) {
      const found = this.#inOrder(concerning(selector, audience), '', most + 1)
      return { found: found.map(({ slot }) => slot), counted: false }
    }
    const { slots, open } = narrowed
    const suits = this.#traits.test(selector.flavorType, audience)
    if (Object.keys(open).length === 0) return { found: slots.filter(suits), counted: true }
    const matches = compileSelector({ filters: open })
    const found = slots.filter((slot) => suits(slot) && matches(this.#slots[slot]!))
    return { found, counted: true }
  }

  #inOrder(concerns: (entry: Entry) => boolean, after: string, limit: number): Entry[] {
    const found: Entry[] = []
    this.#entries.visit(after, undefined, ({ value }) => {
      if (concerns(value)) found.push(value)
      return found.length < limit
    })
    return found
  }

  #encode(key: string, encoded: string): string {
    return this.#options.encode?.(key, encoded) ?? encoded
  }

  #jsonArray(slots: readonly number[]): readonly Buffer[] {
    const texts: string[] = []
    const parts: Buffer[] = [OPEN]
    for (const slot of slots) {
      const encoded = this.#encoded[slot]!
      if (typeof encoded === 'string') texts.push(this.#encode(this.#slots[slot]!.key, encoded))
      else parts.push(encoded)
    }
    if (texts.length > 0) return [Buffer.from(`[${texts.join(',')}]`)]
    // Nothing stands before the first one.
    if (parts.length > 1) parts[1] = parts[1]!.subarray(1)
    parts.push(CLOSE)
    return parts
  }

  /**
   * Keeps the answer to a question that came before: most never come again, and keeping theirs costs more than
   * it saves.
   */
  #keep(question: string, make: () => Answer): void {
    this.#drop(question)
    if (!this.#asked.has(question)) {
      // Not `clear()`: what a Set held before is kept from the garbage collector by it for long.
      if (this.#asked.size >= MOST_QUESTIONS) this.#asked = new Set()
      this.#asked.add(question)
      return
    }
    const answer = make()
    this.#answers.set(question, answer)
    this.#answerFlavors += answer.list.count
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_ANSWERS && this.#answerFlavors <= MOST_ANSWER_FLAVORS) break
      this.#drop(oldest)
    }
  }

  #drop(question: string): void {
    const answer = this.#answers.get(question)
    if (answer === undefined) return
    this.#answers.delete(question)
    this.#answerFlavors -= answer.list.count
  }

  #dropAnswers(entry: Entry): void {
    for (const [question, { concerns }] of this.#answers) if (concerns(entry)) this.#drop(question)
  }

  /**
   * @returns a superset of what matches, in the order of their slots (that is how they lie in memory), and which
   *   filters they are yet to pass; undefined when that is all
   */
  #narrowed(
    selector: Selector,
  ): { readonly slots: readonly number[]; readonly open: Selector['filters'] } | undefined {
    const ranges: FlavorRange[] = []
    const open: Partial<Record<SelectorFieldName, Filter>> = {}
    let shortest: ReadonlySet<Entry> | undefined
    for (const field of Object.keys(selector.filters) as SelectorFieldName[]) {
      const filter = selector.filters[field]!
      const range = this.#range(field, filter)
      if (range) ranges.push(range)
      if (!range?.exact) open[field] = filter
      if (filter.op === 'match' && LISTED_TEXTS.has(field)) {
        const list = this.#list(field).get(filter.value.toLowerCase()) ?? NOTHING
        if (shortest === undefined || list.size < shortest.size) shortest = list
      }
    }
    const few = shortest?.size ?? Infinity
    if (shortest && ranges.every(({ count }) => count > few))
      return { slots: Array.from(shortest, ({ slot }) => slot), open: selector.filters }
    if (ranges.length === 0) return undefined
    return { slots: FlavorColumn.slotsIn(ranges).sort((a, b) => a - b), open }
  }

  #range(field: SelectorFieldName, filter: Filter): FlavorRange | undefined {
    if (filter.op === 'pattern' || SELECTOR_FIELDS[field].value !== 'number') return undefined
    const { min, max } = filter.op === 'match' ? { min: filter.value, max: filter.value } : filter
    return this.#column(field).range(
      min === undefined ? undefined : filterQuantity(min).nanos,
      max === undefined ? undefined : filterQuantity(max).nanos,
    )
  }

  #column(field: SelectorFieldName): FlavorColumn {
    const known = this.#columns.get(field)
    if (known) return known
    const column = new FlavorColumn()
    column.fill(
      this.#slots.flatMap((entry, slot): (readonly [number, bigint])[] => {
        const value = entry && nanosOf(entry, field)
        return value === undefined ? [] : [[slot, value]]
      }),
    )
    this.#columns.set(field, column)
    return column
  }

  #list(field: SelectorFieldName): Map<string, Set<Entry>> {
    const known = this.#lists.get(field)
    if (known) return known
    const lists = new Map<string, Set<Entry>>()
    for (const entry of this.#slots) if (entry) enlist(lists, entry, field)
    this.#lists.set(field, lists)
    return lists
  }
}

const NOTHING: ReadonlySet<Entry> = new Set()

function nanosOf(entry: Entry, field: SelectorFieldName): bigint | undefined {
  return entry.numbers[field]?.nanos
}

function textsOf(entry: Entry, field: SelectorFieldName): readonly string[] {
  return (entry.texts[field] ?? []).map((text) => text.toLowerCase())
}

function enlist(lists: Map<string, Set<Entry>>, entry: Entry, field: SelectorFieldName): void {
  for (const text of textsOf(entry, field)) {
    const list = lists.get(text)
    if (list) list.add(entry)
    else lists.set(text, new Set([entry]))
  }
}

/** Flavors of one market say much the same: a hundred thousand of them need not each have their own words for it. */
class Shared {
  readonly #known = new Map<string | bigint, unknown>()

  index({ numbers, texts, ...rest }: IndexedFlavor): IndexedFlavor {
    return {
      ...rest,
      providerID: this.#one(rest.providerID, rest.providerID),
      numbers: mapped(numbers, (quantity) => this.#one(quantity.nanos, quantity)),
      texts: mapped(texts, (list) => this.#one(JSON.stringify(list), list)),
    }
  }

  #one<T>(key: string | bigint, value: T): T {
    const known = this.#known.get(key)
    if (known !== undefined) return known as T
    if (this.#known.size >= MOST_SHARED) this.#known.clear()
    this.#known.set(key, value)
    return value
  }
}

function mapped<T>(
  members: Readonly<Partial<Record<SelectorFieldName, T>>>,
  change: (value: T) => T,
): Partial<Record<SelectorFieldName, T>> {
  const result: Partial<Record<SelectorFieldName, T>> = {}
  for (const name of Object.keys(members) as SelectorFieldName[]) {
    const value = members[name]
    if (value !== undefined) result[name] = change(value)
  }
  return result
}

function concerning(selector: Selector, audience: Audience): (entry: Entry) => boolean {
  const matches = compileSelector(selector)
  return (entry) => isVisible(entry.visibility, audience) && matches(entry)
}
