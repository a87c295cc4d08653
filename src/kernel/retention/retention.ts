/**
 * Keeps what the kinds state of their retention: makes smaller what is over, removes what has been over long enough or
 * is too much, and first has it summed where the kind says so.
 *
 * Level-triggered: it goes by what the informers show, whatever happened before. Every step may be repeated, by this
 * process or another one on the same store. A turn does a bounded amount of work; between turns others get theirs.
 */
import type { KindDefinition } from '../../objects/kind.ts'
import { keyOf, type KubeObject } from '../../objects/meta.ts'
import type { RetentionSettings } from '../../objects/retention.ts'
import type { Component } from '../component.ts'
import type { Informers } from '../informer.ts'
import type { Log } from '../log.ts'
import { isStoreError, type ObjectStore } from '../object-store.ts'
import type { System, Timer } from '../system.ts'
import { DueObjects, type KeptRetention } from './due-objects.ts'

/** Puts what is left of objects into another one before they are removed. */
export interface Summing<T extends KubeObject = KubeObject> {
  readonly kind: KindDefinition<T>
  /**
   * Whatever happens, and however often it is called, each object is in the sum once.
   * @param objects over, of this kind
   * @returns those that are in the sum, durably, and may go; others are asked for again. Perhaps some more, of before
   */
  sum(objects: readonly T[]): Promise<readonly T[]>
}

export interface RetentionOptions {
  readonly store: ObjectStore
  readonly informers: Informers
  readonly system: System
  readonly log: Log
  readonly kinds: readonly KindDefinition[]
  readonly settings: RetentionSettings
  /** One for each kind that is to be summed. */
  readonly sums: readonly Summing[]
}

/** How many objects of a kind are made smaller, and how many removed, in a turn. */
const MOST_IN_A_TURN = 50
const PAUSE_MS = 100
/** What was asked of the store and is not seen yet is asked again after so long; what was refused too. */
const AGAIN_MS = 5_000
/** The wall clock may be set: no longer than so much is slept at once. */
const LONGEST_SLEEP_MS = 3_600_000

interface Kept {
  readonly kind: KindDefinition
  readonly objects: DueObjects<KubeObject>
  readonly summing: Summing | undefined
}

export class Retention implements Component {
  readonly #options: RetentionOptions
  readonly #kept: readonly Kept[]
  #unsubscribe: (() => void)[] = []
  #timer: { readonly at: number; readonly timer: Timer } | undefined
  #turn: Promise<void> | undefined
  #started = false

  /** @throws Error when a kind is to be summed and nobody does it */
  constructor(options: RetentionOptions) {
    this.#options = options
    this.#kept = options.kinds.flatMap((kind) => {
      const { retention } = kind
      if (retention === undefined || !isKept(retention)) return []
      const summing = options.sums.find((each) => each.kind === kind)
      if (retention.mode !== 'count' && retention.summedInto !== undefined && summing === undefined)
        throw new Error(
          `objects of ${kind.kind} are to be summed into ${retention.summedInto}, and nobody does it`,
        )
      const objects = new DueObjects(options.informers.of(kind), retention, options.settings)
      return [{ kind, objects, summing }]
    })
  }

  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    await Promise.all(this.#kept.map(({ objects }) => objects.informer.start()))
    if (!this.#started) return
    this.#unsubscribe = this.#kept.map(({ objects }) => objects.follow((time) => this.#wakeAt(time)))
  }

  async stop(): Promise<void> {
    this.#started = false
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
    this.#timer?.timer.cancel()
    this.#timer = undefined
    await this.#turn
  }

  /** @param time in milliseconds since 1970 */
  #wakeAt(time: number): void {
    if (!this.#started || this.#turn !== undefined) return
    const { clock } = this.#options.system
    const now = clock.now()
    const at = Math.min(Math.max(time, now + PAUSE_MS), now + LONGEST_SLEEP_MS)
    if (this.#timer !== undefined && this.#timer.at <= at) return
    this.#timer?.timer.cancel()
    this.#timer = { at, timer: clock.after(at - now, () => this.#begin()) }
  }

  #begin(): void {
    this.#timer = undefined
    this.#turn = Promise.all(this.#kept.map((kept) => this.#work(kept)))
      .then(() => undefined)
      .finally(() => {
        this.#turn = undefined
        let first = Infinity
        const now = this.#options.system.clock.now()
        for (const { objects } of this.#kept) first = Math.min(first, objects.next(now) ?? Infinity)
        if (first < Infinity) this.#wakeAt(first)
      })
  }

  /** Never rejects: what fails is done later. */
  async #work({ kind, objects, summing }: Kept): Promise<void> {
    const { system, store, log } = this.#options
    const now = system.clock.now()
    const large = objects.large(now, MOST_IN_A_TURN)
    objects.again(large, now + AGAIN_MS)
    const over = objects.over(now, MOST_IN_A_TURN)
    objects.again(over, now + AGAIN_MS)
    try {
      // One that is both is removed: the version that is made smaller would be in the way.
      const going = new Set(over.map(({ metadata }) => metadata.uid))
      const smaller = large.filter(({ metadata }) => !going.has(metadata.uid))
      await Promise.all(
        smaller.map((object) => ifUnchanged(store.update(kind, object, { deferrable: true }))),
      )
      const summed = summing === undefined || over.length === 0 ? over : await summing.sum(over)
      await Promise.all(
        summed.map((object) => {
          const { uid, resourceVersion } = object.metadata
          return ifUnchanged(store.delete(kind, keyOf(object), { uid, resourceVersion, deferrable: true }))
        }),
      )
    } catch (error) {
      log.warn({ err: error, kind: kind.kind }, 'what is over cannot be removed yet')
    }
  }
}

function isKept(retention: NonNullable<KindDefinition['retention']>): retention is KeptRetention<KubeObject> {
  return retention.mode === 'age' || retention.mode === 'archive' || retention.mode === 'count'
}

/** Somebody else changed or removed it meanwhile: then the informer will tell. */
async function ifUnchanged(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch (error) {
    if (!isStoreError(error, 'NotFound', 'Conflict')) throw error
  }
}
