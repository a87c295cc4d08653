/**
 * Asks all known endpoints at once (step 7) and fills Peering Candidates with what they answer (steps 10, 11).
 *
 * Every endpoint has a deadline of its own; one that is dead, slow or lying costs the others nothing. How long
 * they are waited for is `discovery-round.ts`.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { mutateStatus } from '../kernel/object-store.ts'
import { deadline, rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { DiscoveryKind, type Discovery } from '../objects/discovery.ts'
import { parseNodeId } from '../objects/ids.ts'
import { keyOf, type ObjectKey } from '../objects/meta.ts'
import type { Peer } from '../objects/peer.ts'
import type { PeeringCandidates } from '../peering-candidates/index.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { selectorFromObject, selectorTarget, type Selector, type WireFlavor } from '../rear/wire/index.ts'
import { checkFlavor } from './checked-flavor.ts'
import { beginRound, GRACE_MS } from './discovery-round.ts'
import { HOPS_HEADER } from './hops.ts'
import { traceHeaders, traceOf, type TraceContext } from '../trace/index.ts'
import { truncationOf } from './truncation.ts'

export interface DiscovererOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly candidates: PeeringCandidates
}

export interface AskOptions {
  readonly solverID?: string
  readonly trace?: TraceContext | undefined
  readonly signal: AbortSignal
  /** Whom to ask: all that may be dealt with, or the nodes of our own domain alone. */
  readonly scope?: 'everybody' | 'domain'
  /** How often the question was passed on already. */
  readonly hops?: number
  /** Node id of the one who asked us. */
  readonly except?: string | undefined
}

/** What one endpoint answered. */
export interface EndpointAnswer {
  readonly peer: string
  readonly flavors: number
  /** Why its answer, or a part of it, was dropped. */
  readonly dropped: readonly string[]
  readonly error?: string
}

/** By hops: who passes a question on must have its answer before it is given up itself. */
const ENDPOINT_TIMEOUT_MS = [3_000, 2_000, 1_000] as const
const VALID_FOR_MS = 60_000
/** After so many failures in a row an endpoint is left out for a while. */
const BREAK_AFTER = 3
const BROKEN_FOR_MS = 30_000
const MOST_FLAVORS_PER_ENDPOINT = 10_000

export class Discoverer implements Component {
  readonly #options: DiscovererOptions
  readonly #controller: Controller
  readonly #failures = new Map<string, { count: number; until: number }>()
  /** Node ids of endpoints whose answer was not there when a discovery was over, until one comes in time. */
  readonly #tardy = new Set<string>()
  readonly #late = new Set<Promise<unknown>>()

  constructor(options: DiscovererOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'discovery-manager',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [{ informer: options.informers.of(DiscoveryKind) }],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  async stop(): Promise<void> {
    await this.#controller.stop()
    await Promise.allSettled(this.#late)
  }

  /**
   * Asks every peer that may be dealt with.
   * @returns what each answered until the discovery was over
   */
  async discover(selector: Selector, options: AskOptions): Promise<readonly EndpointAnswer[]> {
    const { system } = this.#options
    const peers = this.#endpoints(options)
    const missing = new Set(peers.map(({ spec }) => spec.nodeID!))
    const alive = [...missing].filter((nodeID) => !this.#failures.has(nodeID))
    // Where nobody answered the last time, it may have been us.
    const awaited = alive.length > 0 ? alive : [...missing]
    const { clock } = system
    const round = beginRound({ clock, awaited, tardy: this.#tardy, signal: options.signal })
    const answers: EndpointAnswer[] = []
    const asked = peers.map(async (peer) => {
      const answer = await this.#ask(peer, selector, options)
      answers.push(answer)
      missing.delete(answer.peer)
      round.answered(answer.peer, answer.flavors > 0)
    })
    const all = Promise.allSettled(asked)
    this.#late.add(all)
    void all.finally(() => this.#late.delete(all))
    await Promise.race([all, round.over])
    for (const nodeID of missing) this.#tardy.add(nodeID)
    const unanswered = Array.from(missing, (peer): EndpointAnswer => ({
      peer,
      flavors: 0,
      dropped: [],
      error: awaited.includes(peer) ? 'no answer in time' : 'no answer yet, and none the last time',
    }))
    return [...answers, ...unanswered]
  }

  #endpoints({ scope = 'everybody', except }: AskOptions): readonly Peer[] {
    const { registry, system, self } = this.#options
    const now = system.clock.now()
    return registry.list().filter(({ spec }) => {
      if (spec.address === undefined || spec.nodeID === undefined || spec.nodeID === except) return false
      if (scope === 'domain') {
        const membership = registry.membershipOf(parseNodeId(spec.nodeID))
        if (membership?.domain !== self.domain || membership.role !== 'node') return false
      }
      if (registry.standing(parseNodeId(spec.nodeID)) !== 'accepted') return false
      const failure = this.#failures.get(spec.nodeID)
      return failure === undefined || failure.count < BREAK_AFTER || failure.until <= now
    })
  }

  async #ask(peer: Peer, selector: Selector, options: AskOptions): Promise<EndpointAnswer> {
    const { client, candidates, log, system, recorder } = this.#options
    const nodeID = peer.spec.nodeID!
    const address = peer.spec.address!
    const hops = options.hops ?? 0
    const limit = deadline(system.clock, ENDPOINT_TIMEOUT_MS[hops] ?? 1_000, options.signal)
    const sent = recorder.step(options.trace, 'list-sent', { peer: nodeID })
    const since = system.clock.monotonic()
    try {
      const answer = await client.call(
        { address, id: parseNodeId(nodeID) },
        {
          method: 'GET',
          path: selectorTarget(selector, 'upstream'),
          headers: { ...traceHeaders(sent), [HOPS_HEADER]: String(hops) },
          signal: limit.signal,
        },
      )
      this.#failures.delete(nodeID)
      if (system.clock.monotonic() - since < GRACE_MS) this.#tardy.delete(nodeID)
      const truncation = truncationOf(answer.headers)
      if (truncation)
        log.info({ peer: nodeID, ...truncation }, 'an endpoint told only a part of what matches')
      const dropped: string[] = []
      const puts: Promise<string>[] = []
      for (const raw of asArray(answer.body)) {
        const reason = this.#check(raw, nodeID)
        if (typeof reason === 'string') {
          dropped.push(reason)
          continue
        }
        // What the owner told us itself is not replaced by hearsay.
        if (reason.flavor.owner.ID !== nodeID && this.#knownFirstHand(reason.flavor)) {
          puts.push(Promise.resolve(''))
          continue
        }
        puts.push(
          candidates.put({
            flavor: reason.flavor,
            raw,
            source: { nodeID, address },
            ...(options.solverID === undefined ? {} : { solverID: options.solverID }),
            validForMs: VALID_FOR_MS,
          }),
        )
      }
      const names = await Promise.all(puts)
      if (dropped.length > 0) {
        const detail = `dropped ${dropped.length} of its offers: ${dropped[0]}`
        recorder.step(sent, 'list-sent', { peer: nodeID, outcome: 'failed', detail })
        log.warn({ peer: nodeID, dropped: dropped.slice(0, 10) }, 'parts of an answer were dropped')
      }
      return { peer: nodeID, flavors: names.length, dropped }
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      // It is there, and says that it will answer soon.
      if (!isProblem(error, 'unavailable')) {
        const count = (this.#failures.get(nodeID)?.count ?? 0) + 1
        this.#failures.set(nodeID, { count, until: system.clock.now() + BROKEN_FOR_MS })
      }
      recorder.step(sent, 'list-sent', { peer: nodeID, outcome: 'failed', detail: error.message })
      log.info({ err: error, peer: nodeID }, 'an endpoint did not answer')
      return { peer: nodeID, flavors: 0, dropped: [], error: error.message }
    } finally {
      limit.done()
    }
  }

  #knownFirstHand(flavor: WireFlavor): boolean {
    const { candidates, system } = this.#options
    const known = candidates.find(flavor.owner.ID, flavor.flavorID)
    return (
      known?.spec.source?.nodeID === flavor.owner.ID &&
      Date.parse(known.spec.validUntil ?? '') > system.clock.now()
    )
  }

  /** A flavor is taken only if its owner signed exactly this, and who passes it on says so. */
  #check(raw: unknown, sender: string): { readonly flavor: WireFlavor } | string {
    const checked = checkFlavor(raw, this.#options.system.clock.now())
    if (checked.fault !== undefined) return `${checked.flavorID ?? 'an offer'}: ${checked.detail}`
    const { flavor } = checked
    const passedOn = flavor.owner.ID !== sender && flavor.catalog === undefined
    return passedOn && flavor.relays?.[0]?.ID !== sender
      ? `${flavor.flavorID}: passed on by ${sender}, which does not say so`
      : { flavor }
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const { store, recorder } = this.#options
    const discovery = await store.get(DiscoveryKind, key)
    if (discovery === undefined) return
    const phase = discovery.status?.phase.phase
    if (phase === 'Solved' || phase === 'Failed') return
    const trace = traceOf(discovery)
    const since = recorder.now()
    const selector = selectorFromObject(discovery.spec.selector)
    const answers = await this.discover(selector, { solverID: discovery.spec.solverID, trace, signal })
    const flavors = answers.reduce((sum, answer) => sum + answer.flavors, 0)
    recorder.step(trace, 'candidates-filled', {
      since,
      detail: `${flavors} offers of ${answers.filter(({ error }) => error === undefined).length} endpoints`,
    })
    recorder.step(trace, 'discovery-complete', {})
    await this.#finish(discovery, answers, flavors)
  }

  async #finish(discovery: Discovery, answers: readonly EndpointAnswer[], flavors: number): Promise<void> {
    const { store, system } = this.#options
    const failed = answers.filter(({ error }) => error !== undefined)
    const message =
      answers.length === 0
        ? 'no peer is known and accepted'
        : `${flavors} offers of ${answers.length - failed.length} peers` +
          (failed.length === 0 ? '' : `; no answer of ${failed.length}: ${failed[0]!.error}`)
    const now = rfc3339(system.clock.now())
    await mutateStatus(store, DiscoveryKind, keyOf(discovery), () => ({
      phase: {
        phase: flavors > 0 ? 'Solved' : 'Failed',
        message,
        startTime: discovery.metadata.creationTimestamp,
        endTime: now,
      },
      answers: [...answers],
    }))
  }
}

function asArray(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body.slice(0, MOST_FLAVORS_PER_ENDPOINT) : []
}
