/**
 * A revision for the pods of each contract, that changes whenever one of them does: what long polls wait for.
 */
import type { Informer } from '../../kernel/informer.ts'
import { randomHex, type Random } from '../../kernel/system.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { isForBuyer } from './remote-pod-state.ts'

export class ContractRevisions {
  readonly #pods: Informer<Pod>
  /** Differs from life to life, so that a buyer's old revision is never mistaken for ours. */
  readonly #life: string
  readonly #revisions = new Map<string, number>()
  readonly #waiters = new Map<string, Set<() => void>>()
  #unsubscribe: (() => void) | undefined

  constructor(pods: Informer<Pod>, random: Random) {
    this.#pods = pods
    this.#life = randomHex(random, 6)
  }

  /** Before the start nothing is known of the pods, and after the stop nothing changes any more. */
  get running(): boolean {
    return this.#unsubscribe !== undefined
  }

  start(): void {
    this.#unsubscribe ??= this.#pods.onChange(({ object }) => {
      const { namespace } = object.metadata
      if (namespace === undefined || !isForBuyer(object)) return
      this.#revisions.set(namespace, (this.#revisions.get(namespace) ?? 0) + 1)
      for (const wake of this.#waiters.get(namespace) ?? []) wake()
    })
  }

  /** Nobody is kept waiting for news that cannot come. */
  stop(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake()
  }

  /** @returns opaque */
  of(namespace: string): string {
    return `${this.#life}.${this.#revisions.get(namespace) ?? 0}`
  }

  /** Resolves at the next change in the namespace, or when the signal aborts. */
  change(namespace: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || !this.running) {
        resolve()
        return
      }
      const waiters = this.#waiters.get(namespace) ?? new Set()
      const wake = (): void => {
        waiters.delete(wake)
        if (waiters.size === 0) this.#waiters.delete(namespace)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      waiters.add(wake)
      this.#waiters.set(namespace, waiters)
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
