/** The REAR routes of membership: renewal, and what was revoked. Only the holder of the authority has answers. */
import Type from 'typebox'
import { parseNodeId } from '../objects/ids.ts'
import { Problem, ProblemSchema, type ProblemCode } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { MembershipError, type MembershipErrorCode } from './membership-error.ts'
import type { CredentialIssuer } from './credential-issuer.ts'
import type { PeerRegistry } from './peer-registry.ts'

export const RenewalSchema = Type.Object(
  { membership: Type.String({ maxLength: 4096, description: 'Membership credential, a JWT.' }) },
  { title: 'Renewal' },
)

export const RevocationListSchema = Type.Object(
  { revocations: Type.String({ description: 'The list, a compact JWS of the authority.' }) },
  { title: 'RevocationList' },
)

const MOST_WAIT_SECONDS = 30

const PROBLEM_OF: Readonly<Record<MembershipErrorCode, ProblemCode>> = {
  malformed: 'malformed-body',
  expired: 'peer-not-accepted',
  revoked: 'peer-not-accepted',
  'not-yet-valid': 'conflict',
  'unknown-authority': 'signature-invalid',
  'bad-signature': 'signature-invalid',
}

/**
 * @param options.issuer of the authority of `domain`; a node without one refuses with `not-supported`
 */
export function membershipRoutes(options: {
  readonly issuer: CredentialIssuer | undefined
  readonly domain: string
  readonly registry: PeerRegistry
}): readonly Route[] {
  const { domain, registry } = options
  const issuer = (): CredentialIssuer => {
    if (options.issuer) return options.issuer
    throw new Problem('not-supported', 'this node does not hold the authority of its domain')
  }
  return [
    {
      method: 'POST',
      path: '/api/v2/membership/renew',
      operationId: 'renewMembership',
      summary: 'Renew a membership credential of this domain',
      description: 'Shown by the node that it is about, while it is valid or not long after.',
      access: 'anyone',
      request: RenewalSchema,
      responses: {
        200: { description: 'The fresh credential.', schema: RenewalSchema },
        403: {
          description: 'It was revoked, or ended too long ago: `reason` says which.',
          schema: ProblemSchema,
        },
        422: { description: 'It is not of this authority.', schema: ProblemSchema },
      },
      async handle({ body, peer }) {
        if (peer === undefined) throw new Problem('not-authenticated', 'renewal needs a proved identity')
        const { membership } = body as { readonly membership: string }
        try {
          return {
            status: 200,
            body: { membership: issuer().renew(membership.trim(), parseNodeId(peer.id)) },
          }
        } catch (error) {
          if (!(error instanceof MembershipError)) throw error
          const { code, message } = error
          throw new Problem(PROBLEM_OF[code], message, { cause: error, extensions: { reason: code } })
        }
      },
    },
    {
      method: 'GET',
      path: '/api/v2/membership/revoked',
      operationId: 'listRevocations',
      summary: 'What the authority of this domain revoked; for its members',
      access: 'known',
      query: [
        {
          name: 'known',
          description: 'When the list was made that the caller has, milliseconds since 1970.',
        },
        {
          name: 'wait',
          description: 'With `known`: for how many seconds to wait for another list, at most 30.',
        },
      ],
      responses: {
        200: { description: 'The list.', schema: RevocationListSchema },
        204: { description: 'The caller has it.' },
        403: { description: 'The caller is not of this domain.', schema: ProblemSchema },
      },
      async handle({ query, peer, signal }) {
        if (peer === undefined || registry.membershipOf(parseNodeId(peer.id))?.domain !== domain) {
          throw new Problem('peer-not-accepted', `only for members of ${domain}`)
        }
        const known = query.get('known')
        const seconds = Math.min(MOST_WAIT_SECONDS, Number(query.get('wait') ?? 0) || 0)
        if (known !== null && seconds > 0) await issuer().otherListThan(Number(known), seconds * 1000, signal)
        const { jws, issuedAt } = issuer().revocationList()
        return known === String(issuedAt) ? { status: 204 } : { status: 200, body: { revocations: jws } }
      },
    },
  ]
}
