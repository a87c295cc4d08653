/** Ends everything that runs under contracts: begun by `begin`, told by `changed` when it is over. */
import type { Log } from '../../kernel/log.ts'
import { type ObjectStore, remove } from '../../kernel/object-store.ts'
import { deadline, type System } from '../../kernel/system.ts'
import { NamespaceKind } from '../../objects/core/namespace.ts'
import { PodKind } from '../../objects/core/pod.ts'
import type { ContractRevisions } from './contract-revisions.ts'
import { contractNamespace } from './names.ts'
import { contractGroup } from './pod-instance.ts'
import type { Runner } from './runner.ts'

export interface ContractWithdrawalsOptions {
  readonly store: ObjectStore
  readonly system: System
  readonly log: Log
  readonly runner: Runner
  readonly revisions: ContractRevisions
  /** It is over, or has failed and may be begun again. */
  readonly ended: (contractID: string) => void
}

/** So long a pod may take to end before the whole is begun again. */
const LIMIT_MS = 45_000

export class ContractWithdrawals {
  readonly #options: ContractWithdrawalsOptions
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: ContractWithdrawalsOptions) {
    this.#options = options
  }

  /** Nothing is begun while this program stops or has not started. */
  begin(contractID: string): void {
    const { log, ended, revisions } = this.#options
    if (this.#running.has(contractID) || !revisions.running) return
    const running = this.#withdraw(contractID)
      .catch((error: unknown) => {
        if (revisions.running) log.warn({ err: error, contractID }, 'not withdrawn: to be tried again')
      })
      .finally(() => {
        this.#running.delete(contractID)
        ended(contractID)
      })
    this.#running.set(contractID, running)
  }

  isRunning(contractID: string): boolean {
    return this.#running.has(contractID)
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  async #withdraw(contractID: string): Promise<void> {
    const { store, runner, system, revisions } = this.#options
    const namespace = contractNamespace(contractID)
    for (const { metadata } of (await store.list(PodKind, { namespace })).items) {
      await remove(store, PodKind, metadata)
    }
    const limit = deadline(system.clock, LIMIT_MS)
    try {
      for (;;) {
        const revision = revisions.of(namespace)
        if ((await store.list(PodKind, { namespace })).items.length === 0) break
        limit.signal.throwIfAborted()
        if (!revisions.running) throw new Error('stopping: nothing can be withdrawn')
        if (revision === revisions.of(namespace)) await revisions.change(namespace, limit.signal)
      }
    } finally {
      limit.done()
    }
    await runner.removeGroup(contractGroup(contractID))
    // Last: as long as it is there, something is.
    await remove(store, NamespaceKind, { name: namespace })
  }
}
