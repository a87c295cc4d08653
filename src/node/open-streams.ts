/** The streams that others have opened to this node, by who did: those of a peer that is rejected are cut. */
import type { Duplex } from 'node:stream'

export class OpenStreams {
  readonly #ofPeers = new Map<string, Set<Duplex>>()

  add(peer: string, duplex: Duplex): void {
    const open = this.#ofPeers.get(peer) ?? new Set()
    this.#ofPeers.set(peer, open.add(duplex))
    duplex.once('close', () => {
      open.delete(duplex)
      if (open.size === 0 && this.#ofPeers.get(peer) === open) this.#ofPeers.delete(peer)
    })
  }

  /** Resets every stream of a peer. */
  cut(peer: string, why: string): void {
    for (const duplex of this.#ofPeers.get(peer) ?? []) duplex.destroy(new Error(why))
  }
}
