/** The REAR routes of the Discovery Manager: LIST_FLAVORS (steps 8 and 9) and getting to know each other. */
import Type from 'typebox'
import type { Standing } from '../privacy-and-security-manager/index.ts'
import type { FLAVOR_TYPE_NAMES } from '../objects/requirements.ts'
import type { FlavorList } from '../flavor-index/index.ts'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route, RouteReply } from '../rear/route.ts'
import {
  ANY_FLAVOR,
  parseSelectorQuery,
  WireFlavorSchema,
  WireNodeIdentitySchema,
} from '../rear/wire/index.ts'
import type { FlavorAnswers } from './flavor-answers.ts'
import type { Hello, PeerHandshake } from './peer-handshake.ts'
import { TRUNCATION_HEADERS, truncationHeaders } from './truncation.ts'

export const HelloSchema = Type.Object(
  {
    identity: WireNodeIdentitySchema,
    name: Type.String({ maxLength: 100 }),
    role: Type.Union([Type.Literal('node'), Type.Literal('supernode'), Type.Literal('catalog')]),
    membership: Type.Optional(Type.String({ maxLength: 4096, description: 'Membership credential, a JWT.' })),
    capabilities: Type.Integer({ description: 'Version of the protocol that the node speaks.' }),
  },
  { title: 'Hello', description: 'Who a node says it is, and the credential that vouches for it.' },
)

export const HelloAnswerSchema = Type.Object(
  {
    ...HelloSchema.properties,
    standing: Type.Unsafe<Standing>({
      type: 'string',
      enum: ['unknown', 'known', 'accepted', 'rejected'],
      description: 'How far the caller has come in the eyes of who answers.',
    }),
  },
  { title: 'HelloAnswer' },
)

const list = {
  description: 'The flavors that match.',
  schema: Type.Array(WireFlavorSchema),
  headers: TRUNCATION_HEADERS,
}
const badSelector = { description: 'The query is not a selector.', schema: ProblemSchema }

/** Path segments of the flavor types: ours, and how the documents of upstream spell them. */
const SEGMENTS: readonly (readonly [string, (typeof FLAVOR_TYPE_NAMES)[number]])[] = [
  ['k8slice', 'k8slice'],
  ['k8slices', 'k8slice'],
  ['service', 'service'],
  ['services', 'service'],
  ['vm', 'vm'],
  ['vms', 'vm'],
  ['sensor', 'sensor'],
  ['sensors', 'sensor'],
]

const listed = (found: FlavorList): RouteReply => ({
  status: 200,
  encoded: found.body,
  headers: truncationHeaders(found),
})

export function discoveryRoutes(options: {
  /** Answers LIST_FLAVORS, with what this node's role makes it answer. */
  readonly answers: Pick<FlavorAnswers, 'answer'>
  readonly handshake: PeerHandshake
}): readonly Route[] {
  const { answers, handshake } = options

  return [
    {
      method: 'GET',
      path: '/api/v2/flavors',
      operationId: 'listFlavors',
      summary: 'LIST_FLAVORS: everything on offer',
      access: 'known',
      responses: { 200: list, 204: { description: 'Nothing is on offer.' } },
      async handle(call) {
        if (call.rawQuery !== '' && call.rawQuery !== '=') parseSelectorQuery(undefined, call.rawQuery)
        const found = await answers.answer(ANY_FLAVOR, call)
        return found.count === 0
          ? { status: 204, headers: { 'content-type': 'application/json' } }
          : listed(found)
      },
    },
    ...SEGMENTS.map(([segment, type]): Route => ({
      method: 'GET',
      path: `/api/v2/flavors/${segment}`,
      operationId: `listFlavors.${segment}`,
      summary: `LIST_FLAVORS of type ${type}, filtered`,
      description: 'Filters are `filter[field][match]=value` and `filter[field][range][min|max]=quantity`.',
      access: 'known',
      responses: { 200: list, 400: badSelector },
      async handle(call) {
        return listed(await answers.answer(parseSelectorQuery(type, call.rawQuery), call))
      },
    })),
    {
      method: 'POST',
      path: '/api/v2/hello',
      operationId: 'hello',
      summary: 'HELLO: say who one is; answers with who this node is',
      access: 'anyone',
      request: HelloSchema,
      responses: { 200: { description: 'Who this node is.', schema: HelloAnswerSchema } },
      async handle({ body, peer }) {
        if (peer === undefined) throw new Problem('not-authenticated', 'hello needs a proved identity')
        return { status: 200, body: await handshake.answerHello(body as Hello, peer) }
      },
    },
  ]
}
