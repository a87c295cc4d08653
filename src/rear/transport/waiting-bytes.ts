/**
 * The bytes that callers have us keep: heads and bodies of requests that are not answered, and answers that are not read.
 * However many a caller begins at once, over however many connections, it costs no more than this.
 */

import { STRANGERS } from './caller-name.ts'

/** Of one connection, or of one peer. */
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

  /** Counts so many more, whether they fit or not: nobody else's will, until they are given back. */
  force(bytes: number): void {
    this.#bytes += bytes
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** Of everybody, each by a name. */
export class WaitingPeers {
  readonly #most: number
  readonly #peers = new Map<string, WaitingBytes>()

  constructor(most: number) {
    this.#most = most
  }

  /** What one has waiting; to be asked for again for each request. */
  of(name: string): WaitingBytes {
    const known = this.#peers.get(name)
    if (known) return known
    const made = new WaitingBytes(this.#most)
    this.#peers.set(name, made)
    return made
  }

  /** Forgets a peer that has nothing waiting. */
  settle(name: string): void {
    if (this.#peers.get(name)?.bytes === 0) this.#peers.delete(name)
  }
}

/** Of one connection of an accepted peer; a catalog's may be large. */
const MOST_ANSWER_BYTES = 32 << 20

/** What one request has waiting, counted for its connection and for its peer. */
export class Waiting {
  readonly #connection: WaitingBytes
  readonly #peers: WaitingPeers
  readonly #name: string
  #kept = 0

  constructor(
    connection: WaitingBytes,
    peers: WaitingPeers,
    caller: { readonly id: string | undefined; readonly isStranger: boolean },
  ) {
    this.#connection = connection
    this.#peers = peers
    this.#name = caller.isStranger ? STRANGERS : (caller.id ?? STRANGERS)
  }

  /** @returns whether so many more may be kept */
  keep(bytes: number): boolean {
    if (!this.#connection.take(bytes)) return false
    if (!this.#peers.of(this.#name).take(bytes)) {
      this.#connection.giveBack(bytes)
      this.#peers.settle(this.#name)
      return false
    }
    this.#kept += bytes
    return true
  }

  /**
   * The request is answered with so many bytes, and what was kept of it is not needed any more.
   * @returns whether they may wait to be read. One answer always may, however large: nothing else waits then
   */
  answer(bytes: number): boolean {
    this.release()
    if (this.keep(bytes)) return true
    // One that does not fit beside others has to be possible alone; who is accepted may well ask for several.
    const { bytes: others } = this.#connection
    if (others > 0 && (this.#name === STRANGERS || others + bytes > MOST_ANSWER_BYTES)) return false
    this.#connection.force(bytes)
    this.#peers.of(this.#name).force(bytes)
    this.#kept += bytes
    return true
  }

  /** All is read, or nobody is there any more. Idempotent. */
  release(): void {
    this.#connection.giveBack(this.#kept)
    this.#peers.of(this.#name).giveBack(this.#kept)
    this.#peers.settle(this.#name)
    this.#kept = 0
  }
}
