/**
 * The datagrams by which upstream nodes find each other on the local network, both ways.
 *
 * A datagram is `{"domain","nodeID","ip"}`, sent every 5 seconds. Who is heard becomes a KnownCluster that
 * expires 10 seconds after the last datagram, as upstream has it. Nothing in them is proved: a node of our own
 * kind becomes a Peer that is known at most; who it is, dialling tells.
 *
 * Two things about what we send, both for the good of upstream nodes in the group. Its receiver names an object
 * after the `nodeID` and stops for good when that is no object name, as a did:key is none: ours is the node's name
 * and a part of its key. And it asks whom it heard over plain HTTP and fails altogether when one does not answer:
 * so we are heard only while our plain listener is on, with its address.
 */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError, mutateStatus } from '../kernel/object-store.ts'
import { rfc3339, type Timer } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { isNodeId, type NodeId } from '../objects/ids.ts'
import { KnownClusterKind, type KnownCluster } from '../objects/known-cluster.ts'
import { inDefaultNamespace, isObjectName, keyOf } from '../objects/meta.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { DatagramSocket, MulticastGroup, OpenDatagramSocket } from './datagram-socket.ts'
import { isPeerAddress } from './peer-address.ts'
import { RateGate } from '../kernel/rate-gate.ts'

/** What upstream sends and expects. */
export interface UpstreamAnnouncement {
  readonly domain: string
  readonly nodeID: string
  readonly ip: string
}

export interface UpstreamMulticastOptions extends NodeBase {
  readonly registry: Pick<PeerRegistry, 'learn'>
  readonly group: MulticastGroup
  readonly open: OpenDatagramSocket
  /** Where our plain HTTP listener is reached; undefined while there is none. */
  readonly plainAddress: () => string | undefined
}

const EVERY_MS = 5_000
const EXPIRES_AFTER_MS = 10_000
const REOPEN_AFTER_MS = 30_000
/** Upstream's buffer; what is longer would be cut there. */
const MOST_BYTES = 1_024
const MOST_KNOWN = 256
/** A segment with a hundred nodes sends twenty a second. */
const RATE = { perSecond: 100, burst: 200 }
/** A peer that was heard is not learnt again for so long. */
const LEARN_EVERY_MS = 30_000
const FOUND_BY = 'tributary.io/found-by'

/** @returns whether a KnownCluster was made of a datagram, and not written by the user */
export function wasHeard({ metadata }: Pick<KnownCluster, 'metadata'>): boolean {
  return metadata.labels?.[FOUND_BY] === 'multicast'
}

/** @returns what upstream nodes may call us: an object name, and unique as the key is */
export function upstreamNodeID(name: string, id: NodeId): string {
  return `${name}-${id
    .slice(-10)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')}`
}

export class UpstreamMulticast implements Component {
  readonly #options: UpstreamMulticastOptions
  readonly #log: Log
  readonly #known: Informer<KnownCluster>
  readonly #gate: RateGate
  readonly #ownID: string
  /** When each of our own kind was learnt last. */
  readonly #learnt = new Map<string, number>()
  /** Names that a write is under way for: one at a time for each. */
  readonly #writing = new Map<string, Promise<void>>()
  #running: { timer: Timer; socket: DatagramSocket | undefined; openAt: number } | undefined
  #complained = 0

  constructor(options: UpstreamMulticastOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'upstream-multicast' })
    this.#known = options.informers.of(KnownClusterKind)
    this.#gate = new RateGate(options.system, RATE)
    this.#ownID = upstreamNodeID(options.self.name, options.self.id)
  }

  async start(): Promise<void> {
    if (this.#running) return
    await this.#known.start()
    this.#running = { timer: this.#later(), socket: undefined, openAt: 0 }
    await this.#open()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.timer.cancel()
    await running?.socket?.close()
    await Promise.allSettled(this.#writing.values())
  }

  /** Takes a datagram, whatever is in it; never throws. */
  receive(data: Uint8Array): void {
    if (!this.#gate.pass()) return this.#complain('too many datagrams')
    if (data.length > MOST_BYTES) return this.#complain('a datagram is too long')
    const heard = decode(data)
    if (heard === undefined) return this.#complain('a datagram cannot be understood')
    const { nodeID, ip } = heard
    const { self, plainAddress } = this.#options
    if (nodeID === self.id || nodeID === this.#ownID || ip === plainAddress()) return
    const work = isNodeId(nodeID) ? this.#learn(nodeID, ip) : this.#note(nodeID, ip)
    void work.catch((error: unknown) => {
      if (!isStoreError(error, 'Unavailable'))
        this.#log.warn({ err: error, nodeID }, 'cannot note a neighbour')
    })
  }

  async #learn(nodeId: NodeId, address: string): Promise<void> {
    const now = this.#options.system.clock.monotonic()
    const key = `${nodeId} ${address}`
    if (now - (this.#learnt.get(key) ?? -Infinity) < LEARN_EVERY_MS) return
    if (this.#learnt.size >= MOST_KNOWN) this.#learnt.clear()
    this.#learnt.set(key, now)
    await this.#options.registry.learn({ nodeId, source: 'multicast', address })
  }

  /** While one write for a node is under way, what it says meanwhile is what it will say again in 5 seconds. */
  async #note(nodeID: string, address: string): Promise<void> {
    const name = `knowncluster-${nodeID}`
    if (this.#writing.has(name)) return
    const known = this.#known.get(inDefaultNamespace(name))
    const room = this.#known.list().length + this.#writing.size < MOST_KNOWN
    if (known === undefined && !room) return this.#complain('too many neighbours to remember')
    const writing = this.#write(name, address).finally(() => this.#writing.delete(name))
    this.#writing.set(name, writing)
    await writing
  }

  async #write(name: string, address: string): Promise<void> {
    const { store, system } = this.#options
    const key = inDefaultNamespace(name)
    const stored =
      (await store.get(KnownClusterKind, key)) ??
      (await store.create(KnownClusterKind, {
        metadata: { ...key, labels: { [FOUND_BY]: 'multicast' } },
        spec: { address },
      }))
    // Who comes under the name of another that is still there is not believed; nor is what the user wrote changed.
    if (stored.spec.address !== address || !wasHeard(stored)) return
    const now = system.clock.now()
    await mutateStatus(store, KnownClusterKind, key, () => ({
      expirationTime: rfc3339(now + EXPIRES_AFTER_MS),
      lastUpdateTime: rfc3339(now),
    }))
  }

  #later(): Timer {
    return this.#options.system.clock.after(EVERY_MS, () => {
      void this.#round().finally(() => {
        if (this.#running) this.#running.timer = this.#later()
      })
    })
  }

  async #round(): Promise<void> {
    try {
      await this.#forgetExpired()
      if (this.#running?.socket === undefined) await this.#open()
      await this.#announce()
    } catch (error) {
      if (!isStoreError(error, 'Unavailable')) this.#log.warn({ err: error }, 'cannot keep neighbours')
    }
  }

  async #announce(): Promise<void> {
    const { self, plainAddress } = this.#options
    const ip = plainAddress()
    const socket = this.#running?.socket
    if (ip === undefined || socket === undefined) return
    const message: UpstreamAnnouncement = { domain: self.domain, nodeID: this.#ownID, ip }
    try {
      await socket.send(Buffer.from(JSON.stringify(message)))
    } catch (error) {
      // The network may be down for a while; the next round tries again.
      this.#log.debug({ err: error }, 'announcement not sent')
    }
  }

  async #open(): Promise<void> {
    const { open, group, system } = this.#options
    const running = this.#running
    if (running === undefined || system.clock.monotonic() < running.openAt) return
    running.openAt = system.clock.monotonic() + REOPEN_AFTER_MS
    try {
      const socket = await open(group, {
        onMessage: (data) => this.receive(data),
        onError: (error) => {
          this.#log.warn({ err: error }, 'multicast broke down; opened again soon')
          if (running.socket === socket) running.socket = undefined
          void socket.close().catch(() => undefined)
        },
      })
      if (this.#running === running) running.socket = socket
      else await socket.close()
    } catch (error) {
      this.#log.warn({ err: error, ...group }, 'the multicast group cannot be joined; tried again later')
    }
  }

  async #forgetExpired(): Promise<void> {
    const { store, system } = this.#options
    const now = system.clock.now()
    for (const known of this.#known.list()) {
      const { metadata, status } = known
      if (!wasHeard(known)) continue
      // One that was made in the moment of a crash has no status: its age stands in for it.
      const until = Date.parse(status?.expirationTime ?? metadata.creationTimestamp)
      if (Number.isNaN(until) || until + (status ? 0 : EXPIRES_AFTER_MS) > now) continue
      try {
        await store.delete(KnownClusterKind, keyOf(known), { resourceVersion: metadata.resourceVersion })
      } catch (error) {
        if (!isStoreError(error, 'NotFound', 'Conflict')) throw error
      }
    }
  }

  /** Of each power of two: a flood fills no log. */
  #complain(what: string): void {
    this.#complained++
    if ((this.#complained & (this.#complained - 1)) === 0) {
      this.#log.debug({ times: this.#complained }, `multicast: ${what}`)
    }
  }
}

function decode(data: Uint8Array): UpstreamAnnouncement | undefined {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof json !== 'object' || json === null) return undefined
  const { domain, nodeID, ip } = json as Record<string, unknown>
  if (typeof nodeID !== 'string' || !isPeerAddress(ip)) return undefined
  if (!isNodeId(nodeID) && !(nodeID.length <= 200 && isObjectName(nodeID))) return undefined
  return { domain: typeof domain === 'string' ? domain : '', nodeID, ip }
}
