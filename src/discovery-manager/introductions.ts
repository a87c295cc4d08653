/**
 * Getting to know other nodes: says hello to every peer that has an address, and answers hello.
 *
 * What a peer proves of itself goes to the Privacy and Security Manager, which decides what it may do.
 */
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import type { NodeBase } from '../node-base.ts'
import { parseNodeId } from '../objects/ids.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { PeerKind, type PeerRole } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, Problem } from '../rear/problem.ts'
import { isTransportError } from '../rear/transport/index.ts'
import { nodeIdentityToWire, type WireNodeIdentity } from '../rear/wire/index.ts'

/** The body of hello, both ways. */
export interface Introduction {
  readonly identity: WireNodeIdentity
  readonly name: string
  readonly role: PeerRole
  readonly membership?: string
  /** What of the protocol this node speaks; one number that only grows. */
  readonly capabilities: number
}

/**
 * Capability versions and what each added:
 * - 1 (2026-11): hello, signed flavors and contracts, close, resource request, pods, streams, traces
 */
export const CAPABILITIES = 1

const HELLO_TIMEOUT_MS = 3_000
const AGAIN_WHEN_REACHED_MS = 60_000
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 30_000

export interface IntroductionsOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly role: PeerRole
  /** Our own membership credential, when we have one. */
  readonly membership: () => string | undefined
}

export class Introductions implements Component {
  readonly #options: IntroductionsOptions
  readonly #controller: Controller
  readonly #failures = new Map<string, number>()

  constructor(options: IntroductionsOptions) {
    this.#options = options
    this.#controller = new Controller({
      name: 'introductions',
      system: options.system,
      log: options.log,
      concurrency: 16,
      watches: [
        {
          informer: options.informers.of(PeerKind),
          // Its own status is written on every hello: only a new address or key is a reason to say hello again.
          keys: (event) =>
            event.type === 'updated' &&
            event.before.spec.address === event.object.spec.address &&
            event.before.spec.accepted === event.object.spec.accepted
              ? undefined
              : { name: event.object.metadata.name },
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

  /** A peer introduced itself. */
  async greeted(
    from: Introduction,
    peer: { readonly id: string; readonly address: string },
  ): Promise<Introduction> {
    if (from.identity.ID !== peer.id)
      throw new Problem('not-a-party', 'the identity is not that of the caller')
    await this.#options.registry.learn({
      nodeId: parseNodeId(peer.id),
      source: 'hello',
      address: from.identity.IP,
      name: from.name,
      role: from.role,
      ...(from.membership === undefined ? {} : { membership: from.membership }),
    })
    return this.introduction()
  }

  /** @returns who we are */
  introduction(): Introduction {
    const { self, role, membership } = this.#options
    const credential = membership()
    return {
      identity: nodeIdentityToWire(self.identity()),
      name: self.name,
      role,
      ...(credential === undefined ? {} : { membership: credential }),
      capabilities: CAPABILITIES,
    }
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | void> {
    const { store, client, registry, system, log } = this.#options
    const peer = await store.get(PeerKind, key)
    if (peer?.spec.address === undefined || peer.spec.accepted === false) return
    const { address, nodeID } = peer.spec
    const started = system.clock.monotonic()
    try {
      const answer = await client.call(
        { address, ...(nodeID === undefined ? {} : { id: parseNodeId(nodeID) }) },
        {
          method: 'POST',
          path: '/api/v2/hello',
          body: this.introduction(),
          timeoutMs: HELLO_TIMEOUT_MS,
          signal,
        },
      )
      const roundTripMs = system.clock.monotonic() - started
      const from = answer.body as Partial<Introduction> | undefined
      await registry.learn({
        nodeId: answer.peer,
        source: peer.spec.source,
        address,
        addressVerified: true,
        ...(typeof from?.name === 'string' ? { name: from.name } : {}),
        ...(from?.role ? { role: from.role } : {}),
        ...(typeof from?.membership === 'string' ? { membership: from.membership } : {}),
      })
      await registry.reached(answer.peer, roundTripMs)
      this.#failures.delete(key.name)
      return { requeueAfterMs: AGAIN_WHEN_REACHED_MS }
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      const failures = (this.#failures.get(key.name) ?? 0) + 1
      this.#failures.set(key.name, failures)
      if (failures === 3) log.info({ err: error, address }, 'peer not reached')
      if (nodeID !== undefined && failures >= 3)
        await registry.unreachable(parseNodeId(nodeID), error.message)
      return { requeueAfterMs: Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10)) }
    }
  }
}
