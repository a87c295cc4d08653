/**
 * The bytes of request bodies that one connection has us keep: those that are still coming, and those whose request is
 * not answered yet. However many requests a caller begins at once, it costs no more than this.
 */
export class WaitingBytes {
  readonly #most: number
  #bytes = 0

  constructor(most: number) {
    this.#most = most
  }

  /** How many there are now. */
  get bytes(): number {
    return this.#bytes
  }

  /** @returns whether so many more may be kept; then they are counted until they are given back */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#most) return false
    this.#bytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}
