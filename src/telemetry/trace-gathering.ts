/**
 * Puts the trace of an intent together from all nodes that took part. Each node shows its part to those who
 * take part, and asks the ones behind it in turn: so a consumer sees the whole chain, and nobody else does.
 */
import type { ObjectStore } from '../kernel/object-store.ts'
import type { Log } from '../kernel/log.ts'
import { parseNodeId } from '../objects/ids.ts'
import type { TraceEvent } from '../objects/trace.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, Problem } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { readableTrace, type Recorder } from '../trace/index.ts'

export interface TraceGatheringOptions {
  readonly store: ObjectStore
  readonly log: Log
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly recorder: Recorder
  readonly self: string
}

const TIMEOUT_MS = 2_000
/** From the consumer over two supernodes to the provider. */
const MOST_HOPS = 3
const HOPS_HEADER = 'tributary-hops'
const MOST_EVENTS = 2_000

export class TraceGathering {
  readonly #options: TraceGatheringOptions

  constructor(options: TraceGatheringOptions) {
    this.#options = options
  }

  /**
   * @param reader node id of who asks; undefined for the user of this node
   * @returns the events of this node and of those behind it, in no order; undefined when there is nothing for the reader
   */
  async gather(
    traceID: string,
    reader: string | undefined,
    hops: number,
    signal: AbortSignal,
  ): Promise<readonly TraceEvent[] | undefined> {
    const { store, recorder, self } = this.#options
    await recorder.flush({ traceID, from: reader })
    const own = await readableTrace(store, traceID, reader)
    if (own === undefined) return undefined
    const events = own.status?.events ?? []
    if (hops >= MOST_HOPS) return events
    const peers = new Set(events.flatMap(({ peer, action }) => (mayKnowMore(peer, action) ? [peer] : [])))
    peers.delete(self)
    if (reader !== undefined) peers.delete(reader)
    const theirs = await Promise.all([...peers].map((id) => this.#ask(id, traceID, hops + 1, signal)))
    return [...events, ...theirs.flat()].slice(0, MOST_EVENTS)
  }

  readonly route: Route = {
    method: 'GET',
    path: '/api/v2/traces/{traceID}',
    operationId: 'getTrace',
    summary: 'The steps that this node, and those behind it, took for an intent of the caller',
    access: 'party',
    responses: {
      200: { description: 'The steps.' },
      404: { description: 'No such trace, or not one of the caller.' },
    },
    handle: async ({ params, peer, headers, signal }) => {
      if (peer === undefined)
        throw new Problem('not-authenticated', 'a trace is for those who take part in it')
      const hops = /^[0-9]$/.test(headers[HOPS_HEADER] ?? '0') ? Number(headers[HOPS_HEADER] ?? 0) : MOST_HOPS
      const traceID = params['traceID']!
      const events = await this.gather(traceID, peer.id, hops, signal)
      if (events === undefined) throw new Problem('not-found', 'no trace of yours under this id')
      return { status: 200, body: { traceID, events } }
    },
  }

  async #ask(id: string, traceID: string, hops: number, signal: AbortSignal): Promise<readonly TraceEvent[]> {
    const { registry, client, log } = this.#options
    const address = registry.find(id)?.spec.address
    if (address === undefined) return []
    try {
      const answer = await client.call(
        { address, id: parseNodeId(id) },
        {
          method: 'GET',
          path: `/api/v2/traces/${traceID}`,
          headers: { [HOPS_HEADER]: String(hops) },
          timeoutMs: TIMEOUT_MS,
          signal,
        },
      )
      const { events } = (answer.body ?? {}) as { events?: unknown }
      return Array.isArray(events) ? events.filter(isEvent) : []
    } catch (error) {
      if (!isProblem(error) && !isTransportError(error)) throw error
      log.debug({ err: error, peer: id }, 'the trace of a peer cannot be seen')
      return []
    }
  }
}

/** Not those whose offers a catalog stored: it has no part in what comes after. */
function mayKnowMore(peer: string | undefined, action: string): peer is string {
  return peer?.startsWith('did:') === true && action !== 'offers-stored'
}

/** What others say is shown to people: it must at least have the form. */
function isEvent(event: unknown): event is TraceEvent {
  const { action, role, at, ms, message, component, node, outcome, spanID, parentSpanID } = (event ??
    {}) as Record<string, unknown>
  const texts = [action, role, message, component, node, outcome, spanID ?? '', parentSpanID ?? '']
  return (
    typeof at === 'number' &&
    typeof ms === 'number' &&
    texts.every((text) => typeof text === 'string' && text.length < 1_000)
  )
}
