/**
 * What LIST_FLAVORS is answered with, by role.
 *
 * A node answers with its own flavors. A supernode goes on where it has none: to its Peering Candidates, then
 * to the others it knows (workflow 2, steps 8 to 12; workflow 3, steps 8 to 15). A catalog has its Peering
 * Candidates only, and asks nobody.
 */
import { rfc3339 } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { Audience } from '../rear/audience.ts'
import type { FlavorList, FlavorTable } from '../flavor-index/index.ts'
import type { RouteCall } from '../rear/route.ts'
import type { Selector } from '../rear/wire/index.ts'
import { traceFromHeaders, type TraceContext, type WorkflowRole } from '../trace/index.ts'
import { hopsOf, MOST_HOPS } from './hops.ts'

export interface FlavorAnswersOptions extends NodeBase {
  readonly role: PeerRole
  /** Our own flavors. */
  readonly own: Pick<FlavorTable, 'select'>
  /** Those of others that are valid now. */
  readonly candidates: Pick<FlavorTable, 'select'>
  /** @returns what is known here of one of `candidates`, and when its owner last confirmed it; milliseconds since 1970 */
  readonly storedOffer: (
    key: string,
  ) =>
    | { readonly head: { readonly owner: string; readonly flavorID: string }; readonly seenAt: number }
    | undefined
  readonly audienceOf: (peer: { readonly id: string } | undefined) => Audience
  /** @returns the domain of which the peer is a member, when it proved one */
  readonly domainOf: (nodeID: string) => string | undefined
  /** Asks others, and fills Peering Candidates. */
  readonly ask: (
    selector: Selector,
    options: {
      readonly scope: 'everybody' | 'domain'
      readonly hops: number
      readonly except: string | undefined
      readonly trace: TraceContext | undefined
      readonly signal: AbortSignal
    },
  ) => Promise<readonly { readonly flavors: number; readonly error?: string }[]>
}

export class FlavorAnswers {
  readonly #options: FlavorAnswersOptions
  /** Identical questions that are being asked: asked once, answered to all. */
  readonly #inFlight = new Map<string, ReturnType<FlavorAnswersOptions['ask']>>()

  constructor(options: FlavorAnswersOptions) {
    this.#options = options
  }

  /** Answers a peer. */
  async answer(selector: Selector, call: RouteCall): Promise<FlavorList> {
    const { role, recorder, own, candidates, audienceOf } = this.#options
    const peer = call.peer?.id
    const audience = audienceOf(call.peer)
    const trace = this.#contextOf(call)
    const since = recorder.now()
    switch (role) {
      case 'node': {
        const found = own.select(selector, audience)
        recorder.step(trace, 'flavors-looked-up', { peer, since, detail: `${found.count} found` })
        recorder.step(trace, 'flavors-answered', { peer, detail: `${found.count} flavors` })
        return found
      }
      case 'catalog': {
        const found = candidates.select(selector, audience)
        this.#recordStored(found, trace)
        recorder.step(trace, 'candidates-searched', { peer, since, detail: `${found.count} found` })
        recorder.step(trace, 'flavors-answered', { peer, detail: `${found.count} flavors` })
        return found
      }
      case 'supernode': {
        const found = await this.#relayed(selector, audience, call, trace)
        recorder.step(trace, 'flavors-answered', { peer, since, detail: `${found.count} flavors` })
        return found
      }
    }
  }

  /** Step 0 of workflow 4 goes on all the time; it becomes part of a trace when what was stored is told. */
  #recordStored({ first }: FlavorList, trace: TraceContext | undefined): void {
    const { recorder, storedOffer } = this.#options
    if (trace === undefined) return
    for (const key of first) {
      const offer = storedOffer(key)
      if (offer === undefined) continue
      const { owner, flavorID } = offer.head
      // As it is told with the offer, to the second.
      recorder.step(trace, 'offers-stored', {
        peer: owner,
        detail: flavorID,
        at: Date.parse(rfc3339(offer.seenAt)),
      })
    }
  }

  async #relayed(
    selector: Selector,
    audience: Audience,
    call: RouteCall,
    trace: TraceContext | undefined,
  ): Promise<FlavorList> {
    const { own, candidates, recorder } = this.#options
    const peer = call.peer?.id
    const since = recorder.now()
    const ours = own.select(selector, audience)
    recorder.step(trace, 'flavors-looked-up', { peer, since, detail: `${ours.count} found` })
    if (ours.count > 0) return ours
    const sinceSearch = recorder.now()
    const known = candidates.select(selector, audience)
    recorder.step(trace, 'candidates-searched', { peer, since: sinceSearch, detail: `${known.count} found` })
    const hops = hopsOf(call.headers)
    if (known.count > 0 || hops >= MOST_HOPS) return known
    const sinceAsk = recorder.now()
    const asked = await this.#askOnce(selector, call, hops, trace)
    const found = candidates.select(selector, audience)
    recorder.step(trace, 'candidates-filled', {
      since: sinceAsk,
      detail: `${found.count} offers of ${asked.filter(({ error }) => error === undefined).length} endpoints`,
    })
    return found
  }

  /** Somebody of our domain has the whole world asked; somebody of another, our domain alone: no question goes round. */
  #askOnce(
    selector: Selector,
    call: RouteCall,
    hops: number,
    trace: TraceContext | undefined,
  ): ReturnType<FlavorAnswersOptions['ask']> {
    const { ask } = this.#options
    const scope = this.#isOfOurs(call.peer?.id) ? 'everybody' : 'domain'
    const question = `${scope} ${JSON.stringify(selector)}`
    const running = this.#inFlight.get(question)
    if (running) return running
    const asking = ask(selector, {
      scope,
      hops: hops + 1,
      except: call.peer?.id,
      trace,
      signal: call.signal,
    }).finally(() => this.#inFlight.delete(question))
    this.#inFlight.set(question, asking)
    return asking
  }

  #isOfOurs(nodeID: string | undefined): boolean {
    return nodeID !== undefined && this.#options.domainOf(nodeID) === this.#options.self.domain
  }

  #contextOf(call: RouteCall): TraceContext | undefined {
    const trace = traceFromHeaders(call.headers, call.peer?.id)
    return trace && { ...trace, role: this.roleFor(call.peer?.id) }
  }

  /** What this node is in a workflow of which `caller` is the side before it. */
  roleFor(caller: string | undefined): WorkflowRole {
    const { role } = this.#options
    if (role === 'catalog') return 'catalog'
    if (role === 'node') return 'provider'
    return this.#isOfOurs(caller) ? 'supernode' : 'provider-supernode'
  }
}
