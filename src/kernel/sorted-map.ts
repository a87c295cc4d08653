/**
 * A map from string to value that is also kept in the order of its keys (UTF-16 code units).
 *
 * Keys live in chunks of a few hundred, so that one insertion into a table of a hundred thousand
 * moves little, and a range is read without sorting. Used by informers and the in-memory tables of stores.
 */

export interface SortedEntry<V> {
  readonly key: string
  readonly value: V
}

interface MutableEntry<V> {
  readonly key: string
  value: V
}

const CHUNK = 512

export class SortedMap<V> {
  readonly #entries = new Map<string, MutableEntry<V>>()
  /** Every chunk is non-empty and sorted; so are the chunks among themselves. */
  #chunks: MutableEntry<V>[][] = []

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  set(key: string, value: V): void {
    const known = this.#entries.get(key)
    if (known) {
      known.value = value
      return
    }
    const entry = { key, value }
    this.#entries.set(key, entry)
    const chunkIndex = Math.min(this.#chunkOf(key), this.#chunks.length - 1)
    const chunk = this.#chunks[chunkIndex]
    if (chunk === undefined) {
      this.#chunks.push([entry])
      return
    }
    chunk.splice(lowerBound(chunk, key), 0, entry)
    if (chunk.length > CHUNK) {
      // Splitting at the end keeps chunks full when keys arrive in order, as they do on loading.
      const half = chunkIndex === this.#chunks.length - 1 && chunk.at(-1) === entry ? CHUNK : CHUNK / 2
      this.#chunks.splice(chunkIndex + 1, 0, chunk.splice(half))
    }
  }

  delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false
    const chunkIndex = this.#chunkOf(key)
    const chunk = this.#chunks[chunkIndex]!
    chunk.splice(lowerBound(chunk, key), 1)
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1)
    return true
  }

  /**
   * Visits entries in order.
   * @param after exclusive lower end of the keys
   * @param until exclusive upper end; none when undefined
   * @param visit returns false to stop
   */
  visit(after: string, until: string | undefined, visit: (entry: SortedEntry<V>) => boolean): void {
    for (let chunkIndex = this.#chunkOf(after); chunkIndex < this.#chunks.length; chunkIndex++) {
      const chunk = this.#chunks[chunkIndex]!
      let index = chunk[0]!.key > after ? 0 : lowerBound(chunk, after)
      if (chunk[index]?.key === after) index++
      for (; index < chunk.length; index++) {
        const entry = chunk[index]!
        if (until !== undefined && entry.key >= until) return
        if (!visit(entry)) return
      }
    }
  }

  /** @returns how many keys are > `after` and, if given, < `until`. */
  count(after: string, until: string | undefined): number {
    const end = until === undefined ? this.size : this.#below(until)
    const start = this.#below(after) + (this.#entries.has(after) ? 1 : 0)
    return Math.max(0, end - start)
  }

  /** @returns how many keys are < `key`. */
  #below(key: string): number {
    const chunkIndex = this.#chunkOf(key)
    let count = 0
    for (let index = 0; index < chunkIndex; index++) count += this.#chunks[index]!.length
    const chunk = this.#chunks[chunkIndex]
    return chunk === undefined ? count : count + lowerBound(chunk, key)
  }

  /** @returns the index of the first chunk whose last key is ≥ `key`; the number of chunks if there is none. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.at(-1)!.key < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** @returns the index of the first entry whose key is ≥ `key`. */
function lowerBound(chunk: readonly { readonly key: string }[], key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}
