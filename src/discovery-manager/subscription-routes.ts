/** The REAR route SUBSCRIBE: long polling of what changes in a catalog or supernode. */
import Type from 'typebox'
import type { PeerRole } from '../objects/peer.ts'
import { FLAVOR_TYPE_NAMES, type FlavorTypeName } from '../objects/requirements.ts'
import type { Audience } from '../rear/audience.ts'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import { parseSelectorQuery, WireFlavorSchema } from '../rear/wire/index.ts'
import type { SubscriptionHub } from './subscription-hub.ts'

const OWN_PARAMETERS = new Set(['since', 'wait', 'type'])

const SubscriptionEventsSchema = Type.Object(
  {
    next: Type.String({ description: 'The `since` of the next request.' }),
    reset: Type.Optional(
      Type.Boolean({
        description: 'Everything is told anew from here: it does not build on what was told before.',
      }),
    ),
    listing: Type.Optional(
      Type.String({ description: '`more` while everything is being told, `complete` with its last part.' }),
    ),
    events: Type.Array(
      Type.Object({
        seq: Type.Integer(),
        type: Type.String({ description: 'refreshed, withdrawn or expired' }),
        flavor: Type.Optional(WireFlavorSchema),
        flavorID: Type.Optional(Type.String({ description: 'Of what is withdrawn or expired.' })),
        owner: Type.Optional(Type.String({ description: 'Node id of its owner.' })),
      }),
    ),
  },
  { title: 'SubscriptionEvents', description: 'What changed.' },
)

/** @returns the route by which consumers and mirrors are told of changes */
export function subscriptionRoutes(options: {
  readonly role: PeerRole
  readonly hub: SubscriptionHub
  /** What a caller may see. */
  readonly audienceOf: (peer: { readonly id: string } | undefined) => Audience
}): readonly Route[] {
  const { role, hub, audienceOf } = options
  return [
    {
      method: 'GET',
      path: '/api/v2/subscriptions',
      operationId: 'subscribe',
      summary: 'SUBSCRIBE: what changed since, now or as soon as something does',
      description:
        'Long polling. Without `since`, or with one that is no longer known, everything is told anew, in parts. Filters are those of LIST_FLAVORS; an offer that matches no longer is told of as withdrawn.',
      access: 'accepted',
      query: [
        { name: 'since', description: 'The `next` of the answer before.' },
        {
          name: 'wait',
          description: 'Milliseconds to wait for a change.',
          schema: Type.Integer({ minimum: 0 }),
        },
        { name: 'type', description: `Of one type only: ${FLAVOR_TYPE_NAMES.join(', ')}.` },
      ],
      responses: {
        200: {
          description: 'What changed; nothing, when nothing did in time.',
          schema: SubscriptionEventsSchema,
        },
        400: { description: 'The query is not a selector.', schema: ProblemSchema },
        429: { description: 'Too many wait at once.', schema: ProblemSchema },
        501: { description: 'This node is neither a catalog nor a supernode.', schema: ProblemSchema },
      },
      async handle({ query, rawQuery, headers, peer, signal }) {
        if (role === 'node')
          throw new Problem('not-supported', 'this node is neither a catalog nor a supernode')
        if (peer === undefined)
          throw new Problem('not-authenticated', 'a subscription needs a proved identity')
        const filters = rawQuery.split('&').filter((pair) => !OWN_PARAMETERS.has(pair.split('=', 1)[0]!))
        const body = await hub.poll({
          since: query.get('since') ?? headers['last-event-id'],
          waitMs: waitOf(query.get('wait')),
          selector: parseSelectorQuery(typeOf(query.get('type')), filters.join('&')),
          audience: audienceOf(peer),
          peer: peer.id,
          signal,
        })
        return { status: 200, encoded: [body] }
      },
    },
  ]
}

function waitOf(text: string | null): number {
  if (text === null) return 0
  if (!/^[0-9]{1,6}$/.test(text)) throw new Problem('bad-request', 'wait is a number of milliseconds')
  return Number(text)
}

function typeOf(text: string | null): FlavorTypeName | undefined {
  if (text === null) return undefined
  const type = FLAVOR_TYPE_NAMES.find((name) => name === text)
  if (type === undefined) throw new Problem('bad-request', `type is one of ${FLAVOR_TYPE_NAMES.join(', ')}`)
  return type
}
