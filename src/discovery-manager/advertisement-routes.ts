/** The REAR routes ADVERTISE, REFRESH_FLAVOR and WITHDRAW_FLAVOR (workflow 4, step 0). */
import Type from 'typebox'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'
import type { Advertisement, AdvertisementHandler, Withdrawal } from './advertisement-handler.ts'

export const MOST_FLAVORS_PER_MESSAGE = 1_000

const FlavorIds = Type.Array(Type.String({ maxLength: 253 }), { maxItems: 10_000 })

const AdvertisementSchema = Type.Object(
  {
    // Not read here: what is signed must stay as it came.
    flavors: Type.Optional(
      Type.Array(Type.Unsafe<unknown>({ description: 'A Flavor, signed by its owner.' }), {
        maxItems: MOST_FLAVORS_PER_MESSAGE,
      }),
    ),
    refresh: Type.Optional(
      Type.Unsafe<readonly string[]>({
        ...FlavorIds,
        description: 'Flavors that are still on offer as advertised before.',
      }),
    ),
    validForMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'For how long it may be relied on; the answer says for how long it is.',
      }),
    ),
  },
  { title: 'Advertisement', description: 'What a provider offers.' },
)

const AdvertisementAnswerSchema = Type.Object(
  {
    results: Type.Array(
      Type.Object({
        flavorID: Type.Optional(Type.String()),
        outcome: Type.String({ description: 'accepted or rejected' }),
        validUntil: Type.Optional(Type.String({ description: 'Refresh it before.' })),
        reason: Type.Optional(
          Type.String({
            description:
              'malformed, unsigned, altered, not-by-owner, not-owner, wrong-domain, expired, from-the-future, replayed, over-quota or unknown',
          }),
        ),
        detail: Type.Optional(Type.String()),
      }),
      { description: 'One for each flavor of the message, then for each refresh.' },
    ),
  },
  { title: 'AdvertisementAnswer' },
)

const WithdrawalSchema = Type.Object(
  {
    flavorIDs: Type.Optional(
      Type.Unsafe<readonly string[]>({ ...FlavorIds, description: 'These are gone.' }),
    ),
    keep: Type.Optional(
      Type.Unsafe<readonly string[]>({ ...FlavorIds, description: 'All others are gone.' }),
    ),
  },
  { title: 'Withdrawal', description: 'What a provider offers no longer.' },
)

const notSupported = { description: 'This node is neither a catalog nor a supernode.', schema: ProblemSchema }
const withdrawn = { description: 'Gone.', schema: Type.Object({ withdrawn: Type.Integer() }) }

/** @returns the routes by which providers keep a catalog true */
export function advertisementRoutes(handler: AdvertisementHandler): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v2/advertisements',
      operationId: 'advertise',
      summary: 'ADVERTISE and REFRESH_FLAVOR: put offers on the table, or keep them there',
      description: 'Every offer is judged by itself. Repeating a message has no second effect.',
      access: 'accepted',
      request: AdvertisementSchema,
      maxBodyBytes: 1024 * 1024,
      responses: {
        200: { description: 'What became of each.', schema: AdvertisementAnswerSchema },
        501: notSupported,
      },
      async handle({ body, peer }) {
        return {
          status: 200,
          body: { results: await handler.advertise(body as Advertisement, callerOf(peer)) },
        }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/advertisements',
      operationId: 'withdrawFlavors',
      summary: 'WITHDRAW_FLAVOR, several: take offers of the caller off the table, or all but some',
      access: 'accepted',
      request: WithdrawalSchema,
      maxBodyBytes: 1024 * 1024,
      responses: { 200: withdrawn, 501: notSupported },
      async handle({ body, peer }) {
        return {
          status: 200,
          body: { withdrawn: await handler.withdraw(body as Withdrawal, callerOf(peer)) },
        }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v2/advertisements/{flavorID}',
      operationId: 'withdrawFlavor',
      summary: 'WITHDRAW_FLAVOR: take an offer of the caller off the table',
      access: 'accepted',
      responses: { 200: withdrawn, 501: notSupported },
      async handle({ params, peer }) {
        const flavorIDs = [params['flavorID']!]
        return { status: 200, body: { withdrawn: await handler.withdraw({ flavorIDs }, callerOf(peer)) } }
      },
    },
  ]
}

function callerOf(peer: { readonly id: string } | undefined): string {
  if (peer === undefined)
    throw new Problem('not-authenticated', 'offers are taken from a proved identity only')
  return peer.id
}
