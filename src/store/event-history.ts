/**
 * The last changes of one kind, by revision: what watches read, and what lets a list be continued
 * as of the version at which it began. Bounded; a reader that falls behind gets `Expired`.
 */
import { StoreError, type WatchEvent } from '../kernel/object-store.ts'
import type { KubeObject } from '../objects/meta.ts'

/** One change of one object. */
export interface Change {
  readonly revision: number
  /** The object's place in its kind's table. */
  readonly tableKey: string
  readonly before: KubeObject | undefined
  /** Undefined when the change removed the object. */
  readonly after: KubeObject | undefined
  readonly event: Exclude<WatchEvent, { type: 'BOOKMARK' }>
}

export class EventHistory {
  readonly #limit: number
  /** The oldest change kept is at `#head`; what is before it is garbage until the next compaction. */
  #changes: (Change | undefined)[] = []
  #head = 0
  /** Sequence number of `#changes[0]`. */
  #base = 0
  /** Every change after this revision is here. */
  #completeAfter: number

  /**
   * @param limit how many changes are kept
   * @param completeAfter the revision at which the history begins
   */
  constructor(limit: number, completeAfter: number) {
    this.#limit = limit
    this.#completeAfter = completeAfter
  }

  /** The sequence number that the next change will get. */
  get end(): number {
    return this.#base + this.#changes.length
  }

  push(change: Change): void {
    this.#changes.push(change)
    if (this.#changes.length - this.#head <= this.#limit) return
    this.#completeAfter = this.#changes[this.#head]!.revision
    this.#changes[this.#head] = undefined
    this.#head++
    if (this.#head > this.#limit) {
      this.#changes = this.#changes.slice(this.#head)
      this.#base += this.#head
      this.#head = 0
    }
  }

  /**
   * @returns the sequence number of the first change after `revision`
   * @throws StoreError `Expired`
   */
  firstAfter(revision: number): number {
    if (revision < this.#completeAfter) {
      throw new StoreError(
        'Expired',
        `too old resource version: ${revision} (changes up to ${this.#completeAfter} are forgotten)`,
      )
    }
    let low = this.#head
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#changes[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return this.#base + low
  }

  /** @throws StoreError `Expired` when the change has been dropped meanwhile */
  at(sequence: number): Change {
    const change = this.#changes[sequence - this.#base]
    if (change === undefined) {
      throw new StoreError('Expired', 'the watch was too slow: changes that it had not seen are forgotten')
    }
    return change
  }
}
