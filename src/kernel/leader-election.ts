/**
 * Leader election over a Lease: of all processes that share a store, one at a time leads. What must be exclusive is
 * begun in `onStarted` and ended in `onStopped`.
 *
 * Clocks of two processes may differ, so no time that stands in a Lease is ever compared: a follower waits until it
 * has not *seen* the Lease change for its whole duration, on its own monotonic clock. A leader counts the renew
 * deadline from before the last renewal that it knows of, so that it has stopped before any other may begin.
 * It keeps two from leading at a time as long as a process runs; one that stands still for seconds (a machine put to
 * sleep) may go on for a moment, which is why writes are compare-and-swap besides.
 */
import { type Lease, LeaseKind, type LeaseSpec } from '../objects/core/lease.ts'
import type { ObjectKey } from '../objects/meta.ts'
import type { Component } from './component.ts'
import type { Log } from './log.ts'
import { isStoreError, type ObjectStore } from './object-store.ts'
import { sleep, type System, type Timer } from './system.ts'

export interface LeaderElectionOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  /** The Lease; made when it is not there. */
  readonly lease: ObjectKey
  /** Who we are: another one for each process, also for two that share an identity. */
  readonly identity: string
  /** From now on we lead. */
  readonly onStarted: () => void
  /** We do no longer: called before another can, and once for each `onStarted`. */
  readonly onStopped: () => void
  /** Nobody takes a Lease that was seen to change less than so long ago, in milliseconds; 10 000 unless given. */
  readonly durationMs?: number
  /** A leader that could not renew for so long leads no more, in milliseconds; 7 000 unless given. */
  readonly renewDeadlineMs?: number
  /** How often the Lease is looked at or renewed, in milliseconds; 2 000 unless given. */
  readonly retryMs?: number
}

/** What was last read of the Lease, and when that was first seen. */
interface Observation {
  readonly lease: Lease
  readonly atMs: number
}

export class LeaderElection implements Component {
  readonly #options: Required<LeaderElectionOptions>
  readonly #log: Log
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined
  #observed: Observation | undefined
  #deadline: Timer | undefined
  #leading = false

  /** @throws RangeError unless retry < renew deadline < duration */
  constructor(options: LeaderElectionOptions) {
    const { durationMs = 10_000, renewDeadlineMs = 7_000, retryMs = 2_000 } = options
    if (!(retryMs < renewDeadlineMs && renewDeadlineMs < durationMs)) {
      throw new RangeError('the retry must be shorter than the renew deadline, and that than the duration')
    }
    this.#options = { ...options, durationMs, renewDeadlineMs, retryMs }
    this.#log = options.log.child({ component: 'leader-election', lease: options.lease.name })
  }

  get isLeader(): boolean {
    return this.#leading
  }

  /** Who leads, as far as it was last seen; undefined when nobody does. */
  get leader(): string | undefined {
    return this.#observed?.lease.spec.holderIdentity || undefined
  }

  /** Resolves at once; `onStarted` tells when we lead. */
  start(): Promise<void> {
    if (this.#running === undefined) {
      const abort = new AbortController()
      this.#running = { abort, done: this.#run(abort.signal) }
    }
    return Promise.resolve()
  }

  /** Stops leading, and releases the Lease, so that another need not wait for its end. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    running.abort.abort()
    await running.done
    const held = this.#leading
    this.#end('stopped')
    if (held) await this.release()
    this.#observed = undefined
  }

  /** Gives the Lease away if it is ours; who could not be told waits for its end. Never rejects. */
  async release(): Promise<void> {
    this.#end('released')
    const { store, identity } = this.#options
    const lease = this.#observed?.lease
    if (lease?.spec.holderIdentity !== identity) return
    try {
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.#now() }
      this.#observe(await store.update(LeaseKind, { ...lease, spec }))
    } catch (error) {
      this.#log.debug({ err: error }, 'the lease could not be released')
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { system, retryMs } = this.#options
    while (!signal.aborted) {
      try {
        await this.#attempt(signal)
      } catch (error) {
        if (!isStoreError(error, 'Conflict', 'AlreadyExists', 'NotFound')) {
          this.#log.warn({ err: error }, 'the lease could not be taken or renewed: will try again')
        }
      }
      await sleep(system.clock, retryMs, signal).catch(() => undefined)
    }
  }

  /** Looks at the Lease, and takes or renews it if that may be. One attempt has at most one write. */
  async #attempt(signal: AbortSignal): Promise<void> {
    const { store, lease: key } = this.#options
    // Counted from before the write: the others count from when they see it.
    const begun = this.#monotonic()
    const found = await store.get(LeaseKind, key)
    if (signal.aborted) return
    if (found === undefined) {
      const made = await store.create(LeaseKind, { metadata: key, spec: this.#spec(undefined) })
      return this.#hold(made, begun, signal)
    }
    this.#observe(found)
    if (!this.#mayTake(found)) {
      this.#end('another holds the lease')
      return
    }
    // What was read must still be so: somebody else may have had the same thought.
    const stored = await store.update(LeaseKind, { ...found, spec: this.#spec(found.spec) })
    this.#hold(stored, begun, signal)
  }

  #mayTake({ spec }: Lease): boolean {
    const { identity, durationMs } = this.#options
    // Ours also when the answer to our write was lost.
    if (spec.holderIdentity === identity || !spec.holderIdentity) return true
    // Who holds it may count on a longer time than we have.
    const heldMs = Math.max(durationMs, (spec.leaseDurationSeconds ?? 0) * 1_000)
    return this.#monotonic() - this.#observed!.atMs >= heldMs
  }

  #observe(lease: Lease): void {
    // Any change counts but one of its metadata, which others may annotate.
    const { holderIdentity, renewTime, leaseTransitions } = lease.spec
    const before = this.#observed?.lease
    const same =
      before?.metadata.uid === lease.metadata.uid &&
      before.spec.holderIdentity === holderIdentity &&
      before.spec.renewTime === renewTime &&
      before.spec.leaseTransitions === leaseTransitions
    this.#observed = { lease, atMs: same ? this.#observed!.atMs : this.#monotonic() }
  }

  #spec(before: LeaseSpec | undefined): LeaseSpec {
    const { identity, durationMs } = this.#options
    const now = this.#now()
    const ours = before?.holderIdentity === identity
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      acquireTime: ours ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (ours || before === undefined ? 0 : 1),
    }
  }

  /** It is ours until the renew deadline after `sinceMs`. */
  #hold(lease: Lease, sinceMs: number, signal: AbortSignal): void {
    this.#observe(lease)
    const { system, renewDeadlineMs, onStarted } = this.#options
    const leftMs = sinceMs + renewDeadlineMs - this.#monotonic()
    // An answer that took too long tells of a time that is over.
    if (leftMs <= 0) return
    this.#deadline?.cancel()
    this.#deadline = system.clock.after(leftMs, () => this.#end('it could not be renewed in time'))
    if (this.#leading || signal.aborted) return
    this.#leading = true
    this.#log.info({ identity: this.#options.identity }, 'leading')
    onStarted()
  }

  #end(why: string): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
    if (!this.#leading) return
    this.#leading = false
    this.#log.info({ identity: this.#options.identity, why }, 'no longer leading')
    this.#options.onStopped()
  }

  #monotonic(): number {
    return this.#options.system.clock.monotonic()
  }

  /** With microseconds, as Kubernetes writes the times of a Lease. */
  #now(): string {
    return new Date(this.#options.system.clock.now()).toISOString().replace('Z', '000Z')
  }
}
