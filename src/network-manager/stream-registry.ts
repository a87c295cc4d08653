/**
 * The streams that are open under each contract: counted, limited, and cut when the contract ends.
 */
import type { Duplex } from 'node:stream'
import type { System } from '../kernel/system.ts'
import { splice } from './splice.ts'

/** What has passed under one contract since the process began. */
export interface Traffic {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly streams: number
  /** Monotonic milliseconds at which the peer was last heard on a stream; undefined before. */
  readonly heardAt: number | undefined
}

const NO_TRAFFIC: Traffic = { bytesIn: 0, bytesOut: 0, streams: 0, heardAt: undefined }

interface Ledger {
  bytesIn: number
  bytesOut: number
  heardAt: number | undefined
  readonly open: Set<AbortController>
}

/** One stream, from the wish to open it until both directions have ended. */
export interface CarriedStream {
  /** Aborts when the contract or the node stops. */
  readonly signal: AbortSignal
  /** Joins the two; see `splice`. */
  carry(local: Duplex, peer: Duplex): Promise<void>
  /** Must be called, whatever happened; idempotent. */
  end(): void
}

export interface StreamRegistryOptions {
  readonly system: System
  /** Streams that may be open at a time under one contract. */
  readonly maxStreams: number
  /** Told when what `traffic` says has changed. */
  readonly onTraffic: (contractID: string) => void
}

export class StreamRegistry {
  readonly #ledgers = new Map<string, Ledger>()
  readonly #system: System
  readonly #maxStreams: number
  readonly #onTraffic: (contractID: string) => void

  constructor(options: StreamRegistryOptions) {
    this.#system = options.system
    this.#maxStreams = options.maxStreams
    this.#onTraffic = options.onTraffic
  }

  /** @returns undefined when as many streams as may be are open under the contract */
  begin(contractID: string): CarriedStream | undefined {
    const ledger = this.#ledger(contractID)
    if (ledger.open.size >= this.#maxStreams) return undefined
    const abort = new AbortController()
    ledger.open.add(abort)
    this.#onTraffic(contractID)
    return {
      signal: abort.signal,
      carry: async (local, peer) => {
        const cut = (): void => void peer.destroy(abort.signal.reason as Error)
        abort.signal.addEventListener('abort', cut, { once: true })
        if (abort.signal.aborted) cut()
        await splice(local, peer, {
          forward: (bytes) => {
            ledger.bytesOut += bytes
            this.#onTraffic(contractID)
          },
          back: (bytes) => {
            ledger.bytesIn += bytes
            ledger.heardAt = this.#system.clock.monotonic()
            this.#onTraffic(contractID)
          },
        })
      },
      end: () => {
        if (ledger.open.delete(abort)) this.#onTraffic(contractID)
      },
    }
  }

  traffic(contractID: string): Traffic {
    const ledger = this.#ledgers.get(contractID)
    return ledger ? { ...ledger, streams: ledger.open.size } : NO_TRAFFIC
  }

  /** Notes that the peer has shown itself otherwise than by bytes on a stream. */
  heard(contractID: string): void {
    this.#ledger(contractID).heardAt = this.#system.clock.monotonic()
  }

  /** Cuts every stream of the contract; what was counted stays known. */
  cut(contractID: string, why: string): void {
    for (const abort of this.#ledgers.get(contractID)?.open ?? []) abort.abort(new Error(why))
  }

  /** Cuts every stream of the contract and forgets it. */
  close(contractID: string): void {
    const ledger = this.#ledgers.get(contractID)
    if (!ledger) return
    for (const abort of ledger.open) abort.abort(new Error('the contract ended'))
    this.#ledgers.delete(contractID)
  }

  /** Cuts every stream; what was counted stays known. */
  cutAll(): void {
    for (const ledger of this.#ledgers.values()) {
      for (const abort of ledger.open) abort.abort(new Error('the node stops'))
      ledger.open.clear()
    }
  }

  #ledger(contractID: string): Ledger {
    let ledger = this.#ledgers.get(contractID)
    if (!ledger) {
      ledger = { bytesIn: 0, bytesOut: 0, heardAt: undefined, open: new Set() }
      this.#ledgers.set(contractID, ledger)
    }
    return ledger
  }
}
