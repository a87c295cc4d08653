/**
 * GET /api/v2/peers: a supernode tells the members of its domain who the others are. Each is told with its
 * credential, so that who asks need not believe the supernode.
 */
import Type, { type Static } from 'typebox'
import { parseNodeId, type NodeId } from '../objects/ids.ts'
import { PeerRoleSchema } from '../objects/peer.ts'
import type { PeerRegistry } from '../privacy-and-security-manager/index.ts'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { WireNodeIdentitySchema } from '../rear/wire/index.ts'
import type { PeerRole } from '../objects/peer.ts'

export const DomainMemberSchema = Type.Object(
  {
    identity: WireNodeIdentitySchema,
    name: Type.String({ maxLength: 100 }),
    role: PeerRoleSchema,
    membership: Type.String({ maxLength: 4096, description: 'Its membership credential, a JWT: the proof.' }),
  },
  { title: 'DomainMember', description: 'A member of the domain, as its supernode lists it.' },
)
export type DomainMember = Static<typeof DomainMemberSchema>

export const DomainMemberListSchema = Type.Object(
  {
    peers: Type.Array(DomainMemberSchema),
    continue: Type.Optional(Type.String({ description: 'There are more: ask again with this as `after`.' })),
  },
  { title: 'DomainMemberList' },
)

/** Members in one answer; a credential is some 600 bytes. */
export const MEMBERS_PER_PAGE = 500

/**
 * @param options.introduce whether the members of our domain are told of each other
 * @param options.introduceTo other domains whose supernodes may know the members of ours
 */
export function memberRoutes(options: {
  readonly registry: PeerRegistry
  readonly role: PeerRole
  readonly domain: string
  readonly introduce: boolean
  readonly introduceTo: readonly string[]
}): readonly Route[] {
  const { registry, role, domain, introduce, introduceTo } = options

  function mayKnow(caller: NodeId): boolean {
    const theirs = registry.membershipOf(caller)
    if (theirs?.domain === domain) return introduce
    return theirs?.role === 'supernode' && introduceTo.includes(theirs.domain)
  }

  return [
    {
      method: 'GET',
      path: '/api/v2/peers',
      operationId: 'listPeers',
      summary: 'The members of this domain, from its supernode',
      description: 'Empty for callers that may not know them.',
      access: 'accepted',
      query: [
        { name: 'after', description: 'Continue behind this; from the `continue` of the page before.' },
      ],
      responses: {
        200: { description: 'The members, without the caller.', schema: DomainMemberListSchema },
        501: { description: 'This node is not a supernode.', schema: ProblemSchema },
      },
      handle({ query, peer }) {
        if (role !== 'supernode')
          throw new Problem('not-supported', 'only a supernode lists the members of its domain')
        if (peer === undefined)
          throw new Problem('not-authenticated', 'members are listed for a proved identity only')
        const caller = parseNodeId(peer.id)
        const after = query.get('after') ?? ''
        const members = mayKnow(caller) ? membersAfter(registry, domain, after, caller) : []
        const page = members.slice(0, MEMBERS_PER_PAGE)
        const more = members.length > page.length
        return Promise.resolve({
          status: 200,
          body: { peers: page, ...(more ? { continue: page.at(-1)!.identity.ID } : {}) },
        })
      },
    },
  ]
}

/** In the order of their ids: a page begins where the one before ended, whoever came or went meanwhile. */
function membersAfter(registry: PeerRegistry, domain: string, after: string, caller: NodeId): DomainMember[] {
  const members = new Map<string, DomainMember>()
  for (const { spec, status } of registry.list()) {
    const { nodeID, address } = spec
    if (nodeID === undefined || address === undefined || nodeID === caller || nodeID <= after) continue
    const id = parseNodeId(nodeID)
    const proved = registry.membershipOf(id)
    const membership = registry.credentialOf(id)
    if (proved?.domain !== domain || membership === undefined || registry.standing(id) === 'rejected')
      continue
    members.set(id, {
      identity: { ID: id, IP: address, domain },
      name: status?.name ?? '',
      role: proved.role,
      membership,
    })
  }
  return [...members.values()].sort((a, b) => (a.identity.ID < b.identity.ID ? -1 : 1))
}
