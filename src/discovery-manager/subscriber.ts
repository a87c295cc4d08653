/**
 * Keeps Peering Candidates fresh by what catalogs push (SUBSCRIBE): for a consumer that wants to know before it
 * asks, and for a catalog that mirrors another.
 *
 * Every offer is checked against its owner's signature, so that a catalog, or a mirror before it, that alters one
 * is found out. What we were told holds as long as we go on being told: when a catalog falls silent its
 * offers run out, and come back when it is heard again.
 */
import { backOff } from '../kernel/back-off.ts'
import type { Component } from '../kernel/component.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import { sleep } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { Peer } from '../objects/peer.ts'
import type { PeeringCandidates } from '../peering-candidates/index.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { checkFlavor } from './checked-flavor.ts'
import { Turns } from '../kernel/turns.ts'

/** A catalog to listen to, by how it is configured. */
export interface SubscriptionTarget {
  readonly address: string
  readonly id?: string | undefined
  /** Whether what it tells is passed on to others. */
  readonly mirror?: boolean | undefined
}

export interface SubscriberOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly candidates: PeeringCandidates
  readonly targets: readonly SubscriptionTarget[]
  /** A catalog told us something that is not its owner's word. */
  readonly onInvalidAnswer?: (catalog: NodeId, detail: string) => void
}

/** How long to wait for news in one request, in milliseconds. */
const WAIT_MS = 25_000
/** What is told holds for so long after we were last up to date. */
const LEASE_MS = 90_000
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000
/** Before a peer is known and accepted there is nobody to ask. */
const LOOK_AGAIN_MS = 1_000
/** An answer without news that comes sooner was not waited for. */
const HASTY_MS = 100
/** Between two requests; what comes in a burst comes together. */
const BREATH_MS = 10
const MOST_LIES = 1_000

interface Event {
  readonly type?: unknown
  readonly flavor?: unknown
  readonly flavorID?: unknown
}

interface Answer {
  readonly next: string
  readonly reset?: boolean
  readonly listing?: string
  readonly events: readonly Event[]
}

/** What is known of one catalog while we listen to it. */
interface Listening {
  /** By which failures are counted. */
  readonly key: string
  readonly target: SubscriptionTarget
  since: string | undefined
  /** The entries told so far while everything is being told. */
  told: Set<string> | undefined
  /** How often in a row everything was told anew. */
  resets: number
}

export class Subscriber implements Component {
  readonly #options: SubscriberOptions
  readonly #turns: Turns
  readonly #backoffs: Backoffs
  readonly #lies = new Set<string>()
  #abort: AbortController | undefined
  #loops: Promise<void>[] = []

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.#turns = new Turns(options.system.clock)
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: FIRST_RETRY_MS,
      longestMs: LONGEST_RETRY_MS,
    })
  }

  async start(): Promise<void> {
    if (this.#abort) return
    const abort = new AbortController()
    this.#abort = abort
    this.#loops = this.#options.targets.map((target, index) =>
      this.#listen({ key: `${index}`, target, since: undefined, told: undefined, resets: 0 }, abort.signal),
    )
  }

  async stop(): Promise<void> {
    this.#abort?.abort()
    await Promise.all(this.#loops)
    this.#loops = []
    this.#abort = undefined
  }

  async #listen(listening: Listening, signal: AbortSignal): Promise<void> {
    const { system, log } = this.#options
    this.#backoffs.forget(listening.key)
    while (!signal.aborted) {
      let pause = LOOK_AGAIN_MS
      try {
        const peer = this.#peerOf(listening.target)
        if (peer) {
          pause = await this.#poll(listening, peer, signal)
          this.#backoffs.forget(listening.key)
        }
      } catch (error) {
        if (signal.aborted) return
        const expected = isTransportError(error) || isProblem(error)
        pause = this.#backoffs.failed(listening.key)
        log[this.#backoffs.failures(listening.key) === 1 ? 'warn' : 'debug'](
          { err: error, address: listening.target.address },
          expected
            ? 'a catalog does not tell us of changes; will ask again'
            : 'what a catalog told us could not be taken',
        )
      }
      if (pause > 0) await sleep(system.clock, pause, signal).catch(() => undefined)
    }
  }

  #peerOf({ address, id }: SubscriptionTarget): Peer | undefined {
    const { registry } = this.#options
    const peer =
      id === undefined ? registry.list().find(({ spec }) => spec.address === address) : registry.find(id)
    const nodeID = peer?.spec.nodeID
    return nodeID !== undefined && registry.standing(parseNodeId(nodeID)) === 'accepted' ? peer : undefined
  }

  /** @returns how long to wait before the next time, in milliseconds */
  async #poll(listening: Listening, peer: Peer, signal: AbortSignal): Promise<number> {
    const { client, candidates, system } = this.#options
    const nodeID = parseNodeId(peer.spec.nodeID!)
    const started = system.clock.monotonic()
    const since = listening.since === undefined ? '' : `since=${encodeURIComponent(listening.since)}&`
    const received = await client.call(
      { address: peer.spec.address ?? listening.target.address, id: nodeID },
      {
        method: 'GET',
        path: `/api/v2/subscriptions?${since}wait=${WAIT_MS}`,
        timeoutMs: WAIT_MS + 10_000,
        signal,
      },
    )
    const answer = answerOf(received.body)
    listening.resets =
      answer.reset === true ? listening.resets + 1 : answer.listing === undefined ? 0 : listening.resets
    if (answer.reset === true) listening.told = new Set()
    for (const event of answer.events) await this.#apply(event, listening, peer, nodeID)
    if (answer.listing === 'complete' && listening.told) {
      await candidates.confirm(nodeID, listening.told)
      listening.told = undefined
    }
    // Only now: what was not taken in is told again.
    listening.since = answer.next
    if (listening.told === undefined) candidates.lease(nodeID, LEASE_MS)
    // One that answers at once and brings us no further must not keep us busy.
    if (listening.resets > 1) return backOff(listening.resets, LOOK_AGAIN_MS, LONGEST_RETRY_MS)
    const hasty = answer.events.length === 0 && system.clock.monotonic() - started < HASTY_MS
    return hasty && answer.listing === undefined ? LOOK_AGAIN_MS : BREATH_MS
  }

  async #apply(
    { type, flavor, flavorID }: Event,
    { target, told }: Listening,
    peer: Peer,
    from: NodeId,
  ): Promise<void> {
    const { candidates } = this.#options
    await this.#turns.next()
    if (type === 'refreshed') {
      const name = await this.#take(flavor, target, peer, from)
      if (name !== undefined) told?.add(name)
    } else if ((type === 'withdrawn' || type === 'expired') && typeof flavorID === 'string') {
      await candidates.withdraw(from, (each) => each === flavorID)
    }
  }

  /** @returns the name of the entry, undefined when the offer was not taken */
  async #take(
    raw: unknown,
    target: SubscriptionTarget,
    peer: Peer,
    from: NodeId,
  ): Promise<string | undefined> {
    const { candidates, self, system, log, onInvalidAnswer } = this.#options
    const checked = checkFlavor(raw, system.clock.now())
    if (checked.fault !== undefined) {
      log.warn(
        { peer: from, flavorID: checked.flavorID, reason: checked.fault, detail: checked.detail },
        'a catalog told us of an offer that is not its owner’s word',
      )
      const lie = `${checked.flavorID ?? 'an offer'}: ${checked.fault}`
      if (
        checked.fault !== 'expired' &&
        checked.fault !== 'from-the-future' &&
        !this.#lies.has(`${from} ${lie}`)
      ) {
        // The same lie again is no other one.
        if (this.#lies.size >= MOST_LIES) this.#lies.clear()
        this.#lies.add(`${from} ${lie}`)
        onInvalidAnswer?.(from, lie)
      }
      return undefined
    }
    const { flavor } = checked
    if (flavor.owner.ID !== from && flavor.catalog === undefined && flavor.relays?.[0]?.ID !== from) {
      log.warn(
        { peer: from, flavorID: flavor.flavorID },
        'an offer was passed on by one that does not say so',
      )
      return undefined
    }
    const before = mirrorsOf(raw)
    // Our own, or one that went through us: it would go round.
    if (flavor.owner.ID === self.id || before.includes(self.id)) return undefined
    if (flavor.relays?.some(({ ID }) => ID === self.id)) return undefined
    const taken = await candidates.take({
      flavor,
      raw,
      source: { nodeID: from, address: peer.spec.address ?? target.address },
      origin: target.mirror === true ? 'mirrored' : 'subscribed',
      // From whom we have it stands in its source; a catalog that passes it on is one more in between.
      ...(target.mirror === true ? { mirroredFrom: [from, ...before] } : { mirroredFrom: before }),
      validForMs: LEASE_MS,
    })
    if (taken.outcome !== 'rejected') return taken.name
    log.debug({ peer: from, flavorID: flavor.flavorID, reason: taken.reason }, 'an offer was not taken')
    return undefined
  }
}

function mirrorsOf(raw: unknown): readonly string[] {
  const { mirroredFrom } = (raw as { catalog?: { mirroredFrom?: unknown } }).catalog ?? {}
  return Array.isArray(mirroredFrom)
    ? mirroredFrom.filter((each) => typeof each === 'string').slice(0, 8)
    : []
}

/** @throws Error when it is no answer */
function answerOf(body: unknown): Answer {
  const { next, events } = (body ?? {}) as Partial<Answer>
  if (typeof next !== 'string' || !Array.isArray(events)) throw new Error('not an answer to a subscription')
  return body as Answer
}
