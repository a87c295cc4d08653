/**
 * Takes rating statements in a catalog: what one party of a contract says of the other.
 *
 * The contract with its two signatures is the proof that there was a dealing; the author is one of its parties
 * and hands the statement in itself.
 */
import Type from 'typebox'
import { verifyContract } from '../contract-manager/index.ts'
import type { NodeBase } from '../node-base.ts'
import type { PeerRole } from '../objects/peer.ts'
import type { PublishedRatings } from '../peering-candidates/index.ts'
import { SignatureError, verifyDocument } from '../privacy-and-security-manager/index.ts'
import { Problem, ProblemSchema } from '../rear/problem.ts'
import type { Route } from '../rear/route.ts'

/** What the detached signature is of (the `typ` of the JWS). */
export const RATING_SIGNATURE = { type: 'tributary-rating' } as const

/** What the author signs. */
export interface Rating {
  /** Node id of the other party. */
  readonly about: string
  readonly author: string
  readonly contractID: string
  /** From 0 to 5. */
  readonly score: number
  /** What it rests on. */
  readonly facts?: readonly { readonly type: string; readonly at: string }[]
  /** RFC 3339; of several statements on one contract the latest counts. */
  readonly at: string
}

/** The message. */
export interface RatingMessage {
  readonly statement: Rating
  readonly signature: string
  /** The wire contract with both signatures. */
  readonly contract: unknown
}

const RatingMessageSchema = Type.Object(
  {
    statement: Type.Object({
      about: Type.String({ maxLength: 512 }),
      author: Type.String({ maxLength: 512 }),
      contractID: Type.String({ maxLength: 253 }),
      score: Type.Number({ minimum: 0, maximum: 5 }),
      facts: Type.Optional(
        Type.Array(
          Type.Object({ type: Type.String({ maxLength: 40 }), at: Type.String({ maxLength: 40 }) }),
          {
            maxItems: 100,
          },
        ),
      ),
      at: Type.String({ format: 'date-time', 'x-time': true }),
    }),
    signature: Type.String({
      description: 'Detached JWS of the author over the canonical JSON of the statement.',
    }),
    contract: Type.Unsafe<unknown>({ description: 'The Contract with the signatures of both parties.' }),
  },
  { title: 'RatingMessage', description: 'What a party of a contract says of the other.' },
)

/** Clocks of two nodes may differ by so much. */
const CLOCK_SKEW_MS = 5 * 60_000

/** @returns the route by which parties publish ratings */
export function ratingRoutes(
  options: Pick<NodeBase, 'system'> & { readonly role: PeerRole; readonly ratings: PublishedRatings },
): readonly Route[] {
  const { role, ratings, system } = options
  return [
    {
      method: 'POST',
      path: '/api/v2/ratings',
      operationId: 'publishRating',
      summary: 'Publish what one thinks of the other party of a contract',
      description: 'Repeating it has no second effect; of several on one contract the latest counts.',
      access: 'accepted',
      request: RatingMessageSchema,
      // With the contract that proves the dealing.
      maxBodyBytes: 128 * 1024,
      responses: {
        204: { description: 'Taken.' },
        403: {
          description: 'The caller is not the author, or not a party to the contract.',
          schema: ProblemSchema,
        },
        422: {
          description: 'A signature of the statement or of the contract is missing or wrong.',
          schema: ProblemSchema,
        },
        501: { description: 'This node is not a catalog.', schema: ProblemSchema },
      },
      async handle({ body, peer }) {
        if (role !== 'catalog') throw new Problem('not-supported', 'this node is not a catalog')
        const message = body as RatingMessage
        checkRating(message, peer?.id, system.clock.now())
        const { about, author, contractID, score, at } = message.statement
        await ratings.put({ about, author, contractID, score, at, statement: message })
        return { status: 204 }
      },
    },
  ]
}

/**
 * @param now milliseconds since 1970
 * @throws Problem unless the caller is the author, a party of the contract, and what it says is signed
 */
function checkRating(
  { statement, signature, contract }: RatingMessage,
  caller: string | undefined,
  now: number,
): void {
  const { about, author, contractID } = statement
  if (caller !== author) throw new Problem('not-a-party', 'a statement is taken from its author only')
  try {
    const { signer } = verifyDocument(statement, signature, RATING_SIGNATURE)
    if (signer !== author) throw new Problem('signature-invalid', `the statement is signed by ${signer}`)
  } catch (cause) {
    if (!(cause instanceof SignatureError)) throw cause
    throw new Problem('signature-invalid', `the statement: ${cause.message}`, { cause })
  }
  if (Date.parse(statement.at) > now + CLOCK_SKEW_MS)
    throw new Problem('bad-request', 'the statement is dated in the future')
  const { checks, contract: terms } = verifyContract(contract, now)
  // That it is over is no reason not to speak of it.
  const wrong = checks.find(({ name, ok }) => !ok && name !== 'validity')
  if (wrong || terms === undefined) {
    throw new Problem(
      'signature-invalid',
      `the contract: ${wrong?.name ?? 'document'} ${wrong?.detail ?? ''}`,
    )
  }
  if (terms.contractID !== contractID)
    throw new Problem('bad-request', 'the statement is on another contract')
  const parties = [terms.buyerID.ID, terms.seller.ID]
  if (author === about || !parties.includes(author) || !parties.includes(about)) {
    throw new Problem('not-a-party', 'author and subject of a statement are the two parties of the contract')
  }
}
