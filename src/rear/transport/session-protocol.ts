/**
 * What is said on a session: streams, and requests where there is no other way for them. Each is one stream of the
 * multiplexer. Pure.
 */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** Agreed on in the TLS handshake (ALPN); another number when the protocol changes. */
export const SESSION_PROTOCOL = 'tributary/1'

const HeadersSchema = Type.Record(Type.String(), Type.String())

const OpeningSchema = Type.Union([
  /** A request; its body, if it has one, follows. */
  Type.Object({
    kind: Type.Literal('request'),
    method: Type.String({ pattern: '^[A-Z]{1,20}$' }),
    path: Type.String({ pattern: '^/', maxLength: 8_192 }),
    headers: HeadersSchema,
  }),
  Type.Object({
    kind: Type.Literal('stream'),
    path: Type.String({ pattern: '^/', maxLength: 8_192 }),
    headers: HeadersSchema,
  }),
])
export type Opening = Static<typeof OpeningSchema>

/** A request's answer is followed by its body; a stream is open with 200 and refused otherwise. */
const AnswerSchema = Type.Object({
  status: Type.Integer({ minimum: 100, maximum: 599 }),
  headers: HeadersSchema,
  /** Why a stream is refused. */
  detail: Type.Optional(Type.String()),
})
export type Answer = Static<typeof AnswerSchema>

const opening = Compile(OpeningSchema)
const answer = Compile(AnswerSchema)

/** @returns the opening, or undefined when it is none */
export function readOpening(head: unknown): Opening | undefined {
  return opening.Check(head) ? { ...head, headers: lowerCased(head.headers) } : undefined
}

/** @returns the answer, or undefined when it is none */
export function readAnswer(head: unknown): Answer | undefined {
  return answer.Check(head) ? { ...head, headers: lowerCased(head.headers) } : undefined
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
