/**
 * One quantity of all flavors of a table, sorted: finds those within bounds without looking at the others.
 *
 * Flavors are known by their slot, a small number; values are floating-point numbers, which sort as the exact ones
 * do. The order is kept in chunks of a few hundred, so that one more or one less in a hundred thousand moves few.
 * Used by `FlavorTable` only.
 */

/** The part of a column that lies within bounds, both included. */
export interface FlavorRange {
  readonly column: FlavorColumn
  readonly least: number
  readonly most: number
  /** How many flavors lie within. */
  readonly count: number
  /** Whether nothing was rounded. Otherwise one that lies on a bound may lie beyond it: compare exactly. */
  readonly exact: boolean
}

/** Before the flavor at `index` of a chunk. */
interface Place {
  readonly chunk: number
  readonly index: number
}

const CHUNK = 256

export class FlavorColumn {
  /** Values by slot; NaN for a flavor that has none, which lies within no bounds. */
  #values = new Float64Array(0)
  /** The slots that have a value, in the order of their values, then of the slots. */
  #chunks: number[][] = []
  /** Slots whose value is not quite what was added. */
  readonly #rounded = new Set<number>()

  /** Takes everything at once, in place of what is here. */
  fill(values: Iterable<readonly [slot: number, value: bigint]>): void {
    this.#values.fill(Number.NaN)
    this.#rounded.clear()
    const slots: number[] = []
    for (const [slot, value] of values) {
      this.#write(slot, value)
      slots.push(slot)
    }
    slots.sort((a, b) => this.#values[a]! - this.#values[b]! || a - b)
    this.#chunks = []
    for (let from = 0; from < slots.length; from += CHUNK) this.#chunks.push(slots.slice(from, from + CHUNK))
  }

  /** The slot must have no value yet. */
  add(slot: number, value: bigint): void {
    const near = this.#write(slot, value)
    const at = this.#place(near, slot)
    // Behind all of them is in the last one.
    const index = Math.min(at.chunk, this.#chunks.length - 1)
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([slot])
      return
    }
    chunk.splice(index === at.chunk ? at.index : chunk.length, 0, slot)
    if (chunk.length > 2 * CHUNK) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK))
  }

  delete(slot: number): void {
    const value = this.#values[slot]
    if (value === undefined || Number.isNaN(value)) return
    const { chunk: at, index } = this.#place(value, slot)
    const chunk = this.#chunks[at]!
    chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.#values[slot] = Number.NaN
    this.#rounded.delete(slot)
  }

  /** @param least without one, from the smallest; `most` likewise */
  range(least: bigint | undefined, most: bigint | undefined): FlavorRange {
    const low = least === undefined ? -Infinity : Number(least)
    const high = most === undefined ? Infinity : Number(most)
    const from = this.#place(low, -1)
    const to = low <= high ? this.#place(high, Infinity) : from
    let count = to.index - from.index
    for (let chunk = from.chunk; chunk < to.chunk; chunk++) count += this.#chunks[chunk]!.length
    return {
      column: this,
      least: low,
      most: high,
      count,
      exact: this.#rounded.size === 0 && !isRounded(least) && !isRounded(most),
    }
  }

  /** @returns the slots that lie within all of the ranges, in no order; at least one range is needed */
  static slotsIn(ranges: readonly FlavorRange[]): number[] {
    const best = ranges.reduce((least, range) => (range.count < least.count ? range : least))
    const [second, ...others] = ranges.filter((range) => range !== best)
    let slots = best.column.#slots(best, second)
    for (const { column, least, most } of others) {
      slots = slots.filter((slot) => column.#values[slot]! >= least && column.#values[slot]! <= most)
    }
    return slots
  }

  /** The hot loop: of two bounds that each leave half of all flavors, it looks at every one of a half. */
  #slots({ least, most, count }: FlavorRange, also: FlavorRange | undefined): number[] {
    const found: number[] = []
    const [values, low, high] = also
      ? [also.column.#values, also.least, also.most]
      : [this.#values, least, most]
    let { chunk, index } = this.#place(least, -1)
    for (let left = count; left > 0; chunk++, index = 0) {
      const slots = this.#chunks[chunk]!
      const end = Math.min(slots.length, index + left)
      left -= end - index
      for (; index < end; index++) {
        const slot = slots[index]!
        const value = values[slot]!
        if (value >= low && value <= high) found.push(slot)
      }
    }
    return found
  }

  /** @returns the first place whose flavor is not before the given value and slot; behind the last if there is none */
  #place(value: number, slot: number): Place {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(this.#chunks[middle]!.at(-1)!, value, slot)) low = middle + 1
      else high = middle
    }
    const chunk = low
    const slots = this.#chunks[chunk]
    if (slots === undefined) return { chunk, index: 0 }
    low = 0
    high = slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(slots[middle]!, value, slot)) low = middle + 1
      else high = middle
    }
    return { chunk, index: low }
  }

  #isBefore(there: number, value: number, slot: number): boolean {
    const found = this.#values[there]!
    return found < value || (found === value && there < slot)
  }

  #write(slot: number, value: bigint): number {
    if (slot >= this.#values.length) {
      const values = new Float64Array(Math.max(64, slot + 1, this.#values.length * 2)).fill(Number.NaN)
      values.set(this.#values)
      this.#values = values
    }
    if (isRounded(value)) this.#rounded.add(slot)
    return (this.#values[slot] = Number(value))
  }
}

/** Most are not, however large: quantities of memory end in many zero bits. */
const isRounded = (value: bigint | undefined): boolean =>
  value !== undefined && BigInt(Number(value)) !== value
