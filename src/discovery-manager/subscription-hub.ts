/**
 * SUBSCRIBE: tells subscribers of every change of what a catalog or supernode lists, by long polling.
 *
 * Changes are numbered. A subscriber says up to where it knows, and gets what came after: at once, or when there
 * is something. Of several changes of one offer only the last is told. Whoever knows nothing yet, fell too far
 * behind, or comes from before our last start is given everything, page by page, and then what changed meanwhile:
 * whatever breaks, nothing is lost.
 */
import type { Component } from '../kernel/component.ts'
import { randomHex, type Timer } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import type { Visibility } from '../objects/flavor.ts'
import type { CandidateListing, ListingChange } from '../peering-candidates/index.ts'
import { isVisible, widerVisibility, type Audience } from '../rear/audience.ts'
import { Problem } from '../rear/problem.ts'
import type { Selector } from '../rear/wire/index.ts'

export interface SubscriptionHubOptions extends NodeBase {
  /** What is told of. */
  readonly listing: Pick<CandidateListing, 'table' | 'onChange'>
  /** How many changes are remembered. */
  readonly history?: number
  /** Changes, or offers, in one answer. */
  readonly pageSize?: number
}

export interface SubscriptionQuery {
  /** The `next` of the answer before; undefined for everything. */
  readonly since: string | undefined
  /** How long to wait for something to tell, in milliseconds. */
  readonly waitMs: number
  readonly selector: Selector
  readonly audience: Audience
  /** Node id of the subscriber. */
  readonly peer: string
  readonly signal: AbortSignal
}

interface Change {
  readonly seq: number
  readonly name: string
  readonly flavorID: string
  readonly owner: string
  readonly reason: 'withdrawn' | 'expired'
  /** To whom it was visible before or is now, whichever is more. */
  readonly visibility: Visibility
}

/** Where a subscriber stands: behind which change, and, while it is given everything, behind which offer. */
interface Position {
  readonly seq: number
  readonly after?: string
}

const HISTORY = 20_000
const PAGE = 500
const LONGEST_WAIT_MS = 60_000
/** Changes that come in a burst are told together. */
const GATHER_MS = 20
const MOST_WAITING = 10_000
const MOST_WAITING_PER_PEER = 8

export class SubscriptionHub implements Component {
  readonly #options: SubscriptionHubOptions
  /** Numbers of before our last start are not ours. */
  #epochDrawn: string | undefined
  /** The changes after number `#forgotten`; one that is overtaken by a later one of the same offer is skipped. */
  #changes: Change[] = []
  #forgotten = 0
  #last = 0
  readonly #latest = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  readonly #waitingOf = new Map<string, number>()
  #gathering: Timer | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: SubscriptionHubOptions) {
    this.#options = options
  }

  get #epoch(): string {
    this.#epochDrawn ??= randomHex(this.#options.system.random, 6)
    return this.#epochDrawn
  }

  /** After the listing. */
  async start(): Promise<void> {
    this.#unsubscribe ??= this.#options.listing.onChange((change) => this.#onChange(change))
  }

  /** Ends all waits. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#gathering?.cancel()
    this.#gathering = undefined
    this.#wake()
  }

  /**
   * @returns the answer as JSON, ready to send
   * @throws Problem `too-many-requests` when the subscriber, or all together, wait too often at once
   */
  async poll(query: SubscriptionQuery): Promise<Buffer> {
    const position = this.#positionOf(query.since)
    if (position === undefined) return this.#page(query, this.#last, '', true)
    if (position.after !== undefined) return this.#page(query, position.seq, position.after, false)
    const { seq } = position
    const ready = this.#changesSince(query, seq)
    if (ready.events.length > 0 || query.waitMs <= 0) return answer(ready)
    await this.#wait(query, seq)
    return seq < this.#forgotten
      ? this.#page(query, this.#last, '', true)
      : answer(this.#changesSince(query, seq))
  }

  #onChange({ name, head, before, after, reason = 'withdrawn' }: ListingChange): void {
    const { history = HISTORY, system } = this.#options
    const seq = ++this.#last
    this.#latest.set(name, seq)
    this.#changes.push({
      seq,
      name,
      flavorID: head.flavorID,
      owner: head.owner,
      reason,
      visibility: widerVisibility(before, after)!,
    })
    if (this.#changes.length > 2 * history) this.#forget(this.#changes.length - history)
    if (this.#waiting.size === 0) return
    this.#gathering ??= system.clock.after(GATHER_MS, () => {
      this.#gathering = undefined
      this.#wake()
    })
  }

  #forget(count: number): void {
    for (const { seq, name } of this.#changes.slice(0, count)) {
      if (this.#latest.get(name) === seq) this.#latest.delete(name)
    }
    this.#forgotten = this.#changes[count - 1]!.seq
    this.#changes = this.#changes.slice(count)
  }

  /** @returns undefined for who has to be given everything */
  #positionOf(since: string | undefined): Position | undefined {
    const match = /^([0-9a-f]{12})\.([0-9]{1,15})(?:\.(.{1,253}))?$/.exec(since ?? '')
    if (match?.[1] !== this.#epoch) return undefined
    const seq = Number(match[2])
    if (seq < this.#forgotten || seq > this.#last) return undefined
    return match[3] === undefined ? { seq } : { seq, after: match[3] }
  }

  #changesSince(
    { selector, audience }: SubscriptionQuery,
    since: number,
  ): { readonly events: readonly string[]; readonly next: string } {
    const { listing, pageSize = PAGE } = this.#options
    const { table } = listing
    const shown = table.filter(selector, audience)
    const events: string[] = []
    let seq = since
    for (let at = since - this.#forgotten; at < this.#changes.length && events.length < pageSize; at++) {
      const change = this.#changes[at]!
      seq = change.seq
      if (this.#latest.get(change.name) !== seq) continue
      if (shown(change.name)) {
        events.push(`{"seq":${seq},"type":"refreshed","flavor":${table.encoded(change.name)}}`)
      } else if (isVisible(change.visibility, audience)) {
        const { flavorID, owner, reason } = change
        events.push(JSON.stringify({ seq, type: reason, flavorID, owner }))
      }
    }
    return { events, next: `${this.#epoch}.${seq}` }
  }

  #page({ selector, audience }: SubscriptionQuery, seq: number, after: string, reset: boolean): Buffer {
    const { listing, pageSize = PAGE } = this.#options
    const { table } = listing
    const names = table.page(selector, audience, after, pageSize)
    const more = names.length === pageSize
    return answer({
      events: names.map((name) => `{"seq":${seq},"type":"refreshed","flavor":${table.encoded(name)}}`),
      next: `${this.#epoch}.${seq}${more ? `.${names.at(-1)}` : ''}`,
      reset,
      listing: more ? 'more' : 'complete',
    })
  }

  /** Until there may be something behind `seq` to tell, the time is over, or we stop. */
  async #wait(query: SubscriptionQuery, seq: number): Promise<void> {
    const { peer, waitMs, signal } = query
    const count = this.#waitingOf.get(peer) ?? 0
    if (count >= MOST_WAITING_PER_PEER || this.#waiting.size >= MOST_WAITING) {
      throw new Problem('too-many-requests', 'too many subscriptions wait at once', {
        headers: { 'retry-after': '5' },
      })
    }
    if (signal.aborted || this.#unsubscribe === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      const over = this.#unsubscribe === undefined || seq < this.#forgotten
      if (over || this.#changesSince(query, seq).events.length > 0) resolve()
    }
    const timer = this.#options.system.clock.after(Math.min(waitMs, LONGEST_WAIT_MS), resolve)
    const end = (): void => resolve()
    signal.addEventListener('abort', end, { once: true })
    this.#waiting.add(look)
    this.#waitingOf.set(peer, count + 1)
    await promise
    this.#waiting.delete(look)
    signal.removeEventListener('abort', end)
    timer.cancel()
    const left = this.#waitingOf.get(peer)! - 1
    if (left > 0) this.#waitingOf.set(peer, left)
    else this.#waitingOf.delete(peer)
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }
}

function answer(parts: {
  readonly events: readonly string[]
  readonly next: string
  readonly reset?: boolean
  readonly listing?: 'more' | 'complete'
}): Buffer {
  const { events, ...rest } = parts
  return Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"events":[${events.join(',')}]}`)
}
