/**
 * Getting to know other nodes: says hello to every peer that has an address, and answers hello.
 *
 * What a peer proves of itself goes to the Privacy and Security Manager, which decides what it may do.
 */
import { RateGate } from '../kernel/rate-gate.ts'
import { requeueAfter, type ReconcileResult } from '../kernel/reconcile/result.ts'
import { backOff } from '../kernel/back-off.ts'
import type { Component } from '../kernel/component.ts'
import { Controller } from '../kernel/controller.ts'
import { remove } from '../kernel/object-store.ts'
import { Backoffs } from '../kernel/reconcile/backoffs.ts'
import type { NodeBase } from '../node-base.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import type { ObjectKey } from '../objects/meta.ts'
import { PeerKind, type PeerRole, type PeerSource } from '../objects/peer.ts'
import type { PeerRegistry, Standing } from '../privacy-and-security-manager/index.ts'
import type { RearClient } from '../rear/client.ts'
import { isProblem, Problem } from '../rear/problem.ts'
import { isTransportError, type TransportTarget } from '../rear/transport/index.ts'
import { nodeIdentityToWire, type WireNodeIdentity } from '../rear/wire/index.ts'
import { isPeerAddress } from './peer-address.ts'

/** The body of hello, both ways. */
export interface Hello {
  readonly identity: WireNodeIdentity
  readonly name: string
  readonly role: PeerRole
  readonly membership?: string
  /** What of the protocol this node speaks; one number that only grows. */
  readonly capabilities: number
}

/** The answer to hello. */
export interface HelloAnswer extends Hello {
  /** How far the caller has come in the eyes of who answers. */
  readonly standing: Standing
}

/** How a hello went. */
export interface HelloResult {
  /** Who is there, proved. */
  readonly peer: NodeId
  /** How far we have come in its eyes; undefined when it does not tell. */
  readonly standing: Standing | undefined
  readonly address: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * Capability versions and what each added:
 * - 1 (2026-11): hello, signed flavors and contracts, close, resource request, pods, streams, traces
 */
export const CAPABILITIES = 1

const HELLO_TIMEOUT_MS = 3_000
const AGAIN_WHEN_REACHED_MS = 60_000
const FIRST_RETRY_MS = 400
const LONGEST_RETRY_MS = 10_000
/** Who knows a thousand others does not say hello to all of them every minute. */
const PACE_MS = 200
const NOT_READY_RETRY_MS = 1_000
/** After so many failures in a row, one that was only heard of, and that nobody vouches for, is forgotten. */
const FORGET_AFTER = 5
const AGAIN_WITH_STRANGER_MS = 10 * 60_000
const FIRST_STRANGER_RETRY_MS = 10_000
const LONGEST_STRANGER_RETRY_MS = 60 * 60_000
/** All strangers together are called no more often. */
const STRANGERS_PER_SECOND = 2
const STRANGERS_AT_ONCE = 20
const STRANGER_TURN_MS = 5_000
const MOST_HELLOS = 10_000
const ROLES: ReadonlySet<unknown> = new Set<PeerRole>(['node', 'supernode', 'catalog'])
const STANDINGS: ReadonlySet<unknown> = new Set<Standing>(['unknown', 'known', 'accepted', 'rejected'])

export interface PeerHandshakeOptions extends NodeBase {
  readonly client: RearClient
  readonly registry: PeerRegistry
  readonly role: PeerRole
  /** Whether names that only others told us are looked at again when they are resolved. */
  readonly guarded: boolean
  /** Our own membership credential, when we have one. */
  readonly membership: () => string | undefined
  /** Tells when it was renewed: every peer gets to know. */
  readonly onMembershipRenewed?: (listener: () => void) => () => void
}

export class PeerHandshake implements Component {
  readonly #options: PeerHandshakeOptions
  readonly #controller: Controller
  readonly #backoffs: Backoffs
  readonly #strangers: RateGate
  #unsubscribe: (() => void) | undefined
  /** The last hello to each node that answered. */
  readonly #hellos = new Map<string, HelloResult>()

  constructor(options: PeerHandshakeOptions) {
    this.#options = options
    this.#strangers = new RateGate(options.system, {
      perSecond: STRANGERS_PER_SECOND,
      burst: STRANGERS_AT_ONCE,
    })
    this.#backoffs = new Backoffs({
      clock: options.system.clock,
      firstMs: FIRST_RETRY_MS,
      longestMs: () => this.#atLeast(LONGEST_RETRY_MS),
    })
    this.#controller = new Controller({
      name: 'peer-handshake',
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
    this.#unsubscribe ??= this.#options.onMembershipRenewed?.(() => this.#helloAll())
    return this.#controller.start()
  }

  stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    return this.#controller.stop()
  }

  /** A peer said hello. */
  async answerHello(
    from: Hello,
    peer: { readonly id: string; readonly address: string },
  ): Promise<HelloAnswer> {
    if (from.identity.ID !== peer.id)
      throw new Problem('not-a-party', "the identity in the body is not the caller's")
    const { standing } = await this.#options.registry.learn({
      nodeId: parseNodeId(peer.id),
      source: 'hello',
      ...(isPeerAddress(from.identity.IP) ? { address: from.identity.IP } : {}),
      name: from.name,
      role: from.role,
      ...(from.membership === undefined ? {} : { membership: from.membership }),
    })
    return { ...this.ownHello(), standing }
  }

  /** @returns who we are */
  ownHello(): Hello {
    const { self, role, membership } = this.#options
    const credential = membership()?.trim()
    return {
      identity: nodeIdentityToWire(self.identity()),
      name: self.name,
      role,
      ...(credential === undefined ? {} : { membership: credential }),
      capabilities: CAPABILITIES,
    }
  }

  /** Says hello to all peers again, soon: there is news of ourselves. */
  #helloAll(): void {
    for (const { metadata } of this.#options.registry.list())
      this.#controller.enqueue({ name: metadata.name })
  }

  forgetHello(id: string): void {
    this.#hellos.delete(id)
  }

  /** @returns how the last hello to a node went; undefined when it was not reached, last or ever */
  lastHello(id: NodeId): HelloResult | undefined {
    return this.#hellos.get(id)
  }

  /**
   * Says hello now, and remembers who answers and what it proves.
   * @param options.source how we came to know of it
   * @param options.timeoutMs milliseconds until it is given up
   * @throws TransportError when nobody is there, or somebody else; Problem when it refuses
   */
  async sayHello(
    target: TransportTarget,
    options: { readonly source: PeerSource; readonly timeoutMs?: number; readonly signal: AbortSignal },
  ): Promise<HelloResult> {
    const { client, registry, system } = this.#options
    const { address, id } = target
    const started = system.clock.monotonic()
    const answer = await client
      .call(target, {
        method: 'POST',
        path: '/api/v2/hello',
        body: this.ownHello(),
        timeoutMs: options.timeoutMs ?? HELLO_TIMEOUT_MS,
        signal: options.signal,
      })
      .catch((error: unknown) => {
        if (id !== undefined && this.#hellos.get(id)?.address === address) this.#hellos.delete(id)
        throw error
      })
    const roundTripMs = system.clock.monotonic() - started
    // What the other says of itself is not to be relied on, not even that it has the form of a hello.
    const from = (answer.body ?? {}) as { readonly [member in keyof HelloAnswer]?: unknown }
    await registry.learn({
      nodeId: answer.peer,
      source: options.source,
      address,
      addressVerified: true,
      ...(typeof from.name === 'string' ? { name: from.name } : {}),
      ...(ROLES.has(from.role) ? { role: from.role as PeerRole } : {}),
      ...(typeof from.membership === 'string' ? { membership: from.membership } : {}),
    })
    await registry.reached(answer.peer, roundTripMs)
    const hello: HelloResult = {
      peer: answer.peer,
      standing: STANDINGS.has(from.standing) ? (from.standing as Standing) : undefined,
      address,
      at: system.clock.now(),
    }
    // The latest last: the one to forget first is the first.
    this.#hellos.delete(answer.peer)
    this.#hellos.set(answer.peer, hello)
    if (this.#hellos.size > MOST_HELLOS) this.#hellos.delete(this.#hellos.keys().next().value!)
    return hello
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { store, registry, log } = this.#options
    const peer = await store.get(PeerKind, key)
    if (peer === undefined) this.#backoffs.forget(key)
    if (peer?.spec.address === undefined || peer.spec.accepted === false) return
    const { address, nodeID, source } = peer.spec
    const id = nodeID === undefined ? undefined : parseNodeId(nodeID)
    const isStranger = registry.isStranger(key.name)
    if (isStranger && !this.#strangers.pass()) return requeueAfter(STRANGER_TURN_MS)
    try {
      const isHearsay = this.#options.guarded && source !== 'configured'
      const target = { address, isHearsay, ...(id === undefined ? {} : { id }) }
      await this.sayHello(target, { source, signal })
      this.#backoffs.forget(key)
      return requeueAfter(
        this.#atLeast(registry.isStranger(key.name) ? AGAIN_WITH_STRANGER_MS : AGAIN_WHEN_REACHED_MS),
      )
    } catch (error) {
      if (!isTransportError(error) && !isProblem(error)) throw error
      if (signal.aborted) return
      // It is there, and will answer soon.
      if (isProblem(error, 'unavailable')) return requeueAfter(NOT_READY_RETRY_MS)
      if (isProblem(error, 'peer-rejected')) {
        await registry.unreachable(key.name, 'it has rejected this node')
        return requeueAfter(this.#atLeast(AGAIN_WHEN_REACHED_MS))
      }
      const requeueAfterMs = this.#backoffs.failed(key)
      const failures = this.#backoffs.failures(key)
      if (failures >= FORGET_AFTER && isStranger) {
        this.#backoffs.forget(key)
        return remove(store, PeerKind, key)
      }
      if (failures === 3) log.info({ err: error, address }, 'peer not reached')
      if (failures >= 3) await registry.unreachable(key.name, error.message)
      return requeueAfter(
        isStranger
          ? backOff(failures - 1, FIRST_STRANGER_RETRY_MS, LONGEST_STRANGER_RETRY_MS)
          : requeueAfterMs,
      )
    }
  }

  /** @returns the pause until the next hello to a peer, in milliseconds: longer where there are very many */
  #atLeast(ms: number): number {
    return Math.max(ms, this.#options.registry.list().length * PACE_MS)
  }
}
