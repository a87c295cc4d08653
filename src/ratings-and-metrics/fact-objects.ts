/**
 * The recorder's sink that keeps facts as Fact objects: one call for each, and none for what is stored already.
 *
 * Until the informer shows it a fact is known from memory, so that it counts from the moment it was recorded.
 */
import { createHash } from 'node:crypto'
import type { Informers } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, type ObjectStore } from '../kernel/object-store.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { randomHex, rfc3339, type System, type Timer } from '../kernel/system.ts'
import { FactKind, type Fact } from '../objects/fact.ts'
import { inDefaultNamespace, type NewObject } from '../objects/meta.ts'
import type { FactRecord, RecorderSink } from '../trace/index.ts'

export interface FactObjectsOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
}

/** Facts that wait for the store; more are dropped, for a dealing must not fail because it cannot be noted. */
const MOST_PENDING = 1_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** What failures are counted by: facts wait for one store, not each on its own. */
const STORE = 'store'

interface PendingFact {
  readonly fact: NewObject<Fact> & { readonly metadata: { readonly name: string } }
  stored: boolean
  writing: Promise<void> | undefined
}

export class FactObjects implements RecorderSink {
  readonly #options: FactObjectsOptions
  readonly #pending = new Map<string, PendingFact>()
  readonly #backoffs: Backoffs
  #retry: Timer | undefined
  #stopped = false

  constructor(options: FactObjectsOptions) {
    this.#options = options
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: FIRST_RETRY_MS,
      longestMs: LONGEST_RETRY_MS,
    })
    const facts = options.informers.of(FactKind)
    facts.addIndex('about', ({ spec }) => [spec.about])
    facts.onChange(({ type, object }) => {
      if (type === 'added') this.#pending.delete(object.metadata.name)
    })
  }

  start(): void {
    this.#stopped = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#retry?.cancel()
    this.#retry = undefined
    await this.flush()
  }

  fact(record: FactRecord): void {
    const name = factName(record, this.#options.system)
    if (this.isKnown(name)) return
    if (this.#pending.size >= MOST_PENDING) {
      this.#options.log.warn({ about: record.about, type: record.type }, 'fact dropped: too many wait')
      return
    }
    const { about, type, at, contractID, detail } = record
    const fact = {
      metadata: inDefaultNamespace(name),
      spec: {
        about,
        type,
        at: rfc3339(at),
        ...(contractID === undefined ? {} : { contractID }),
        ...(detail === undefined ? {} : { detail }),
      },
    }
    const pending: PendingFact = { fact, stored: false, writing: undefined }
    this.#pending.set(name, pending)
    this.#write(pending)
  }

  /** Every fact about a node, whether it is stored yet or not. */
  about(nodeID: string): readonly Fact['spec'][] {
    const facts = this.#options.informers.of(FactKind)
    return [
      ...facts.byIndex('about', nodeID).map(({ spec }) => spec),
      ...Array.from(this.#pending.values(), ({ fact }) => fact.spec).filter(({ about }) => about === nodeID),
    ]
  }

  isKnown(name: string): boolean {
    const stored = this.#options.informers.of(FactKind).get(inDefaultNamespace(name))
    return stored !== undefined || this.#pending.has(name)
  }

  async flush(): Promise<void> {
    await Promise.all(Array.from(this.#pending.values(), async ({ writing }) => writing))
  }

  #write(pending: PendingFact): void {
    pending.writing = this.#create(pending).finally(() => (pending.writing = undefined))
  }

  async #create(pending: PendingFact): Promise<void> {
    const { store, log } = this.#options
    const { fact } = pending
    try {
      await store.create(FactKind, fact, { deferrable: true })
      pending.stored = true
      this.#backoffs.forget(STORE)
    } catch (error) {
      if (isStoreError(error, 'AlreadyExists')) pending.stored = true
      else if (isStoreError(error, 'Unavailable')) this.#retryLater()
      else {
        this.#pending.delete(fact.metadata.name)
        if (!isStoreError(error)) throw error
        log.warn({ err: error, about: fact.spec.about, type: fact.spec.type }, 'fact not recorded')
      }
    }
  }

  #retryLater(): void {
    if (this.#stopped || this.#retry !== undefined) return
    this.#retry = this.#options.system.clock.after(this.#backoffs.failed(STORE), () => {
      this.#retry = undefined
      for (const pending of this.#pending.values())
        if (!pending.stored && pending.writing === undefined) this.#write(pending)
    })
  }
}

/** @returns the name of a fact: the same for the same thing that happened, where it says which */
export function factName(
  { about, type, once }: Pick<FactRecord, 'about' | 'type' | 'once'>,
  system: System,
): string {
  const suffix = once === undefined ? randomHex(system.random, 8) : hash(`${type} ${once}`)
  return `fact-${hash(about).slice(0, 8)}-${suffix}`
}

/** @returns 16 hexadecimal digits that stand for a text in names */
export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
