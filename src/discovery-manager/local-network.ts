/**
 * Finds other nodes on the local network by DNS-SD (service type `_tributary._tcp`), and is found there.
 *
 * What is found is an id and an address that somebody claims, no more: who is there, dialling tells, and whether
 * it is dealt with, the acceptance policy.
 */
import type { Component } from '../kernel/component.ts'
import type { Log } from '../kernel/log.ts'
import { isStoreError } from '../kernel/object-store.ts'
import type { Timer } from '../kernel/system.ts'
import type { NodeBase } from '../node-base.ts'
import { isNodeId, type NodeId } from '../objects/ids.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import type { FoundService, LocalServices, OpenLocalServices } from './local-services.ts'
import { parseHostPort } from '../objects/host-port.ts'
import { isPeerAddress } from './peer-address.ts'
import { RateGate } from '../kernel/rate-gate.ts'
import { upstreamNodeID } from './upstream-multicast.ts'

export interface LocalNetworkOptions extends NodeBase {
  readonly registry: Pick<PeerRegistry, 'learn'>
  readonly role: PeerRole
  readonly open: OpenLocalServices
  /** host:port of our REAR listener, once it listens. */
  readonly rearAddress: () => string
  /** Whether that is what the operator says; otherwise its host is what others see us under. */
  readonly advertised: boolean
}

const BROWSE_EVERY_MS = 60_000
const REOPEN_AFTER_MS = 30_000
const RATE = { perSecond: 20, burst: 200 }
const MOST_REMEMBERED = 1_000
const ROLES: ReadonlySet<unknown> = new Set<PeerRole>(['node', 'supernode', 'catalog'])

export class LocalNetwork implements Component {
  readonly #options: LocalNetworkOptions
  readonly #log: Log
  readonly #gate: RateGate
  /** Addresses that were learnt, by node: what is said over and over costs nothing. */
  readonly #learnt = new Map<string, string>()
  readonly #writes = new Set<Promise<unknown>>()
  #running: { services: LocalServices | undefined; timer: Timer | undefined } | undefined

  constructor(options: LocalNetworkOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'local-network' })
    this.#gate = new RateGate(options.system, RATE)
  }

  start(): Promise<void> {
    if (this.#running) return Promise.resolve()
    this.#running = { services: undefined, timer: undefined }
    this.#open()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.timer?.cancel()
    await running?.services?.close()
    await Promise.allSettled(this.#writes)
  }

  #open(): void {
    const running = this.#running
    if (running === undefined) return
    const { open, self, role, rearAddress, advertised } = this.#options
    const address = rearAddress()
    try {
      const services = open({
        onFound: (service) => this.found(service),
        onError: (error) => {
          if (running.services !== services) return
          this.#log.warn({ err: error }, 'the local network cannot be searched; tried again later')
          running.services = undefined
          void services.close()
          this.#later(REOPEN_AFTER_MS, () => this.#open())
        },
      })
      running.services = services
      services.publish({
        name: upstreamNodeID(self.name, self.id),
        port: parseHostPort(address).port,
        txt: { id: self.id, domain: self.domain, role, ...(advertised ? { address } : {}) },
      })
      services.browse()
      this.#browseLater()
    } catch (error) {
      this.#log.warn({ err: error }, 'the local network cannot be searched; tried again later')
      this.#later(REOPEN_AFTER_MS, () => this.#open())
    }
  }

  #browseLater(): void {
    this.#later(BROWSE_EVERY_MS, () => {
      // Whatever is still there is learnt anew: it may have been forgotten as unreachable meanwhile.
      this.#learnt.clear()
      this.#running?.services?.browse()
      this.#browseLater()
    })
  }

  #later(ms: number, action: () => void): void {
    const running = this.#running
    if (running === undefined) return
    running.timer?.cancel()
    running.timer = this.#options.system.clock.after(ms, () => {
      if (this.#running === running) action()
    })
  }

  /** Takes what somebody published, whatever it is; never throws. */
  found(service: FoundService): void {
    const { id, role, address: claimed } = service.txt
    if (typeof id !== 'string' || !isNodeId(id) || id === this.#options.self.id) return
    const address = isPeerAddress(claimed) ? claimed : addressOf(service)
    if (address === undefined || this.#learnt.get(id) === address || !this.#gate.pass()) return
    if (this.#learnt.size >= MOST_REMEMBERED) this.#learnt.clear()
    this.#learnt.set(id, address)
    const write = this.#learn(id, address, role)
    this.#writes.add(write)
    void write.finally(() => this.#writes.delete(write))
  }

  async #learn(nodeId: NodeId, address: string, role: unknown): Promise<void> {
    try {
      await this.#options.registry.learn({
        nodeId,
        source: 'multicast',
        address,
        ...(ROLES.has(role) ? { role: role as PeerRole } : {}),
      })
    } catch (error) {
      if (!isStoreError(error, 'Unavailable')) {
        this.#log.warn({ err: error, nodeId }, 'cannot note a neighbour')
      }
    }
  }
}

/** The sender's own address where it is among those it claims: that one is known to be on this network. */
function addressOf({ port, addresses, sender }: FoundService): string | undefined {
  // Link-local addresses mean nothing without an interface.
  const usable = addresses.filter((each) => typeof each === 'string' && !/^fe80:/i.test(each))
  const host =
    sender !== undefined && (usable.length === 0 || usable.includes(sender))
      ? sender
      : (usable.find((each) => !each.includes(':')) ?? usable[0])
  if (host === undefined) return undefined
  const address = `${host.includes(':') ? `[${host}]` : host}:${String(port)}`
  return isPeerAddress(address) ? address : undefined
}
