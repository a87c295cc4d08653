/**
 * Of all processes of one node, one at a time acts; this says whether it is ours, and starts and stops what acts.
 *
 * On a store that no other process can open we act at once. On any other a Lease decides: until we hold it, only what
 * waits runs (informers, the listener, which says 503, the control API, which can be read). When it is lost nothing is
 * written any more from that moment, and what acts is stopped. A process that lost the Lease does not become a standby
 * again: what it had begun is half done in its memory. It is `lost`, and whoever runs it starts it anew.
 */
import { createHash } from 'node:crypto'
import { backOff } from '../kernel/back-off.ts'
import { startAll, stopAll, type Component } from '../kernel/component.ts'
import type { Fence } from '../kernel/fenced-store.ts'
import type { Informers } from '../kernel/informer.ts'
import { LeaderElection } from '../kernel/leader-election.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { sleep, type System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import { inDefaultNamespace, type ObjectKey } from '../objects/meta.ts'

export interface ActiveProcessOptions {
  /** Without a fence: the Lease is written also by those who do not act. */
  readonly store: ObjectStore
  /** Open while we act. */
  readonly fence: Fence
  /** Whether nobody else can have the store. */
  readonly exclusive: boolean
  readonly system: System
  readonly log: Log
  readonly nodeID: NodeId
  /** What the operator calls the node. */
  readonly name: string
  readonly informers: Informers
  /** In this order they start, in the reverse order they stop. */
  readonly components: readonly Component[]
  /** Those of the components that run while another process acts, too. */
  readonly standby: ReadonlySet<Component>
  /** We did act and do so no more, and all is stopped that acted: start the process anew. Called once at most. */
  readonly onLost?: (() => void) | undefined
}

/** What this process is to its node. */
export type ProcessRole =
  | { readonly role: 'active' }
  /** It is its turn, and it is getting ready to act. */
  | { readonly role: 'starting' }
  /** `active` is the process that acts; undefined when none is known to. */
  | { readonly role: 'standby'; readonly active: string | undefined }

const MOST_START_RETRIES = 10
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 1_000

export class ActiveProcess implements Component {
  readonly #options: ActiveProcessOptions
  readonly #log: Log
  readonly #election: LeaderElection | undefined
  /** Starting and stopping, one after the other. */
  #work: Promise<void> = Promise.resolve()
  #phase: 'waiting' | 'leading' | 'ended' = 'waiting'
  /** What acts is being started. */
  #starting = false

  constructor(options: ActiveProcessOptions) {
    this.#options = options
    const { store, system, log, nodeID, name, exclusive } = options
    this.#log = log.child({ component: 'active-process' })
    if (exclusive) return
    this.#election = new LeaderElection({
      store,
      system,
      log,
      lease: leaseOf(nodeID),
      identity: `${name}_${Buffer.from(system.random.bytes(8)).toString('hex')}`,
      onStarted: () => this.#lead(),
      onStopped: () => this.#lose(),
    })
  }

  get current(): ProcessRole {
    if (this.#options.fence.isOpen) return { role: this.#starting ? 'starting' : 'active' }
    return { role: 'standby', active: this.#election?.leader }
  }

  /** Resolves when we act, or wait until we may. @throws what a component throws that cannot be started */
  async start(): Promise<void> {
    const { components, standby, fence } = this.#options
    if (this.#election === undefined) {
      fence.open()
      return startAll(components)
    }
    await startAll(components.filter((each) => standby.has(each)))
    // It may have been stopped meanwhile.
    if (this.#phase === 'waiting') await this.#election.start()
  }

  async stop(): Promise<void> {
    const { components, fence } = this.#options
    this.#phase = 'ended'
    await this.#settleStart()
    await this.#work.catch(() => undefined)
    try {
      await stopAll(components)
    } finally {
      fence.close()
      // Last, so that nobody acts before we have stopped to.
      await this.#election?.stop()
    }
  }

  #lead(): void {
    if (this.#phase !== 'waiting') return
    this.#phase = 'leading'
    this.#options.fence.open()
    this.#starting = true
    this.#work = this.#startActing().finally(() => (this.#starting = false))
    this.#work.catch((error: unknown) => {
      // As at any start, what cannot be started ends the process; another may have more luck.
      this.#log.warn({ err: error }, 'what acts could not be started')
      this.#end('it could not be started')
    })
  }

  async #startActing(): Promise<void> {
    const { components, standby, informers } = this.#options
    // What the one before us wrote last must be seen before anything is decided: informers may lag behind.
    await informers.stop()
    if (this.#isLeading()) await informers.start()
    for (const component of components) {
      if (this.#isLeading() && !standby.has(component)) await this.#startPatiently(component)
    }
  }

  /** A call to a far store is lost now and then: no reason to let all the rest go, and the Lease with it. */
  async #startPatiently(component: Component): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        return await component.start()
      } catch (error) {
        if (!isStoreError(error, 'Unavailable', 'Conflict', 'Expired') || failures === MOST_START_RETRIES)
          throw error
        this.#log.debug({ err: error }, 'the store did not answer a component that starts: again')
        // What it had begun is ended; a start is to be had from the beginning.
        await component.stop()
        await sleep(this.#options.system.clock, backOff(failures, FIRST_RETRY_MS, LONGEST_RETRY_MS))
      }
      if (!this.#isLeading()) return
    }
  }

  #isLeading(): boolean {
    return this.#phase === 'leading'
  }

  #lose(): void {
    this.#options.fence.close()
    this.#end('the lease was lost')
  }

  #end(why: string): void {
    if (this.#phase !== 'leading') return
    this.#phase = 'ended'
    this.#log.warn({ why }, 'this process acts no more')
    const { components, onLost } = this.#options
    const before = this.#work
    this.#work = (async () => {
      await this.#settleStart()
      await before.catch(() => undefined)
      try {
        await stopAll(components)
      } catch (error) {
        this.#log.warn({ err: error }, 'not everything could be stopped in order')
      }
      this.#options.fence.close()
      await this.#election?.stop()
    })()
    void this.#work.then(() => onLost?.())
  }

  /** A start that waits for what cannot be read any more would wait for ever. */
  async #settleStart(): Promise<void> {
    if (this.#starting) await this.#options.informers.stop()
  }
}

/** @returns the Lease that the processes of a node compete for */
export function leaseOf(nodeID: NodeId): ObjectKey {
  const hash = createHash('sha256').update(nodeID).digest('hex').slice(0, 16)
  return inDefaultNamespace(`tributary-node-${hash}`)
}
