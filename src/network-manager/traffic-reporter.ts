/**
 * Writes what `StreamRegistry` counts into the status of the virtual routers: every few seconds while
 * something passes, and once more at the end. Adds to what the status says, so the sum survives restarts.
 */
import type { Log } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import type { System, Timer } from '../kernel/system.ts'
import { keyOf } from '../objects/meta.ts'
import { VirtualRouterKind } from '../objects/virtual-router.ts'
import type { Traffic } from './stream-registry.ts'
import type { RouterIndex } from './router-index.ts'

export interface TrafficReporterOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly routers: RouterIndex
  readonly trafficOf: (contractID: string) => Traffic
  /** Between two writes for one router, in milliseconds. */
  readonly intervalMs: number
}

export class TrafficReporter {
  readonly #options: TrafficReporterOptions
  readonly #timers = new Map<string, Timer>()
  /** What has been added to the status since the process began. */
  readonly #reported = new Map<string, { readonly bytesIn: number; readonly bytesOut: number }>()
  readonly #writing = new Map<string, Promise<void>>()

  #stopped = false

  constructor(options: TrafficReporterOptions) {
    this.#options = options
  }

  start(): void {
    this.#stopped = false
  }

  /** Notes that the traffic of a contract has changed; cheap. */
  changed(contractID: string): void {
    if (this.#stopped || this.#timers.has(contractID)) return
    const timer = this.#options.system.clock.after(this.#options.intervalMs, () => {
      this.#timers.delete(contractID)
      void this.report(contractID)
    })
    this.#timers.set(contractID, timer)
  }

  /** Writes now. Never rejects: what could not be written is written next time. */
  report(contractID: string): Promise<void> {
    const before = this.#writing.get(contractID) ?? Promise.resolve()
    const writing = before
      .then(() => this.#write(contractID))
      .catch((error: unknown) => this.#options.log.warn({ err: error, contractID }, 'traffic not recorded'))
      .finally(() => {
        if (this.#writing.get(contractID) === writing) this.#writing.delete(contractID)
      })
    this.#writing.set(contractID, writing)
    return writing
  }

  /** The contract is over: nothing is left to write to. */
  forget(contractID: string): void {
    this.#timers.get(contractID)?.cancel()
    this.#timers.delete(contractID)
    this.#reported.delete(contractID)
  }

  /** Writes all that is not written yet. */
  async stop(): Promise<void> {
    this.#stopped = true
    const waiting = [...this.#timers.keys()]
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await Promise.all([...waiting.map((contractID) => this.report(contractID)), ...this.#writing.values()])
  }

  async #write(contractID: string): Promise<void> {
    const { store, routers, trafficOf } = this.#options
    const router = routers.of(contractID)
    if (!router) return
    const { bytesIn, bytesOut, streams } = trafficOf(contractID)
    const reported = this.#reported.get(contractID) ?? { bytesIn: 0, bytesOut: 0 }
    await mutateStatus(store, VirtualRouterKind, keyOf(router), ({ metadata, status }) =>
      metadata.uid === router.metadata.uid
        ? {
            ...status,
            bytesIn: (status?.bytesIn ?? 0) + bytesIn - reported.bytesIn,
            bytesOut: (status?.bytesOut ?? 0) + bytesOut - reported.bytesOut,
            streams,
          }
        : undefined,
    )
    this.#reported.set(contractID, { bytesIn, bytesOut })
  }
}
