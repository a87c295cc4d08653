/**
 * Consumer: asks a provider for what was bought (step 22), as often as its fabric and ours need to agree.
 *
 * What the provider said last is kept in memory only, until the next question answers it. After a restart the
 * exchange begins anew, which fabrics are made for.
 */
import type { AcceptedOffer, Fabric, PendingOffer, WantedSlice } from '../fabric/fabric.ts'
import type { Channel } from '../kernel/channel.ts'
import { deadline, type System } from '../kernel/system.ts'
import type { NodeId } from '../objects/ids.ts'
import type { VirtualNode } from '../objects/virtual-node.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { traceHeaders, traceOf, type Recorder } from '../trace/index.ts'
import { decodeOffer } from './resource-messages.ts'

export interface ResourceExchangeOptions {
  readonly fabric: Fabric
  readonly system: System
  readonly recorder: Recorder
  /** The way to the other end of a contract, made by the Network Manager. */
  readonly channelFor: (contractID: string) => Channel | undefined
}

export type ExchangeResult =
  | { readonly result: 'accepted'; readonly offer: AcceptedOffer }
  /** For good. */
  | { readonly result: 'denied'; readonly message: string }
  /** Nothing is known against it yet. */
  | { readonly result: 'waiting'; readonly message: string; readonly retryAfterMs: number }
  /** There is no way to the provider yet; the Network Manager is making it. */
  | { readonly result: 'no-way'; readonly retryAfterMs: number }

const REQUEST_TIMEOUT_MS = 10_000
const RETRY_MS = 1_000
/** However soon or late a provider wants to be asked again. */
const SHORTEST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 60_000

interface Standing {
  readonly answer?: PendingOffer
  /** On the monotonic clock. */
  readonly notBefore: number
  readonly message: string
}

export class ResourceExchange {
  readonly #options: ResourceExchangeOptions
  /** By uid of the virtual node. */
  readonly #standing = new Map<string, Standing>()

  constructor(options: ResourceExchangeOptions) {
    this.#options = options
  }

  /** The exchange is over, or its virtual node is gone. */
  forget(node: VirtualNode): void {
    this.#standing.delete(node.metadata.uid)
  }

  /** Asks once, unless it is too early. */
  async ask(node: VirtualNode, signal: AbortSignal): Promise<ExchangeResult> {
    const { system, fabric, channelFor } = this.#options
    const { contractID } = node.spec
    const channel = channelFor(contractID)
    if (channel === undefined) return { result: 'no-way', retryAfterMs: RETRY_MS }
    const standing = this.#standing.get(node.metadata.uid)
    const wait = (standing?.notBefore ?? 0) - system.clock.monotonic()
    if (standing !== undefined && wait > 0)
      return { result: 'waiting', message: standing.message, retryAfterMs: wait }
    const prepared = await fabric.prepare(sliceOf(node), standing?.answer)
    if (prepared.status === 'Pending') {
      const { reason, message, retryAfterMs } = prepared
      return this.#wait(node, `${reason}: ${message}`, retryAfterMs, standing?.answer)
    }
    const limit = deadline(system.clock, REQUEST_TIMEOUT_MS, signal)
    try {
      return await this.#request(node, channel, prepared.payload, limit.signal)
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      if (isProblem(error, 'not-a-party', 'peer-not-accepted', 'peer-unknown'))
        return { result: 'denied', message: error.message }
      const message = `waiting for ${node.spec.provider}: ${error.message}`
      return { result: 'waiting', message, retryAfterMs: RETRY_MS }
    } finally {
      limit.done()
    }
  }

  async #request(
    node: VirtualNode,
    channel: Channel,
    payload: Readonly<Record<string, unknown>> | undefined,
    signal: AbortSignal,
  ): Promise<ExchangeResult> {
    const { contractID, resources, provider } = node.spec
    const trace = traceOf(node)
    // Further rounds are part of the same step.
    const isFirst = this.#standing.get(node.metadata.uid)?.answer === undefined
    const requested = isFirst
      ? this.#options.recorder.step(trace, 'resources-requested', { peer: provider, detail: contractID })
      : trace
    const { body } = await channel.request({
      method: 'PUT',
      path: `/api/v2/contracts/${encodeURIComponent(contractID)}/resources`,
      headers: traceHeaders(requested),
      body: { virtualNode: node.metadata.name, resources, ...(payload && { payload }) },
      signal,
    })
    const offer = decodeOffer(body, contractID)
    if (offer === undefined) return this.#wait(node, `${provider} answered with what is no offer`, RETRY_MS)
    switch (offer.status) {
      case 'Accepted':
        return { result: 'accepted', offer }
      case 'Denied':
        return { result: 'denied', message: `${offer.reason}: ${offer.message}` }
      case 'Pending':
        return this.#wait(
          node,
          `waiting for ${provider}: ${offer.reason}: ${offer.message}`,
          offer.retryAfterMs,
          offer,
        )
    }
  }

  #wait(node: VirtualNode, message: string, afterMs: number, answer?: PendingOffer): ExchangeResult {
    const retryAfterMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, afterMs))
    const notBefore = this.#options.system.clock.monotonic() + retryAfterMs
    this.#standing.set(node.metadata.uid, { notBefore, message, ...(answer && { answer }) })
    return { result: 'waiting', message, retryAfterMs }
  }
}

function sliceOf({ metadata, spec }: VirtualNode): WantedSlice {
  return {
    nodeName: metadata.name,
    contractID: spec.contractID,
    provider: spec.provider as NodeId,
    amounts: spec.resources,
  }
}
