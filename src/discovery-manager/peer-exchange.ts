/**
 * Asks the supernodes that it knows who else belongs to their domain, and so gets to know the others of its own.
 *
 * A member is believed in for its credential, never for the supernode's word; where it is, only once it was met.
 */
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { Compile } from 'typebox/compile'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { NodeBase } from '../node-base.ts'
import { isNodeId, parseNodeId, type NodeId } from '../objects/ids.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { PeerKind, type PeerRole } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { DomainMemberSchema, type DomainMember } from './member-routes.ts'
import { isPeerAddress } from './peer-address.ts'

export interface PeerExchangeOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  /** Our own. A supernode asks those of other domains too, and learns what they let it know. */
  readonly role: PeerRole
}

const AGAIN_MS = 60_000
/** While nobody else of the domain is known. */
const AGAIN_WHEN_ALONE_MS = 5_000
const RETRY_MS = 10_000
const CALL_TIMEOUT_MS = 5_000
/** Of one supernode: 20,000 members. */
const MOST_PAGES = 40

const checker = Compile(DomainMemberSchema)

export class PeerExchange implements Component {
  readonly #options: PeerExchangeOptions
  readonly #controller: Controller
  readonly #warned = new Set<string>()

  constructor(options: PeerExchangeOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'peer-exchange',
      system: options.system,
      log: options.log,
      concurrency: 4,
      watches: [
        {
          informer: options.informers.of(PeerKind),
          keys: ({ type, before, object }) =>
            type === 'updated' &&
            before.spec.address === object.spec.address &&
            before.status?.phase === object.status?.phase &&
            before.status?.role === object.status?.role &&
            before.status?.domain === object.status?.domain
              ? undefined
              : { name: object.metadata.name },
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
    const { informers, registry, self, role, log } = this.#options
    const { address, nodeID } = informers.of(PeerKind).get(key)?.spec ?? {}
    if (address === undefined || nodeID === undefined) return
    const id = parseNodeId(nodeID)
    const proved = registry.membershipOf(id)
    if (proved?.role !== 'supernode' || registry.standing(id) !== 'accepted') return
    if (proved.domain !== self.domain && role !== 'supernode') return
    try {
      await this.#ask({ address, id }, proved.domain, signal)
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      log.debug({ err: error, supernode: id }, 'the supernode listed no members')
      return requeueAfter(RETRY_MS)
    }
    const alone = proved.domain === self.domain && !this.#knowsOthers()
    return requeueAfter(alone ? AGAIN_WHEN_ALONE_MS : AGAIN_MS)
  }

  async #ask(
    supernode: { readonly address: string; readonly id: NodeId },
    domain: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, log } = this.#options
    let after: string | undefined
    let refused = 0
    for (let page = 0; page < MOST_PAGES; page++) {
      const { body } = await client.call(supernode, {
        method: 'GET',
        path: `/api/v2/peers${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`,
        timeoutMs: CALL_TIMEOUT_MS,
        signal,
      })
      const { peers, continue: next } = (body ?? {}) as { peers?: unknown; continue?: unknown }
      for (const each of Array.isArray(peers) ? (peers as readonly unknown[]) : []) {
        if (signal.aborted) return
        if (!(await this.#learn(each, domain))) refused++
      }
      if (typeof next !== 'string' || next <= (after ?? '')) break
      after = next
    }
    if (refused === 0 || this.#warned.has(supernode.id)) return
    this.#warned.add(supernode.id)
    log.warn({ supernode: supernode.id, refused }, 'a supernode listed members without valid credentials')
  }

  /** @returns whether what was said of a member was proved */
  async #learn(listed: unknown, domain: string): Promise<boolean> {
    const { registry, self } = this.#options
    if (!checker.Check(listed)) return false
    const { identity, name, membership }: DomainMember = listed
    if (!isNodeId(identity.ID) || !isPeerAddress(identity.IP)) return false
    if (identity.ID === self.id) return true
    const known = registry.credentialOf(identity.ID) === membership && registry.find(identity.ID)
    const settled = known && known.spec.address !== undefined && known.status?.phase !== 'Unreachable'
    if (settled) return true
    if (registry.examine(identity.ID, membership).membership?.domain !== domain) return false
    await registry.learn({ nodeId: identity.ID, source: 'supernode', address: identity.IP, name, membership })
    return true
  }

  /** Whether any member of our domain but its supernodes is known. */
  #knowsOthers(): boolean {
    const { registry, self } = this.#options
    return registry.list().some(({ spec }) => {
      const proved = spec.nodeID === undefined ? undefined : registry.membershipOf(parseNodeId(spec.nodeID))
      return proved?.domain === self.domain && proved.role !== 'supernode'
    })
  }
}
