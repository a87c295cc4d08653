/**
 * Publishes to catalogs, when a contract has ended, what we think of the other party: the mean of the facts that
 * were noted of it. Sent until it was heard; sending it again changes nothing.
 */
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import type { NodeBase } from '../node-base.ts'
import { ContractKind, hasEnded, type Contract } from '../objects/contract.ts'
import { CONTRACT_ENDS, FACT_VALUES, FactKind } from '../objects/fact.ts'
import { parseNodeId } from '../objects/ids.ts'
import { inDefaultNamespace, type ObjectKey } from '../objects/meta.ts'
import { PeerKind, type Peer } from '../objects/peer.ts'
import { signDocument, type NodeKey, type PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { withoutSecrets, type WireContract } from '../rear/wire/index.ts'
import { RATING_SIGNATURE, type Rating, type RatingMessage } from './rating-routes.ts'

export interface RatingSenderOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly key: NodeKey
}

const TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 2_000
const LONGEST_RETRY_MS = 10 * 60_000
/** What ended longer ago was sent, or is not worth it any more. */
const SEND_WITHIN_MS = 86_400_000

export class RatingSender implements Component {
  readonly #options: RatingSenderOptions
  readonly #controller: Controller
  /** Catalogs that heard, or do not want to hear, of a contract. */
  readonly #sent = new Map<string, Set<string>>()
  readonly #backoffs: Backoffs

  constructor(options: RatingSenderOptions) {
    this.#options = options
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: FIRST_RETRY_MS,
      longestMs: LONGEST_RETRY_MS,
      of: options.informers.of(ContractKind),
    })
    options.informers.of(PeerKind)
    options.informers.of(FactKind)
    this.#controller = new Controller({
      name: 'rating-sender',
      system: options.system,
      log: options.log,
      watches: [
        { informer: options.informers.of(ContractKind) },
        // The fact of the end may be noted after the end.
        {
          informer: options.informers.of(FactKind),
          keys: ({ object: { spec } }) =>
            spec.contractID === undefined ? undefined : inDefaultNamespace(spec.contractID),
        },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    })
  }

  start(): Promise<void> {
    return this.#controller.start()
  }

  stop(): Promise<void> {
    return this.#controller.stop()
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { informers, system } = this.#options
    const contract = informers.of(ContractKind).get(key)
    if (contract === undefined) {
      this.#sent.delete(key.name)
      return
    }
    if (!hasEnded(contract) || contract.spec.document === undefined) return
    const { endTime, lastChangeTime } = contract.status?.phase ?? {}
    const ended = Date.parse(endTime ?? lastChangeTime ?? '')
    if (!(ended + SEND_WITHIN_MS > system.clock.now())) return
    const sent = this.#sent.get(key.name) ?? new Set<string>()
    this.#sent.set(key.name, sent)
    const catalogs = this.#catalogs().filter(({ spec }) => !sent.has(spec.nodeID!))
    const message = catalogs.length > 0 ? this.#message(contract, endTime ?? lastChangeTime!) : undefined
    if (message === undefined) return
    const heard = await Promise.all(catalogs.map((catalog) => this.#send(catalog, message, signal)))
    for (const [index, { spec }] of catalogs.entries()) if (heard[index] === true) sent.add(spec.nodeID!)
    if (heard.every(Boolean)) return
    return requeueAfter(this.#backoffs.failed(key))
  }

  #catalogs(): readonly Peer[] {
    const { registry } = this.#options
    return registry
      .list()
      .filter(
        ({ spec, status }) =>
          spec.nodeID !== undefined &&
          spec.address !== undefined &&
          (spec.role ?? status?.role) === 'catalog' &&
          registry.standing(parseNodeId(spec.nodeID)) === 'accepted',
      )
  }

  /** @returns undefined when it is not noted (yet) how it ended with the other party under this contract */
  #message(contract: Contract, at: string): RatingMessage | undefined {
    const { informers, self, key } = this.#options
    const { spec, metadata } = contract
    const about = spec.role === 'seller' ? spec.buyer.nodeID : spec.seller.nodeID
    const facts = informers
      .of(FactKind)
      .list()
      .filter((fact) => fact.spec.contractID === metadata.name && fact.spec.about === about)
    // Without how it ended the mean would say too much, or too little.
    if (!facts.some(({ spec: { type } }) => CONTRACT_ENDS.includes(type))) return undefined
    const mean = facts.reduce((sum, { spec: { type } }) => sum + FACT_VALUES[type], 0) / facts.length
    const statement: Rating = {
      about,
      author: self.id,
      contractID: metadata.name,
      score: Math.round(mean * 500) / 100,
      facts: facts.slice(0, 100).map(({ spec: { type, at: noted } }) => ({ type, at: noted })),
      at,
    }
    const contractTerms = withoutSecrets(spec.document as WireContract)
    return {
      statement,
      signature: signDocument(statement, { ...RATING_SIGNATURE, key }),
      contract: contractTerms,
    }
  }

  /** @returns whether the catalog need not be told again */
  async #send({ spec }: Peer, message: RatingMessage, signal: AbortSignal): Promise<boolean> {
    const { client, log } = this.#options
    try {
      await client.call(
        { address: spec.address!, id: parseNodeId(spec.nodeID!) },
        { method: 'POST', path: '/api/v2/ratings', body: message, timeoutMs: TIMEOUT_MS, signal },
      )
      return true
    } catch (error) {
      if (isTransportError(error)) return false
      if (!isProblem(error)) throw error
      if (error.status >= 500 && error.code !== 'not-supported') return false
      log.info({ err: error, peer: spec.nodeID }, 'a catalog does not take our rating')
      return true
    }
  }
}
