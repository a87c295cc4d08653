/** Keeps work on the same thing from overlapping: what comes second sees what the first one left. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs `work` after all work that was handed in before under the same key, whatever became of that. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const mine = (async () => {
      await before?.catch(() => undefined)
      return work()
    })()
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}
