/**
 * Local ports that became free, by what they were used for: its successor gets them again.
 */

/** Remembered uses, and ports of each; old ones are forgotten first. */
const MAX_OWNERS = 1_024
const MAX_PORTS = 64

export class FreedPorts {
  readonly #ports = new Map<string, number[]>()

  give(owner: string, port: number): void {
    const ports = this.#ports.get(owner) ?? []
    this.#ports.delete(owner)
    this.#ports.set(owner, [...ports.filter((known) => known !== port), port].slice(-MAX_PORTS))
    for (const oldest of this.#ports.keys()) {
      if (this.#ports.size <= MAX_OWNERS) break
      this.#ports.delete(oldest)
    }
  }

  /** @returns the ports of `owner`, latest freed first; each call hands out the first of them */
  take(owner: string): number[] {
    const ports = this.#ports.get(owner)?.toReversed() ?? []
    if (ports.length > 0) this.#ports.set(owner, this.#ports.get(owner)!.slice(0, -1))
    return ports
  }
}
