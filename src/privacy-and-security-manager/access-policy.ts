/**
 * Who may do what: pure decisions about a caller, from facts that others established.
 */
import type { NodeId } from '../objects/ids.ts'
import type { Membership } from './membership.ts'

/** How far a node has come in our eyes. */
export type Standing = 'unknown' | 'known' | 'accepted' | 'rejected'

/**
 * What a route demands of its caller.
 * - `anyone`: an authenticated key, nothing more
 * - `known`: the user configured it, or a trusted authority vouches for it
 * - `accepted`: by the user, or by the acceptance policy
 * - `party`: accepted, and one of the two sides of the thing in question (the handler knows which)
 */
export type AccessLevel = 'anyone' | 'known' | 'accepted' | 'party'

/**
 * How a node decides about a peer for which the user decided nothing.
 * - `ask`: never by itself; the user accepts peers one by one
 * - `domain`: accepts members of the named domains
 * - `listed`: accepts the named nodes only
 * - `anyone-for-listing`: lets every authenticated node see what is on offer, accepts none by itself
 */
export type AcceptancePolicy =
  | { readonly mode: 'ask' }
  | { readonly mode: 'domain'; readonly domains: readonly string[] }
  | { readonly mode: 'listed'; readonly nodes: readonly NodeId[] }
  | { readonly mode: 'anyone-for-listing' }

/** What is known about a peer when its standing is worked out. */
export interface StandingFacts {
  readonly nodeId: NodeId
  /** The user's word; it goes before every policy. */
  readonly decision: boolean | undefined
  /** Whether the user put it into the configuration. */
  readonly configured: boolean
  /** What its credential proves, if it is valid now. */
  readonly membership: Membership | undefined
}

/** @returns the standing of a peer, and why, for people. */
export function judge(
  policy: AcceptancePolicy,
  facts: StandingFacts,
): { readonly standing: Standing; readonly reason: string } {
  if (facts.decision === false) return { standing: 'rejected', reason: 'rejected by the user' }
  if (facts.decision === true) return { standing: 'accepted', reason: 'accepted by the user' }
  const { membership } = facts
  if (policy.mode === 'listed' && policy.nodes.includes(facts.nodeId)) {
    return { standing: 'accepted', reason: 'listed in the configuration' }
  }
  if (policy.mode === 'domain' && membership && policy.domains.includes(membership.domain)) {
    return { standing: 'accepted', reason: `member of the domain ${membership.domain}` }
  }
  if (membership)
    return { standing: 'known', reason: `member of the domain ${membership.domain}; not accepted yet` }
  if (facts.configured) return { standing: 'known', reason: 'configured; not accepted yet' }
  return strangers(policy)
}

/** @returns the standing of a node of which nothing is known but its key. */
export function strangers(policy: AcceptancePolicy): {
  readonly standing: Standing
  readonly reason: string
} {
  return policy.mode === 'anyone-for-listing'
    ? { standing: 'known', reason: 'nobody vouches for it; anyone may see what is on offer' }
    : { standing: 'unknown', reason: 'nobody vouches for it' }
}

/** What is known about a caller when it asks for something. */
export interface CallerFacts {
  /** Undefined on the plain listener, where nobody proves anything. */
  readonly nodeId: NodeId | undefined
  readonly standing: Standing
  /** Whether it is a party of the thing in question; left out while the handler has not looked. */
  readonly party?: boolean
}

export type AccessDecision =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly status: 401 | 403
      readonly code: 'not-authenticated' | 'rejected' | 'not-known' | 'not-accepted' | 'not-a-party'
      /** May be shown to the caller. */
      readonly reason: string
    }

const ALLOWED: AccessDecision = { allowed: true }

/**
 * @param caller who asks
 * @param level what the route demands; `party` passes here while `caller.party` is undefined, so that the
 *   handler can look the thing up and decide again
 */
export function decide(caller: CallerFacts, level: AccessLevel): AccessDecision {
  const refuse = (
    code: Exclude<AccessDecision, { allowed: true }>['code'],
    reason: string,
  ): AccessDecision => ({
    allowed: false,
    status: code === 'not-authenticated' ? 401 : 403,
    code,
    reason,
  })
  if (caller.nodeId === undefined) return refuse('not-authenticated', 'a client certificate is needed')
  if (caller.standing === 'rejected') return refuse('rejected', 'the operator of this node has rejected you')
  switch (level) {
    case 'anyone':
      return ALLOWED
    case 'known':
      return caller.standing === 'unknown'
        ? refuse('not-known', 'nobody that this node trusts vouches for you')
        : ALLOWED
    case 'accepted':
    case 'party':
      if (caller.standing !== 'accepted')
        return refuse('not-accepted', 'this node has not accepted you as a partner')
      return level === 'party' && caller.party === false
        ? refuse('not-a-party', 'only the two parties may do this')
        : ALLOWED
  }
}

/** What is known of a node for which another one buys. */
export interface UserFacts {
  readonly standing: Standing
  /** Of the one that buys for it, as its credential proves it. */
  readonly buyersRole: Membership['role'] | undefined
}

/**
 * Who uses what an accepted supernode buys for him is vouched for by that supernode, which signs a contract that names
 * him. Where nodes are accepted one by one, that is not enough.
 * @returns why a node may not use what another one buys here, or undefined when it may
 */
export function userRefusal(
  policy: AcceptancePolicy,
  { standing, buyersRole }: UserFacts,
): Exclude<AccessDecision, { allowed: true }> | undefined {
  const refuse = (code: 'rejected' | 'not-accepted', reason: string) =>
    ({ allowed: false, status: 403, code, reason }) as const
  if (standing === 'rejected')
    return refuse('rejected', 'the operator of this node has rejected the one for whom this is bought')
  if (buyersRole !== 'supernode') return refuse('not-accepted', 'only a supernode buys for other nodes')
  if (standing === 'accepted' || policy.mode === 'domain') return undefined
  return refuse('not-accepted', 'this node accepts nodes one by one, and not the one for whom this is bought')
}
