/**
 * A table of flavors that is listed to others: indexed, with every flavor encoded once.
 *
 * Answers LIST_FLAVORS from memory. Filters are looked up in columns and in lists by value, so the time of an
 * answer follows the number of flavors that match, not of those that there are; one that changes costs the
 * same in a small table and in a large one, and drops only the kept answers that it is, or belongs, in. Used
 * for our own flavors and, in a catalog or supernode, for those of others.
 */
import { SortedMap } from '../kernel/sorted-map.ts'
import type { FlavorSpec, Visibility } from '../objects/flavor.ts'
import { parseQuantity } from '../quantity/index.ts'
import { SortedColumn } from './sorted-column.ts'
import { compileSelector, indexFlavor, type IndexedFlavor } from './wire/matcher.ts'
import type { Selector, SelectorFieldName } from './wire/selector.ts'

interface Entry {
  readonly key: string
  readonly index: IndexedFlavor
  readonly encoded: string
  readonly visibility: Visibility
}

/** What a caller may see: what has this visibility, or is for more people. */
export type Audience = Visibility

const WIDTH: Readonly<Record<Visibility, number>> = { internal: 0, listed: 1, public: 2 }

/** @returns whether a caller of the audience may see what has this visibility */
export function isVisible(visibility: Visibility, audience: Audience): boolean {
  return WIDTH[visibility] >= WIDTH[audience]
}

/** @returns the visibility for more people; the other one where there is none */
export function widerVisibility(
  a: Visibility | undefined,
  b: Visibility | undefined,
): Visibility | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return WIDTH[a] > WIDTH[b] ? a : b
}

/** Answers that are kept, and how many bytes of them. */
const MOST_ANSWERS = 256
const MOST_ANSWER_BYTES = 64 << 20
/** No answer has more flavors: a client reads no more than so many megabytes. */
const MOST_FLAVORS = 5_000
/** Values that are kept to be shared. */
const MOST_SHARED = 20_000
const COLUMNS = ['cpu', 'memory', 'pods', 'storage', 'gpu', 'price'] as const
/** Texts that tell few flavors from many; matched in lower case, which finds no less. */
const POSTINGS = ['location', 'category', 'tags', 'gpuModel'] as const
type PostingName = (typeof POSTINGS)[number]

export interface FlavorList {
  /** A JSON array, ready to send. */
  readonly body: Buffer
  readonly count: number
  /** Whether more match than are told: ask for less. */
  readonly truncated?: boolean
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
  readonly #columns = new Map(COLUMNS.map((field) => [field as SelectorFieldName, new SortedColumn<Entry>()]))
  readonly #postings = new Map<PostingName, Map<string, Set<Entry>>>(
    POSTINGS.map((field) => [field, new Map()]),
  )
  readonly #answers = new Map<string, Answer>()
  readonly #shared = new Shared()
  #answerBytes = 0

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
    const entry: Entry = {
      key,
      index: this.#shared.index(indexFlavor(flavor)),
      encoded,
      visibility: flavor.spec.visibility ?? 'public',
    }
    this.#entries.set(key, entry)
    for (const [field, column] of this.#columns) {
      const value = entry.index.numbers[field]
      if (value !== undefined) column.add(value.nanos, entry)
    }
    for (const [field, lists] of this.#postings) {
      for (const text of entry.index.texts[field] ?? []) {
        const list = lists.get(text.toLowerCase())
        if (list) list.add(entry)
        else lists.set(text.toLowerCase(), new Set([entry]))
      }
    }
    this.#dropAnswers(entry)
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    for (const [field, column] of this.#columns) {
      const value = entry.index.numbers[field]
      if (value !== undefined) column.delete(value.nanos, entry)
    }
    for (const [field, lists] of this.#postings) {
      for (const text of entry.index.texts[field] ?? []) {
        const list = lists.get(text.toLowerCase())
        list?.delete(entry)
        if (list?.size === 0) lists.delete(text.toLowerCase())
      }
    }
    this.#dropAnswers(entry)
  }

  /** @returns the flavor as it goes out, or undefined when it is not here */
  encoded(key: string): string | undefined {
    const entry = this.#entries.get(key)
    return entry && this.#encode(entry)
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
    const concerns = concerning(selector, audience)
    const keys: string[] = []
    this.#entries.visit(after, undefined, ({ key, value }) => {
      if (concerns(value)) keys.push(key)
      return keys.length < limit
    })
    return keys
  }

  /** @returns the matching flavors that the audience may see, in the order of their keys */
  select(selector: Selector, audience: Audience): FlavorList {
    const question = `${audience} ${JSON.stringify(selector)}`
    const known = this.#answers.get(question)
    const { keep, mostFlavors = MOST_FLAVORS } = this.#options
    const now = keep?.now() ?? 0
    if (known && (keep === undefined || now - known.madeAt < keep.ms)) return known.list
    const concerns = concerning(selector, audience)
    const found: Entry[] = []
    const candidates = this.#narrowed(selector)
    if (candidates === undefined) {
      this.#entries.visit('', undefined, ({ value }) => {
        if (concerns(value)) found.push(value)
        return found.length <= mostFlavors
      })
    } else {
      for (const entry of candidates) if (concerns(entry)) found.push(entry)
      found.sort((a, b) => (a.key < b.key ? -1 : 1))
    }
    const told = found.slice(0, mostFlavors)
    const list: FlavorList = {
      body: Buffer.from(`[${told.map((entry) => this.#encode(entry)).join(',')}]`),
      count: told.length,
      ...(found.length > told.length ? { truncated: true } : {}),
    }
    this.#keep(question, { list, concerns, madeAt: now })
    return list
  }

  #encode({ key, encoded }: Entry): string {
    return this.#options.encode?.(key, encoded) ?? encoded
  }

  #keep(question: string, answer: Answer): void {
    this.#drop(question)
    this.#answers.set(question, answer)
    this.#answerBytes += answer.list.body.length
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_ANSWERS && this.#answerBytes <= MOST_ANSWER_BYTES) break
      this.#drop(oldest)
    }
  }

  #drop(question: string): void {
    const answer = this.#answers.get(question)
    if (answer === undefined) return
    this.#answers.delete(question)
    this.#answerBytes -= answer.list.body.length
  }

  #dropAnswers(entry: Entry): void {
    for (const [question, { concerns }] of this.#answers) if (concerns(entry)) this.#drop(question)
  }

  /** A superset of what matches, as small as columns and lists can tell; undefined when that is all. */
  #narrowed(selector: Selector): Iterable<Entry> | undefined {
    let best: { readonly size: number; readonly entries: () => Iterable<Entry> } | undefined
    const consider = (size: number, entries: () => Iterable<Entry>): void => {
      if (best === undefined || size < best.size) best = { size, entries }
    }
    for (const [field, column] of this.#columns) {
      const filter = selector.filters[field]
      if (filter === undefined || filter.op === 'pattern') continue
      const nanos = (text: string | undefined): bigint | undefined =>
        text === undefined ? undefined : parseQuantity(text).nanos
      const least = nanos(filter.op === 'match' ? filter.value : filter.min)
      const most = nanos(filter.op === 'match' ? filter.value : filter.max)
      consider(column.count(least, most), () => column.range(least, most))
    }
    for (const [field, lists] of this.#postings) {
      const filter = selector.filters[field]
      if (filter?.op !== 'match') continue
      const list = lists.get(filter.value.toLowerCase())
      consider(list?.size ?? 0, () => list ?? [])
    }
    // A tenth of the table in random order, to be sorted, is worth no more than all of it in order.
    return best && best.size * 10 < this.#entries.size ? best.entries() : undefined
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
  return (entry) => isVisible(entry.visibility, audience) && matches(entry.index)
}
