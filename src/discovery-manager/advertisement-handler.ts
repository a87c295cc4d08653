/**
 * Takes ADVERTISE, REFRESH_FLAVOR and WITHDRAW_FLAVOR in a catalog or supernode (workflow 4, step 0).
 *
 * Every offer is judged by itself: one bad offer does not keep the others of its message off the table, and the
 * answer says of each what became of it and why. All is idempotent.
 */
import type { NodeBase } from '../node-base.ts'
import { parseNodeId } from '../objects/ids.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { PeeringCandidates } from '../peering-candidates/index.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { Problem } from '../rear/problem.ts'
import { checkFlavor, type FlavorFault } from './checked-flavor.ts'
import { Turns } from '../kernel/turns.ts'
import { rfc3339 } from '../kernel/system.ts'

export interface AdvertisementHandlerOptions extends NodeBase {
  readonly role: PeerRole
  readonly candidates: PeeringCandidates
  readonly registry: Pick<PeerRegistry, 'membershipOf' | 'find'>
  /** For how long an offer is taken that does not say otherwise, and at most; milliseconds. */
  readonly validForMs?: number
  readonly longestMs?: number
}

/** The message: offers in full, and those that are only to be prolonged. */
export interface Advertisement {
  readonly flavors?: readonly unknown[]
  /** Flavor ids: still on offer, as advertised before. */
  readonly refresh?: readonly string[]
  readonly validForMs?: number
}

/** Why an offer was not taken: stable codes. */
export type AdvertisementFault =
  | FlavorFault
  /** The caller is neither its owner nor the supernode of the owner's domain. */
  | 'not-owner'
  /** The owner is not a member of the domain that it names. */
  | 'wrong-domain'
  /** A newer version of it is known, or it was withdrawn. */
  | 'replayed'
  | 'over-quota'
  /** To be refreshed, but not known here: advertise it in full. */
  | 'unknown'

export interface AdvertisementResult {
  readonly flavorID?: string
  readonly outcome: 'accepted' | 'rejected'
  /** RFC 3339; refresh it before. */
  readonly validUntil?: string
  readonly reason?: AdvertisementFault
  readonly detail?: string
}

/** What a provider takes off the table: some of its offers, or all but some. */
export interface Withdrawal {
  readonly flavorIDs?: readonly string[]
  readonly keep?: readonly string[]
}

const VALID_FOR_MS = 5 * 60_000
const LONGEST_MS = 60 * 60_000
const SHORTEST_MS = 1_000

export class AdvertisementHandler {
  readonly #options: AdvertisementHandlerOptions
  readonly #turns: Turns

  constructor(options: AdvertisementHandlerOptions) {
    this.#options = options
    this.#turns = new Turns(options.system.clock)
  }

  /**
   * @param caller node id, proved
   * @returns one result for each flavor, then for each refresh, in the order of the message
   * @throws Problem `not-supported` when this node takes none
   */
  async advertise(message: Advertisement, caller: string): Promise<readonly AdvertisementResult[]> {
    this.#checkRole()
    const { validForMs = VALID_FOR_MS, longestMs = LONGEST_MS } = this.#options
    const wanted = Math.min(longestMs, Math.max(SHORTEST_MS, message.validForMs ?? validForMs))
    const results: Promise<AdvertisementResult>[] = []
    for (const raw of message.flavors ?? []) {
      await this.#turns.next()
      results.push(this.#take(raw, caller, wanted))
    }
    const refreshed: AdvertisementResult[] = []
    for (const flavorID of message.refresh ?? []) {
      await this.#turns.next()
      refreshed.push(this.#refresh(flavorID, caller, wanted))
    }
    return [...(await Promise.all(results)), ...refreshed]
  }

  /**
   * Takes off the table what the caller put on it; what is not there needs no taking off.
   * @returns how many offers there were
   */
  async withdraw({ flavorIDs, keep }: Withdrawal, caller: string): Promise<number> {
    this.#checkRole()
    const gone = new Set(flavorIDs)
    const kept = keep && new Set(keep)
    return this.#options.candidates.withdraw(
      caller,
      (flavorID) => gone.has(flavorID) || (kept !== undefined && !kept.has(flavorID)),
    )
  }

  async #take(raw: unknown, caller: string, validForMs: number): Promise<AdvertisementResult> {
    const { candidates, registry, system } = this.#options
    const checked = checkFlavor(raw, system.clock.now())
    if (checked.fault !== undefined) {
      const { fault: reason, flavorID, detail } = checked
      return rejected(flavorID, reason, detail)
    }
    const { flavor } = checked
    const { flavorID } = flavor
    const fault = this.#notTheirs(flavor, caller)
    if (fault) return rejected(flavorID, ...fault)
    const taken = await candidates.take({
      flavor,
      raw,
      source: { nodeID: caller, address: registry.find(caller)?.spec.address ?? '' },
      origin: 'advertised',
      validForMs,
    })
    return taken.outcome === 'rejected'
      ? rejected(flavorID, taken.reason, taken.detail)
      : { flavorID, outcome: 'accepted', validUntil: rfc3339(taken.validUntil) }
  }

  #refresh(flavorID: string, caller: string, validForMs: number): AdvertisementResult {
    const until = this.#options.candidates.extend(caller, flavorID, validForMs)
    return until === undefined
      ? rejected(flavorID, 'unknown', 'it is not known here from you: advertise it in full')
      : { flavorID, outcome: 'accepted', validUntil: rfc3339(until) }
  }

  /** The owner speaks for its flavors, and the supernode of its domain, which says that it stands in between. */
  #notTheirs(
    flavor: {
      readonly owner: { readonly ID: string; readonly domain: string }
      readonly relays?: readonly { readonly ID: string }[]
    },
    caller: string,
  ): readonly [AdvertisementFault, string] | undefined {
    const { role, registry, self } = this.#options
    const { owner, relays } = flavor
    const membership = registry.membershipOf(parseNodeId(caller))
    if (owner.ID !== caller) {
      if (membership?.role !== 'supernode' || membership.domain !== owner.domain) {
        return ['not-owner', `${caller} is neither its owner nor the supernode of ${owner.domain}`]
      }
      if (relays?.[0]?.ID !== caller) return ['not-owner', `${caller} does not say that it stands in between`]
    } else if (membership !== undefined && membership.domain !== owner.domain) {
      return ['wrong-domain', `its owner is a member of ${membership.domain}, not of ${owner.domain}`]
    }
    if (role === 'supernode' && owner.domain !== self.domain) {
      return ['wrong-domain', `this is the supernode of ${self.domain}`]
    }
    return undefined
  }

  #checkRole(): void {
    if (this.#options.role === 'node') {
      throw new Problem('not-supported', 'this node is neither a catalog nor a supernode')
    }
  }
}

function rejected(
  flavorID: string | undefined,
  reason: AdvertisementFault,
  detail: string,
): AdvertisementResult {
  return { ...(flavorID === undefined ? {} : { flavorID }), outcome: 'rejected', reason, detail }
}
