/** How many connections each caller has, so that nobody takes all of them. */
import type { Socket } from 'node:net'

export class ConnectionCounts {
  readonly #most: number
  readonly #counts = new Map<string, number>()

  /** @param most of one caller */
  constructor(most: number) {
    this.#most = most
  }

  /** Counts a connection until it closes. @returns whether the caller may have it */
  add(name: string, socket: Socket): boolean {
    const count = this.#counts.get(name) ?? 0
    if (count >= this.#most) return false
    this.#counts.set(name, count + 1)
    socket.once('close', () => {
      const left = this.#counts.get(name)! - 1
      if (left > 0) this.#counts.set(name, left)
      else this.#counts.delete(name)
    })
    return true
  }
}
