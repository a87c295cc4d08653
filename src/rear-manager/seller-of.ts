/** Whom to buy an offer from, and which workflow that makes it. */
import type { Self } from '../node-base.ts'
import type { NodeIdentity } from '../objects/fluidos-common.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { PeeringCandidate } from '../objects/peering-candidate.ts'
import { cameFromCatalog, relaysOf } from '../peering-candidates/index.ts'
import type { WorkflowNumber } from '../trace/index.ts'

export interface SellerOfOptions {
  readonly self: Pick<Self, 'domain'>
  /** @returns what a node is in its domain, when it proved it */
  readonly roleOf: (nodeID: string) => PeerRole | undefined
  /** Gets to know a node that only others told us of, so that it deals with us. */
  readonly connect: (node: {
    readonly id: string
    readonly address: string
  }) => Promise<'accepted' | 'refused' | 'unreachable'>
}

/** @returns which workflow a dealing about an offer is, by how the offer came to us */
export function workflowOf(
  candidate: PeeringCandidate,
  { self, roleOf }: Pick<SellerOfOptions, 'self' | 'roleOf'>,
): WorkflowNumber {
  const { owner } = candidate.spec.flavor.spec
  if (cameFromCatalog(candidate)) return 4
  if (owner.domain !== self.domain && relaysOf(candidate).length > 0) return 3
  return roleOf(candidate.spec.source?.nodeID ?? '') === 'supernode' ? 2 : 1
}

/**
 * The owner, where it can be reached; else the nearest of those that passed the offer on. Inside a domain nodes
 * reach each other as a rule, so the owner is tried first.
 * @param options.viaRelay whether the owner just could not be reached, though we believed so
 */
export async function sellerOf(
  candidate: PeeringCandidate,
  {
    self,
    connect,
    viaRelay = false,
  }: Pick<SellerOfOptions, 'self' | 'connect'> & { readonly viaRelay?: boolean },
): Promise<NodeIdentity> {
  const { owner } = candidate.spec.flavor.spec
  const relay = relaysOf(candidate)[0]
  const direct = relay === undefined || (owner.domain === self.domain && !viaRelay)
  if (direct && owner.nodeID !== candidate.spec.source?.nodeID) {
    const standing = await connect({ id: owner.nodeID, address: owner.ip })
    if (standing === 'accepted') return owner
  }
  return relay === undefined ? owner : { nodeID: relay.ID, ip: relay.IP, domain: relay.domain }
}
