/** Trust: who the others are, what they may do, and how we get to know them. */
import { networkInterfaces } from 'node:os'
import {
  audienceOf,
  DialPolicy,
  KnownClusters,
  LocalDiscovery,
  memberRoutes,
  PeerConnector,
  PeerExchange,
  PeerHandshake,
  type ConnectOutcome,
} from '../../discovery-manager/index.ts'
import { parseNodeId, type NodeId } from '../../objects/ids.ts'
import { PeerKind } from '../../objects/peer.ts'
import { PeerRegistry, Revocations, MembershipService } from '../../privacy-and-security-manager/index.ts'
import type { Audience } from '../../rear/audience.ts'
import { RearClient } from '../../rear/client.ts'
import { ConfiguredPeers } from '../configured-peers.ts'
import { acceptancePolicy, trustedAuthorities } from '../trust-settings.ts'
import type { FoundationHandles } from './foundation.ts'
import type { Part } from './part.ts'

export interface TrustHandles {
  readonly registry: PeerRegistry
  readonly client: RearClient
  readonly membership: MembershipService
  readonly handshake: PeerHandshake
  readonly connector: PeerConnector
  /** Gets to know a node that only others told us of, so that it deals with us. */
  readonly connect: (node: { readonly id: string; readonly address: string }) => Promise<ConnectOutcome>
  /** What a caller may see; one that proved nothing has no id. */
  readonly audienceFor: (caller: { readonly id: string } | undefined) => Audience
  /** The domain that a node proved to be of. */
  readonly domainOf: (nodeID: string) => string | undefined
}

/** Of all interfaces: where somebody says that a peer is, it may be we. */
function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? [])
}

export function createTrust(before: FoundationHandles): Part<TrustHandles> {
  const { base, config, directory, role, transport, rearServer } = before
  const { store, informers, system, log, self } = base
  const { domain } = self
  const revocations = new Revocations()
  const trust = { trustedAuthorities: trustedAuthorities(config), revoked: revocations }
  const dialPolicy = new DialPolicy({
    listen: config.rear.listen,
    own: () => self.identity().ip,
    hosts: machineAddresses,
  })
  const registry = new PeerRegistry({
    store,
    informer: informers.of(PeerKind),
    system,
    log,
    self: self.id,
    policy: acceptancePolicy(config, domain),
    trust,
    mayDial: (address, isVouchedFor) => dialPolicy.mayDial(address, isVouchedFor),
  })
  const client = new RearClient({
    transport,
    system,
    log,
    addressOf: (nodeID) => registry.find(nodeID)?.spec.address,
    hearsay: dialPolicy,
  })
  const membership = new MembershipService({
    ...base,
    client,
    registry,
    trust,
    revocations,
    directory,
    membershipFile: config.domain.membership,
    authorityDirectory: config.domain.authorityDirectory,
    membershipLifetimeMs: config.domain.membershipLifetimeMs,
  })
  const handshake = new PeerHandshake({
    ...base,
    client,
    registry,
    role,
    guarded: dialPolicy.guarded,
    membership: () => membership.current(),
    onMembershipRenewed: (listener) => membership.onRenewed(listener),
  })
  const connector = new PeerConnector({ handshake, registry, system, dialPolicy })
  const domainOf = (nodeID: string): string | undefined => registry.membershipOf(nodeID as NodeId)?.domain
  return {
    handles: {
      registry,
      client,
      membership,
      handshake,
      connector,
      connect: ({ id, address }) => connector.ensureConnected({ id: parseNodeId(id), address }),
      audienceFor: (caller) =>
        audienceOf({
          callerDomain: caller && domainOf(caller.id),
          callerStanding: caller === undefined ? 'unknown' : registry.standing(caller.id as NodeId),
          ownDomain: domain,
          listedDomains: config.listedDomains,
        }),
      domainOf,
    },
    components: [membership, registry],
    outreach: [
      new ConfiguredPeers({ peers: config.peers, registry }),
      new KnownClusters({ ...base, registry }),
      handshake,
      new PeerExchange({ ...base, client, registry, role }),
      new LocalDiscovery({
        ...base,
        config,
        registry,
        edges: before.localDiscovery ?? {},
        rearAddress: () => self.identity().ip,
        plainAddress: () => rearServer.plainAddress,
      }),
    ],
    routes: [
      ...memberRoutes({
        registry,
        role,
        domain,
        introduce: config.supernode.introduce,
        introduceTo: config.domain.introduceTo,
      }),
      ...membership.routes,
    ],
  }
}
