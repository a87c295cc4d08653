/**
 * The trust table: who is known, and how far each is trusted. Owns the Peer objects.
 *
 * Answers `standing` from memory, for every request that comes in. What a peer says about itself is believed only
 * as far as a credential proves it; what the user decided goes before everything.
 */
import type { Component } from '../kernel/component.ts'
import type { Informer } from '../kernel/informer.ts'
import { move } from '../kernel/lifecycle.ts'
import type { Log } from '../kernel/log.ts'
import { PEER_LIFECYCLE } from '../objects/lifecycles/peer.ts'
import {
  ensure,
  isStoreError,
  mutate,
  mutateStatus,
  remove,
  type ObjectStore,
} from '../kernel/object-store.ts'
import { OneAtATime } from '../kernel/one-at-a-time.ts'
import { rfc3339, type System, type Timer } from '../kernel/system.ts'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import {
  PeerKind,
  peerName,
  type Peer,
  type PeerPhase,
  type PeerRole,
  type PeerSource,
  type PeerSpec,
  type PeerStatus,
} from '../objects/peer.ts'
import {
  decide,
  judge,
  strangers,
  userRefusal,
  type AcceptancePolicy,
  type AccessDecision,
  type AccessLevel,
  type Standing,
} from './access-policy.ts'
import { verifyMembership, type Membership, type MembershipTrust } from './membership.ts'
import { MembershipError } from './membership-error.ts'

/** What is learnt of a peer that is there, from whatever source. */
export interface PeerNews {
  /** Proved by the connection, or, from multicast or a supernode, only claimed: dialling will tell. */
  readonly nodeId: NodeId
  readonly source: PeerSource
  /** host:port of its REAR listener. */
  readonly address?: string
  /** Whether we ourselves met this key at this address; only then a configured address is tied to the key. */
  readonly addressVerified?: boolean
  /** Its membership credential (JWT), if it showed one. */
  readonly membership?: string
  readonly role?: PeerRole
  /** What it calls itself. */
  readonly name?: string
}

export interface Learnt {
  readonly standing: Standing
  /** For people. */
  readonly reason: string
  /** Undefined when the peer was not stored: it is this node itself, or one stranger too many. */
  readonly peer: Peer | undefined
  /** Why the credential that it showed proves nothing. */
  readonly membershipError: MembershipError | undefined
}

/** A peer that the user put into the configuration. */
export interface ConfiguredPeer {
  readonly address: string
  readonly nodeId?: NodeId
  readonly accepted?: boolean
  readonly domain?: string
  readonly role?: PeerRole
}

export interface PeerRegistryOptions {
  readonly store: ObjectStore
  /** Of Peers; started by the registry, stopped by whoever made it. */
  readonly informer: Informer<Peer>
  readonly system: System
  readonly log: Log
  /** This node: never a peer of itself. */
  readonly self: NodeId
  readonly policy: AcceptancePolicy
  readonly trust: MembershipTrust
  /** Whether an address is dialled because somebody says that a peer is there; any is unless given. */
  readonly mayDial?: (address: string, isVouchedFor: boolean) => boolean
  /** How many peers that nobody vouches for are remembered. */
  readonly maxStrangers?: number
}

interface Entry {
  readonly peer: Peer
  readonly membership: Membership | undefined
}

const PHASES: Readonly<Record<Standing, PeerPhase>> = {
  unknown: 'Unknown',
  known: 'Known',
  accepted: 'Accepted',
  rejected: 'Rejected',
}
/** What a new phase says that happened: there is one way into each. */
const EVENTS: Readonly<Record<PeerPhase, keyof typeof PEER_LIFECYCLE.events>> = {
  Unknown: 'unproved',
  Known: 'proved',
  Accepted: 'accepted',
  Rejected: 'rejected',
  Unreachable: 'unreached',
}
/** `lastSeen` is written no more often: a peer that says hello every second must not wear out the store. */
const LAST_SEEN_GRAIN_MS = 60_000
/** How often phases are compared with the clock: memberships expire without any event. */
const REVIEW_MS = 60_000
const MAX_STRANGERS = 1_000

export class PeerRegistry implements Component {
  readonly #options: PeerRegistryOptions
  readonly #log: Log
  readonly #oneAtATime = new OneAtATime()
  readonly #entries = new Map<string, Entry>()
  /** Names of the Peers with a node id; more than one only if the user made it so. */
  readonly #byNode = new Map<string, Set<string>>()
  #running: { readonly unsubscribe: readonly (() => void)[]; review: Timer } | undefined
  /** Status writes, one after the other. */
  #writes: Promise<void> = Promise.resolve()

  constructor(options: PeerRegistryOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'peer-registry' })
  }

  async start(): Promise<void> {
    if (this.#running) return
    const { informer, trust } = this.#options
    await informer.start()
    const unsubscribe = informer.onChange((event) => {
      if (event.type === 'deleted') this.#forget(event.object)
      else {
        this.#remember(event.object)
        this.#settle(event.object.metadata.name)
      }
    })
    const unfollow = trust.revoked?.onChange?.(() => this.#review()) ?? (() => undefined)
    this.#running = { unsubscribe: [unsubscribe, unfollow], review: this.#reviewLater() }
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#running?.unsubscribe ?? []) unsubscribe()
    this.#running?.review.cancel()
    this.#running = undefined
    await this.#writes
  }

  /** @returns how far the holder of a key is trusted, now. From memory. */
  standing(nodeId: NodeId): Standing {
    return this.#judge(nodeId).standing
  }

  /** @returns whether a caller may do what a route of `level` offers; see `decide`. From memory. */
  authorize(nodeId: NodeId | undefined, level: AccessLevel, party?: boolean): AccessDecision {
    const standing = nodeId === undefined ? 'unknown' : this.standing(nodeId)
    return decide({ nodeId, standing, ...(party !== undefined && { party }) }, level)
  }

  /** @returns why a node may not use what `buyer` buys here, or undefined when it may; see `userRefusal` */
  userRefusal(user: NodeId, buyer: NodeId): ReturnType<typeof userRefusal> {
    const buyersRole = this.membershipOf(buyer)?.role
    return userRefusal(this.#options.policy, { standing: this.standing(user), buyersRole })
  }

  /** @returns what the peer's credential proves, or undefined when it has none that is valid now. */
  membershipOf(nodeId: NodeId): Membership | undefined {
    for (const name of this.#byNode.get(nodeId) ?? []) {
      const membership = this.#validMembership(this.#entries.get(name))
      if (membership) return membership
    }
    return undefined
  }

  /** @returns the credential (a JWT) that proves what `membershipOf` returns. */
  credentialOf(nodeId: NodeId): string | undefined {
    for (const name of this.#byNode.get(nodeId) ?? []) {
      const entry = this.#entries.get(name)
      if (this.#validMembership(entry)) return entry?.peer.status?.membership
    }
    return undefined
  }

  /** @returns the Peer with this node id; the configured one if there are several. */
  find(nodeId: string): Peer | undefined {
    let found: Peer | undefined
    for (const name of this.#byNode.get(nodeId) ?? []) {
      const peer = this.#entries.get(name)?.peer
      if (!found || peer?.spec.source === 'configured') found = peer
    }
    return found
  }

  /** @returns all Peers, in no particular order. */
  list(): readonly Peer[] {
    return Array.from(this.#entries.values(), ({ peer }) => peer)
  }

  /**
   * Puts a peer from the configuration into the table, or brings it in line with the configuration.
   * @throws StoreError
   */
  async configure(configured: ConfiguredPeer): Promise<Peer> {
    const { nodeId, address, accepted, domain, role } = configured
    const spec: PeerSpec = {
      source: 'configured',
      address,
      ...(nodeId !== undefined && { nodeID: nodeId }),
      ...(accepted !== undefined && { accepted }),
      ...(domain !== undefined && { domain }),
      ...(role !== undefined && { role }),
    }
    const known =
      (nodeId !== undefined && this.find(nodeId)) ||
      this.list().find((peer) => peer.spec.source === 'configured' && peer.spec.address === address)
    const name = known ? known.metadata.name : peerName(nodeId ?? address)
    await ensure(this.#options.store, PeerKind, { metadata: { name }, spec })
    const stored = await this.#mutateSpec(name, (before) => ({ ...before, ...spec }))
    if (!stored) throw new Error(`peer ${name} was deleted while it was being configured`)
    return stored
  }

  /**
   * Takes note of a peer: checks its credential, applies the acceptance policy, writes its Peer.
   * @throws IdError when the node id is not one; StoreError
   */
  async learn(news: PeerNews): Promise<Learnt> {
    const nodeId = parseNodeId(news.nodeId)
    if (nodeId === this.#options.self) {
      return { standing: 'accepted', reason: 'this node itself', peer: undefined, membershipError: undefined }
    }
    // Both sides introduce themselves, often at the same moment: one must find the Peer that the other made.
    return this.#oneAtATime.run(nodeId, () => this.#learn(nodeId, news))
  }

  #withoutForbiddenAddress(news: PeerNews, membership: Membership | undefined): PeerNews {
    const { address, addressVerified, ...rest } = news
    const { mayDial } = this.#options
    if (address === undefined || addressVerified === true || mayDial === undefined) return news
    return mayDial(address, membership !== undefined) ? news : rest
  }

  async #learn(nodeId: NodeId, told: PeerNews): Promise<Learnt> {
    const { membership, error: membershipError } = this.examine(nodeId, told.membership)
    const news = this.#withoutForbiddenAddress(told, membership ?? this.membershipOf(nodeId))
    const { known, others } = this.#peersOf(news)
    if (!known && !membership && this.#tooManyStrangers()) {
      const { standing, reason } = this.#judge(nodeId)
      return {
        standing,
        reason: `${reason}; too many strangers to remember`,
        peer: undefined,
        membershipError,
      }
    }
    const name = known?.metadata.name ?? peerName(nodeId)
    if (!known) {
      const spec: PeerSpec = {
        source: news.source,
        nodeID: nodeId,
        ...(news.address !== undefined && { address: news.address }),
      }
      this.#remember(await ensure(this.#options.store, PeerKind, { metadata: { name }, spec }))
    }
    const decision = mergedDecision([known, ...others])
    await this.#mutateSpec(name, (spec) => ({
      ...spec,
      nodeID: nodeId,
      ...this.#newAddress(name, news),
      ...(others.length > 0 && decision !== undefined && { accepted: decision }),
    }))
    const peer = await this.#mutateStatus(name, (before) =>
      this.#statusAfter(nodeId, mergedStatus(before, others), news, membership),
    )
    for (const other of others) {
      await remove(this.#options.store, PeerKind, { name: other.metadata.name })
      this.#forget(other)
    }
    return { ...this.#judge(nodeId), peer, membershipError }
  }

  /**
   * Looks at a credential and remembers nothing.
   * @returns what it proves about the node, or why it proves nothing; neither when there is none
   */
  examine(
    nodeId: string,
    jwt: string | undefined,
  ): { readonly membership: Membership | undefined; readonly error: MembershipError | undefined } {
    if (jwt === undefined) return { membership: undefined, error: undefined }
    try {
      const { trust, system } = this.#options
      const membership = verifyMembership(jwt, { ...trust, now: system.clock.now() })
      if (membership.subject !== nodeId) {
        throw new MembershipError('malformed', `the credential is about ${membership.subject}, not ${nodeId}`)
      }
      return { membership, error: undefined }
    } catch (error) {
      if (error instanceof MembershipError) return { membership: undefined, error }
      throw error
    }
  }

  /** Notes that a peer answered. @param roundTripMs how long it took, in milliseconds */
  async reached(nodeId: NodeId, roundTripMs: number): Promise<void> {
    const name = this.find(nodeId)?.metadata.name
    if (name === undefined) return
    await this.#mutateStatus(name, (before) => {
      const next = this.#seen(before)
      // Only a change that matters is worth a write.
      const last = before.roundTripMs
      const moved = last === undefined || Math.abs(roundTripMs - last) > Math.max(1, last / 4)
      const { standing, reason } = this.#judge(nodeId)
      return {
        ...next,
        phase: PHASES[standing],
        message: reason,
        ...(moved && { roundTripMs: Math.round(roundTripMs * 10) / 10 }),
      }
    })
  }

  /**
   * Notes that a peer could not be reached.
   * @param name of the Peer, since it may not be known yet who is there
   * @param message why, for people
   */
  async unreachable(name: string, message: string): Promise<void> {
    const nodeID = this.#entries.get(name)?.peer.spec.nodeID
    if (nodeID !== undefined && this.standing(parseNodeId(nodeID)) === 'rejected') return
    await this.#mutateStatus(name, (before) => ({ ...before, phase: 'Unreachable', message }))
  }

  // What is remembered

  #remember(peer: Peer): void {
    const { name, uid } = peer.metadata
    const before = this.#entries.get(name)?.peer
    // Our own write was remembered at once; the informer may still be telling of what was before it.
    const { store } = this.#options
    if (
      before?.metadata.uid === uid &&
      store.isNewer(before.metadata.resourceVersion, peer.metadata.resourceVersion)
    ) {
      return
    }
    if (before) this.#unindex(before)
    this.#entries.set(name, { peer, membership: this.#provedBy(peer) })
    const { nodeID } = peer.spec
    if (nodeID !== undefined) {
      const names = this.#byNode.get(nodeID) ?? new Set()
      this.#byNode.set(nodeID, names.add(name))
    }
  }

  #forget(peer: Peer): void {
    const before = this.#entries.get(peer.metadata.name)?.peer
    if (before?.metadata.uid !== peer.metadata.uid) return
    this.#unindex(before)
    this.#entries.delete(peer.metadata.name)
  }

  #unindex(peer: Peer): void {
    const names = this.#byNode.get(peer.spec.nodeID ?? '')
    names?.delete(peer.metadata.name)
    if (names?.size === 0) this.#byNode.delete(peer.spec.nodeID ?? '')
  }

  // What it proves

  /** The stored credential counts as little as a fresh one: trust may have been withdrawn since. */
  #provedBy(peer: Peer): Membership | undefined {
    const { nodeID } = peer.spec
    const jwt = peer.status?.membership
    return nodeID === undefined ? undefined : this.examine(nodeID, jwt).membership
  }

  #validMembership(entry: Entry | undefined): Membership | undefined {
    const membership = entry?.membership
    if (!membership || membership.expiresAt <= this.#options.system.clock.now()) return undefined
    return this.#options.trust.revoked?.covers(membership) ? undefined : membership
  }

  #judge(nodeId: NodeId): ReturnType<typeof judge> {
    const names = this.#byNode.get(nodeId)
    if (!names) return strangers(this.#options.policy)
    let decision: boolean | undefined
    let configured = false
    let membership: Membership | undefined
    for (const name of names) {
      const entry = this.#entries.get(name)
      if (!entry) continue
      const { accepted, source } = entry.peer.spec
      // Several Peers for one node: a rejection anywhere is a rejection.
      if (accepted !== undefined) decision = decision === undefined ? accepted : decision && accepted
      configured ||= source === 'configured'
      membership ??= this.#validMembership(entry)
    }
    return judge(this.#options.policy, { nodeId, decision, configured, membership })
  }

  /** @returns whether nobody vouches for the peer, and the user neither configured it nor decided about it */
  isStranger(name: string): boolean {
    const entry = this.#entries.get(name)
    return entry !== undefined && this.#isStranger(entry)
  }

  #isStranger(entry: Entry): boolean {
    const { source, accepted } = entry.peer.spec
    return source !== 'configured' && accepted === undefined && this.#validMembership(entry) === undefined
  }

  #tooManyStrangers(): boolean {
    const { maxStrangers = MAX_STRANGERS } = this.#options
    if (this.#entries.size < maxStrangers) return false
    let count = 0
    for (const entry of this.#entries.values()) if (this.#isStranger(entry)) count++
    return count >= maxStrangers
  }

  /**
   * Before we had met the key at a configured address, its node may have introduced itself to us: that is one peer.
   * @returns the Peer that stays, if there is one, and those that are it too
   */
  #peersOf(news: PeerNews): { readonly known: Peer | undefined; readonly others: readonly Peer[] } {
    const found = this.find(news.nodeId)
    const configured = this.#configuredAt(news)
    if (found === undefined || configured === undefined) return { known: found ?? configured, others: [] }
    return found.spec.source === 'configured'
      ? { known: found, others: [configured] }
      : { known: configured, others: [found] }
  }

  /** A configured address without a key yet: the key that we met there is the one. */
  #configuredAt(news: PeerNews): Peer | undefined {
    if (news.addressVerified !== true || news.address === undefined) return undefined
    return this.list().find(({ spec }) => spec.nodeID === undefined && spec.address === news.address)
  }

  /**
   * What others say of where a peer is, on the network or in an introduction, is taken only if the address that
   * we have is of no use.
   */
  #newAddress(name: string, { address, source, addressVerified }: PeerNews): { address?: string } {
    const peer = this.#entries.get(name)?.peer
    const before = peer?.spec.address
    if (address === undefined || address === before) return {}
    if (before === undefined || addressVerified === true) return { address }
    if (peer?.spec.source === 'configured') return {}
    return source === 'hello' || peer?.status?.phase === 'Unreachable' ? { address } : {}
  }

  #statusAfter(
    nodeId: NodeId,
    before: PeerStatus,
    news: PeerNews,
    membership: Membership | undefined,
  ): PeerStatus {
    // What was only claimed in this node's name by others changes nothing that it said itself.
    const firstHand = news.source === 'hello' || news.addressVerified === true
    const said: PeerStatus = {
      ...(news.name !== undefined && (firstHand || before.name === undefined) && { name: clip(news.name) }),
      ...(news.role !== undefined && (firstHand || before.role === undefined) && { role: news.role }),
    }
    // Others may hand on a credential that was renewed meanwhile: the latest counts.
    const held = this.membershipOf(nodeId)
    const newer = membership && !(held && held.issuedAt > membership.issuedAt)
    const proved: PeerStatus = newer
      ? {
          domain: membership.domain,
          role: membership.role,
          membership: news.membership!,
          membershipExpires: rfc3339(membership.expiresAt),
        }
      : {}
    const { standing, reason } = this.#judgeWith(nodeId, membership)
    const unreachable = before.phase === 'Unreachable' && !firstHand && standing !== 'rejected'
    return {
      ...(firstHand ? this.#seen(before) : before),
      ...said,
      ...proved,
      ...(unreachable ? {} : { phase: PHASES[standing], message: reason }),
    }
  }

  #judgeWith(nodeId: NodeId, fresh: Membership | undefined): ReturnType<typeof judge> {
    const peer = this.find(nodeId)
    if (!fresh || !peer) return this.#judge(nodeId)
    return judge(this.#options.policy, {
      nodeId,
      decision: peer.spec.accepted,
      configured: peer.spec.source === 'configured',
      membership: fresh,
    })
  }

  #seen(status: PeerStatus): PeerStatus {
    const now = this.#options.system.clock.now()
    const last = status.lastSeen === undefined ? 0 : Date.parse(status.lastSeen)
    return now - last < LAST_SEEN_GRAIN_MS ? status : { ...status, lastSeen: rfc3339(now) }
  }

  // What is written

  async #mutateSpec(name: string, change: (spec: PeerSpec) => PeerSpec): Promise<Peer | undefined> {
    const stored = await mutate(this.#options.store, PeerKind, { name }, (peer) => {
      const spec = change(peer.spec)
      return same(spec, peer.spec) ? undefined : { ...peer, spec }
    })
    if (stored) this.#remember(stored)
    return stored
  }

  async #mutateStatus(name: string, change: (status: PeerStatus) => PeerStatus): Promise<Peer | undefined> {
    const stored = await mutateStatus(this.#options.store, PeerKind, { name }, (peer) => {
      const before = peer.status ?? {}
      const status = change(before)
      if (same(status, before)) return undefined
      const { phase } = status
      if (phase === undefined || phase === before.phase) return status
      const moved = { name, from: before.phase, log: this.#log }
      return move(PEER_LIFECYCLE, EVENTS[phase], moved) === undefined ? undefined : status
    })
    if (stored) this.#remember(stored)
    return stored
  }

  /** Brings the phase in line with what is so, after the user or the clock changed it. */
  #settle(name: string): void {
    const peer = this.#entries.get(name)?.peer
    const nodeId = peer?.spec.nodeID
    if (!peer || nodeId === undefined) return
    const { standing, reason } = this.#judge(nodeId as NodeId)
    const phase = PHASES[standing]
    const before = peer.status?.phase
    if (before === phase || (before === 'Unreachable' && standing !== 'rejected')) return
    this.#writes = this.#writes
      .then(() => this.#mutateStatus(name, (status) => ({ ...status, phase, message: reason })))
      .then(
        () => undefined,
        (error: unknown) => {
          if (!isStoreError(error, 'Unavailable'))
            this.#log.warn({ err: error, peer: name }, 'cannot write status')
        },
      )
  }

  #review(): void {
    for (const name of this.#entries.keys()) this.#settle(name)
  }

  #reviewLater(): Timer {
    return this.#options.system.clock.after(REVIEW_MS, () => {
      this.#review()
      if (this.#running) this.#running.review = this.#reviewLater()
    })
  }
}

/** @returns what the user decided about peers that turn out to be one: a rejection anywhere is a rejection */
function mergedDecision(peers: readonly (Peer | undefined)[]): boolean | undefined {
  const decisions = peers.flatMap((peer) => peer?.spec.accepted ?? [])
  return decisions.length === 0 ? undefined : decisions.every(Boolean)
}

function mergedStatus(status: PeerStatus, others: readonly Peer[]): PeerStatus {
  return others.reduce<PeerStatus>((merged, other) => ({ ...other.status, ...merged }), status)
}

/** A name is shown in tables: no longer than a line, and nothing that moves the cursor. */
function clip(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').slice(0, 100)
}

/** Both are flat and hold JSON scalars only. */
function same(a: object, b: object): boolean {
  const left = Object.entries(a).filter(([, value]) => value !== undefined)
  const right = b as Record<string, unknown>
  return left.length === Object.keys(b).length && left.every(([member, value]) => right[member] === value)
}
