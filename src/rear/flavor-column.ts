/**
 * One quantity of all flavors of a table, sorted: finds those within bounds without looking at the others.
 *
 * Flavors are known by their slot, a small number; values are floating-point approximations, which sort as the
 * exact ones do. The order is kept in chunks of a few hundred, so that one more or one less in a hundred thousand
 * moves few. Used by `FlavorTable` only, which compares exactly what is found.
 */

/** The part of a column that lies within bounds, both included. */
export interface FlavorRange {
  readonly column: FlavorColumn
  readonly least: number
  readonly most: number
  /** How many flavors lie within. */
  readonly count: number
}

const CHUNK = 256

export class FlavorColumn {
  /** Values by slot; NaN for a flavor that has none, which lies within no bounds. */
  #values = new Float64Array(0)
  /** The slots that have a value, in the order of their values, then of the slots. */
  #chunks: number[][] = []

  /** Takes everything at once, in place of what is here. */
  fill(values: Iterable<readonly [slot: number, value: number]>): void {
    this.#values.fill(Number.NaN)
    const slots: number[] = []
    for (const [slot, value] of values) {
      this.#makeRoom(slot + 1)
      this.#values[slot] = value
      slots.push(slot)
    }
    slots.sort((a, b) => this.#values[a]! - this.#values[b]! || a - b)
    this.#chunks = []
    for (let from = 0; from < slots.length; from += CHUNK) this.#chunks.push(slots.slice(from, from + CHUNK))
  }

  /** The slot must have no value yet. */
  add(slot: number, value: number): void {
    this.#makeRoom(slot + 1)
    this.#values[slot] = value
    const index = Math.min(this.#chunkOf(value, slot), this.#chunks.length - 1)
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([slot])
      return
    }
    chunk.splice(this.#placeIn(chunk, value, slot), 0, slot)
    if (chunk.length > 2 * CHUNK) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK))
  }

  delete(slot: number): void {
    const value = this.#values[slot]
    if (value === undefined || Number.isNaN(value)) return
    const index = this.#chunkOf(value, slot)
    const chunk = this.#chunks[index]!
    chunk.splice(this.#placeIn(chunk, value, slot), 1)
    if (chunk.length === 0) this.#chunks.splice(index, 1)
    this.#values[slot] = Number.NaN
  }

  range(least: number, most: number): FlavorRange {
    let count = 0
    for (const [, from, to] of this.#parts(least, most)) count += to - from
    return { column: this, least, most, count }
  }

  /** @returns the slots that lie within all of the ranges, in no order; at least one range is needed */
  static slotsIn(ranges: readonly FlavorRange[]): number[] {
    const [best, ...others] = ranges.toSorted((a, b) => a.count - b.count)
    const slots: number[] = []
    for (const [chunk, from, to] of best!.column.#parts(best!.least, best!.most)) {
      for (let place = from; place < to; place++) {
        const slot = chunk[place]!
        if (others.every(({ column, least, most }) => within(column.#values[slot]!, least, most)))
          slots.push(slot)
      }
    }
    return slots
  }

  *#parts(least: number, most: number): Generator<readonly [number[], number, number], void, undefined> {
    const values = this.#values
    for (let index = this.#chunkOf(least, -1); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      if (values[chunk[0]!]! > most) return
      const from = values[chunk[0]!]! >= least ? 0 : this.#placeIn(chunk, least, -1)
      const to = values[chunk.at(-1)!]! <= most ? chunk.length : this.#placeIn(chunk, most, Infinity)
      if (to > from) yield [chunk, from, to]
    }
  }

  /** @returns the first chunk whose last slot is not before the given place; their number if there is none */
  #chunkOf(value: number, slot: number): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(this.#chunks[middle]!.at(-1)!, value, slot)) low = middle + 1
      else high = middle
    }
    return low
  }

  #placeIn(chunk: readonly number[], value: number, slot: number): number {
    let low = 0
    let high = chunk.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(chunk[middle]!, value, slot)) low = middle + 1
      else high = middle
    }
    return low
  }

  #isBefore(there: number, value: number, slot: number): boolean {
    const found = this.#values[there]!
    return found < value || (found === value && there < slot)
  }

  #makeRoom(slots: number): void {
    if (slots <= this.#values.length) return
    const values = new Float64Array(Math.max(64, slots, this.#values.length * 2)).fill(Number.NaN)
    values.set(this.#values)
    this.#values = values
  }
}

const within = (value: number, least: number, most: number): boolean => value >= least && value <= most
