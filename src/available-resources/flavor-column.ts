/**
 * One quantity of all flavors of a table, sorted: finds those within bounds without looking at the others.
 *
 * Flavors are known by their slot, a small number; values are floating-point approximations, which sort as the
 * exact ones do. Used by `FlavorTable` only, which compares exactly what is found.
 */

/** The part of a column that lies within bounds. */
export interface FlavorRange {
  readonly column: FlavorColumn
  readonly least: number
  readonly most: number
  /** Places in the order: from this one up to, but not including, the other. */
  readonly from: number
  readonly to: number
}

export class FlavorColumn {
  readonly #valueOf: (slot: number) => number | undefined
  /** Values by slot; NaN for a flavor that has none, which lies within no bounds. */
  #values = new Float64Array(0)
  /** The slots that have a value, in the order of their values. */
  #order: number[] = []

  /** @param valueOf the value of the flavor that is at a slot now; undefined when it has none */
  constructor(valueOf: (slot: number) => number | undefined) {
    this.#valueOf = valueOf
  }

  /** Some slots were left, and others, or the same ones again, taken. */
  update(left: readonly number[], taken: readonly number[]): void {
    for (const slot of left) this.#values[slot] = Number.NaN
    const kept =
      left.length === 0 ? this.#order : this.#order.filter((slot) => !Number.isNaN(this.#values[slot]))
    this.#makeRoom(taken.reduce((highest, slot) => Math.max(highest, slot), -1) + 1)
    const added: number[] = []
    for (const slot of taken) {
      const value = this.#valueOf(slot)
      if (value === undefined) continue
      this.#values[slot] = value
      added.push(slot)
    }
    const values = this.#values
    added.sort((a, b) => values[a]! - values[b]!)
    this.#order = merge(kept, added, values)
  }

  range(least: number, most: number): FlavorRange {
    const from = this.#bound(least, false)
    return { column: this, least, most, from, to: Math.max(from, this.#bound(most, true)) }
  }

  /** @returns the slots that lie within all of the ranges; at least one is needed */
  static slotsIn(ranges: readonly FlavorRange[]): number[] {
    const [best, ...others] = ranges.toSorted((a, b) => a.to - a.from - (b.to - b.from))
    const slots: number[] = []
    const order = best!.column.#order
    for (let place = best!.from; place < best!.to; place++) {
      const slot = order[place]!
      if (others.every(({ column, least, most }) => within(column.#values[slot]!, least, most)))
        slots.push(slot)
    }
    return slots
  }

  /** @returns the first place whose value is at least `value`, or, with `after`, greater than it */
  #bound(value: number, after: boolean): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = this.#values[this.#order[middle]!]!
      if (found < value || (after && found === value)) low = middle + 1
      else high = middle
    }
    return low
  }

  #makeRoom(slots: number): void {
    if (slots <= this.#values.length) return
    const values = new Float64Array(Math.max(64, slots, this.#values.length * 2)).fill(Number.NaN)
    values.set(this.#values)
    this.#values = values
  }
}

const within = (value: number, least: number, most: number): boolean => value >= least && value <= most

function merge(left: readonly number[], right: readonly number[], values: Float64Array): number[] {
  const merged: number[] = []
  let l = 0
  let r = 0
  while (l < left.length && r < right.length) {
    merged.push(values[left[l]!]! <= values[right[r]!]! ? left[l++]! : right[r++]!)
  }
  while (l < left.length) merged.push(left[l++]!)
  while (r < right.length) merged.push(right[r++]!)
  return merged
}
