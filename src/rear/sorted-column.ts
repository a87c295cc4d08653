/**
 * Items in the order of a number, for range questions over a table that changes all the time.
 *
 * They are kept in chunks of a few hundred: one more or one less in a hundred thousand moves few of them.
 */

export interface ColumnItem {
  /** Unique; orders items of equal value. */
  readonly key: string
}

interface Chunk<T> {
  readonly values: bigint[]
  readonly items: T[]
}

const CHUNK = 256

export class SortedColumn<T extends ColumnItem> {
  #chunks: Chunk<T>[] = []

  /** The item must not be here already. */
  add(value: bigint, item: T): void {
    const chunk = this.#chunks[Math.min(this.#chunkOf(value, item.key), this.#chunks.length - 1)]
    if (chunk === undefined) {
      this.#chunks.push({ values: [value], items: [item] })
      return
    }
    const at = lowerBound(chunk, value, item.key)
    chunk.values.splice(at, 0, value)
    chunk.items.splice(at, 0, item)
    if (chunk.values.length > 2 * CHUNK) {
      const half = { values: chunk.values.splice(CHUNK), items: chunk.items.splice(CHUNK) }
      this.#chunks.splice(this.#chunks.indexOf(chunk) + 1, 0, half)
    }
  }

  /** @param value the one that the item was added with */
  delete(value: bigint, item: T): void {
    const index = this.#chunkOf(value, item.key)
    const chunk = this.#chunks[index]
    if (chunk === undefined) return
    const at = lowerBound(chunk, value, item.key)
    if (chunk.items[at]?.key !== item.key) return
    chunk.values.splice(at, 1)
    chunk.items.splice(at, 1)
    if (chunk.values.length === 0) this.#chunks.splice(index, 1)
  }

  /** @returns how many items have a value from `least` to `most`, both included; open where undefined */
  count(least: bigint | undefined, most: bigint | undefined): number {
    let count = 0
    for (const [chunk, from, to] of this.#slices(least, most)) count += chunk === undefined ? 0 : to - from
    return count
  }

  /** The items with a value from `least` to `most`, both included, in order. */
  *range(least: bigint | undefined, most: bigint | undefined): Generator<T, void, undefined> {
    for (const [chunk, from, to] of this.#slices(least, most)) {
      for (let at = from; at < to; at++) yield chunk.items[at]!
    }
  }

  *#slices(
    least: bigint | undefined,
    most: bigint | undefined,
  ): Generator<readonly [Chunk<T>, number, number], void, undefined> {
    for (
      let index = least === undefined ? 0 : this.#chunkOf(least, '');
      index < this.#chunks.length;
      index++
    ) {
      const chunk = this.#chunks[index]!
      if (most !== undefined && chunk.values[0]! > most) return
      const from = least === undefined || chunk.values[0]! >= least ? 0 : lowerBound(chunk, least, '')
      const to =
        most === undefined || chunk.values.at(-1)! <= most ? chunk.values.length : upperBound(chunk, most)
      if (to > from) yield [chunk, from, to]
    }
  }

  /** @returns the first chunk whose last item is not before the given place; their number if there is none */
  #chunkOf(value: bigint, key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { values, items } = this.#chunks[middle]!
      const last = values.length - 1
      if (values[last]! < value || (values[last] === value && items[last]!.key < key)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function lowerBound(chunk: Chunk<ColumnItem>, value: bigint, key: string): number {
  let low = 0
  let high = chunk.values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const there = chunk.values[middle]!
    if (there < value || (there === value && chunk.items[middle]!.key < key)) low = middle + 1
    else high = middle
  }
  return low
}

function upperBound(chunk: Chunk<ColumnItem>, value: bigint): number {
  let low = 0
  let high = chunk.values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk.values[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}
