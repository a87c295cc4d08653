/** Names of entries by a value that mostly one of them has: a set for each would be larger than the entries. */
export class NameIndex {
  readonly #names = new Map<string, string | Set<string>>()

  add(value: string, name: string): void {
    const there = this.#names.get(value)
    if (there === undefined || there === name) this.#names.set(value, name)
    else if (typeof there === 'string') this.#names.set(value, new Set([there, name]))
    else there.add(name)
  }

  delete(value: string, name: string): void {
    const there = this.#names.get(value)
    if (there === name) this.#names.delete(value)
    else if (typeof there === 'object' && there.delete(name) && there.size === 0) this.#names.delete(value)
  }

  /** @returns a copy */
  get(value: string): string[] {
    const there = this.#names.get(value)
    return there === undefined ? [] : typeof there === 'string' ? [there] : [...there]
  }
}
