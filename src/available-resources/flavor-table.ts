/**
 * A table of flavors that is listed to others: indexed, with every flavor encoded once.
 *
 * Answers LIST_FLAVORS from memory. Quantity filters are found by binary search in sorted columns, so the
 * time of an answer follows the number of flavors that match, not of those that there are. Used for our own
 * flavors and, in a catalog or supernode, for those of others.
 */
import type { FlavorSpec } from '../objects/flavor.ts'
import { parseQuantity } from '../quantity/index.ts'
import {
  compileSelector,
  indexFlavor,
  SELECTOR_FIELDS,
  type Filter,
  type IndexedFlavor,
  type Selector,
  type SelectorFieldName,
} from '../rear/wire/index.ts'
import { FlavorColumn, type FlavorRange } from './flavor-column.ts'

interface Entry {
  readonly key: string
  /** Its place in the columns. */
  readonly slot: number
  readonly index: IndexedFlavor
  /** The flavor as JSON, exactly as it goes out. */
  readonly encoded: Buffer
  readonly visibility: FlavorSpec['visibility']
}

/** What a caller may see: what has one of these visibilities. Undefined counts as public. */
export type Audience = 'public' | 'listed' | 'internal'

const VISIBLE: Readonly<Record<Audience, ReadonlySet<string | undefined>>> = {
  public: new Set([undefined, 'public']),
  listed: new Set([undefined, 'public', 'listed']),
  internal: new Set([undefined, 'public', 'listed', 'internal']),
}

/** Answers that are kept, and their bytes; any change of the table drops them all. */
const MOST_ANSWERS = 256
const MOST_ANSWER_BYTES = 16 << 20
/** Questions that are remembered, to tell those that come again. */
const MOST_QUESTIONS = 1_024
/** Changes that wait for the next question before the columns are brought in line, at least. */
const FEW_CHANGES = 256

const [OPEN, COMMA, CLOSE] = Buffer.from('[,]')

export interface FlavorList {
  /** A JSON array, ready to send. */
  readonly body: Buffer
  readonly count: number
}

export class FlavorTable {
  readonly #entries = new Map<string, Entry>()
  /** The entries by slot. */
  readonly #slots: (Entry | undefined)[] = []
  /** Slots that may be given out. */
  readonly #free: number[] = []
  /** Slots that were left since the columns were brought in line; the columns still name them. */
  #left: number[] = []
  #added: Entry[] = []
  /** One for each quantity that somebody has asked for. */
  readonly #columns = new Map<SelectorFieldName, FlavorColumn>()
  readonly #answers = new Map<string, FlavorList>()
  #answerBytes = 0
  readonly #asked = new Set<string>()

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
      key,
      slot,
      index: indexFlavor(flavor),
      encoded: Buffer.from(encoded),
      visibility: flavor.spec.visibility,
    }
    this.#entries.set(key, entry)
    this.#slots[slot] = entry
    this.#added.push(entry)
    this.#changed()
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#slots[entry.slot] = undefined
    this.#left.push(entry.slot)
    this.#changed()
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
      if (visible.has(entry.visibility) && matches(entry.index)) found.push(entry)
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1))
    const answer = { body: jsonArray(found), count: found.length }
    this.#keep(question, answer)
    return answer
  }

  /** A superset of what matches: of quantities nothing is missed, and hardly anything too much taken. */
  #candidates(selector: Selector): Iterable<Entry> {
    const ranges: FlavorRange[] = []
    for (const [field, filter] of Object.entries(selector.filters) as [SelectorFieldName, Filter][]) {
      if (filter.op === 'pattern' || SELECTOR_FIELDS[field].value !== 'number') continue
      const least = filter.op === 'match' ? filter.value : filter.min
      const most = filter.op === 'match' ? filter.value : filter.max
      ranges.push(
        this.#column(field).range(
          least === undefined ? -Infinity : approximation(least),
          most === undefined ? Infinity : approximation(most),
        ),
      )
    }
    if (ranges.length === 0) return this.#entries.values()
    const slots = FlavorColumn.slotsIn(ranges)
    return slots.map((slot) => this.#slots[slot]!)
  }

  #column(field: SelectorFieldName): FlavorColumn {
    this.#settle()
    let column = this.#columns.get(field)
    if (column === undefined) {
      column = new FlavorColumn((slot) => valueOf(this.#slots[slot], field))
      column.update(
        [],
        Array.from(this.#entries.values(), ({ slot }) => slot),
      )
      this.#columns.set(field, column)
    }
    return column
  }

  /** Brings the columns in line with the entries; many changes cost one pass. */
  #settle(): void {
    if (this.#left.length === 0 && this.#added.length === 0) return
    const added = this.#added.filter((entry) => this.#slots[entry.slot] === entry).map(({ slot }) => slot)
    for (const column of this.#columns.values()) column.update(this.#left, added)
    for (const slot of this.#left) this.#free.push(slot)
    this.#left = []
    this.#added = []
  }

  #changed(): void {
    this.#answers.clear()
    this.#answerBytes = 0
    // Where nobody asks, what waits must not pile up.
    const waiting = this.#left.length + this.#added.length
    if (waiting > FEW_CHANGES && waiting > this.#entries.size / 2) this.#settle()
  }

  /** Keeps the answer to a question that came before: most never come again, and keeping theirs costs more than it saves. */
  #keep(question: string, answer: FlavorList): void {
    if (!this.#asked.has(question)) {
      if (this.#asked.size >= MOST_QUESTIONS) this.#asked.clear()
      this.#asked.add(question)
      return
    }
    if (answer.body.length > MOST_ANSWER_BYTES / 4) return
    this.#answers.set(question, answer)
    this.#answerBytes += answer.body.length
    for (const [oldest, { body }] of this.#answers) {
      if (this.#answers.size <= MOST_ANSWERS && this.#answerBytes <= MOST_ANSWER_BYTES) break
      this.#answers.delete(oldest)
      this.#answerBytes -= body.length
    }
  }
}

/** Rounding keeps the order: what lies between two quantities lies between, or on, their approximations. */
function approximation(quantity: string): number {
  return Number(parseQuantity(quantity).nanos)
}

function valueOf(entry: Entry | undefined, field: SelectorFieldName): number | undefined {
  const quantity = entry?.index.numbers[field]
  return quantity && Number(quantity.nanos)
}

function jsonArray(entries: readonly Entry[]): Buffer {
  let size = Math.max(2, entries.length + 1)
  for (const { encoded } of entries) size += encoded.length
  const body = Buffer.allocUnsafe(size)
  let end = 0
  body[end++] = OPEN!
  for (const { encoded } of entries) {
    if (end > 1) body[end++] = COMMA!
    body.set(encoded, end)
    end += encoded.length
  }
  body[end] = CLOSE!
  return body
}
