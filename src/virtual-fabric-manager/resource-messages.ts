/** RESOURCE_REQUEST and RESOURCE_OFFER as they go over the wire. Payloads are the fabrics' and pass unread. */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ResourceOffer } from '../fabric/fabric.ts'

const PayloadSchema = Type.Record(Type.String(), Type.Unknown(), {
  description: 'Of the fabric, for the fabric of the other side; others ignore it.',
})

export const ResourceRequestSchema = Type.Object(
  {
    virtualNode: Type.String({ description: 'Name of the virtual node in the cluster of the buyer.' }),
    resources: Type.Record(Type.String(), Type.String()),
    payload: Type.Optional(PayloadSchema),
  },
  { title: 'ResourceRequest', description: 'Asks for what a signed contract gives, as a virtual node.' },
)
export type ResourceRequest = Static<typeof ResourceRequestSchema>

export const ResourceOfferSchema = Type.Object(
  {
    status: Type.Union([Type.Literal('Accepted'), Type.Literal('Pending'), Type.Literal('Denied')]),
    contractID: Type.String(),
    resources: Type.Optional(Type.Record(Type.String(), Type.String())),
    nodeLabels: Type.Optional(Type.Record(Type.String(), Type.String())),
    enforcement: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
    message: Type.Optional(Type.String()),
    retryAfterMs: Type.Optional(
      Type.Number({ minimum: 0, description: 'Of Pending: when it is worth asking again, in milliseconds.' }),
    ),
    payload: Type.Optional(PayloadSchema),
  },
  {
    title: 'ResourceOffer',
    description: 'What the provider gives: exactly what the contract says, or why not, or not yet.',
  },
)

const schema = Compile(ResourceOfferSchema)

/** A provider that names no time. */
const DEFAULT_RETRY_MS = 1_000

/**
 * @param body of the answer about `contractID`
 * @returns undefined when that is no offer
 */
export function decodeOffer(body: unknown, contractID: string): ResourceOffer | undefined {
  if (!schema.Check(body)) return undefined
  const { payload, reason = '', message = '' } = body
  const more = payload === undefined ? {} : { payload }
  switch (body.status) {
    case 'Accepted': {
      const { resources, nodeLabels = {}, enforcement = 'unknown' } = body
      if (resources === undefined) return undefined
      return { status: 'Accepted', contractID, resources, nodeLabels, enforcement, ...more }
    }
    case 'Pending': {
      const { retryAfterMs = DEFAULT_RETRY_MS } = body
      return { status: 'Pending', contractID, reason, message, retryAfterMs, ...more }
    }
    case 'Denied':
      return { status: 'Denied', contractID, reason, message }
  }
}
