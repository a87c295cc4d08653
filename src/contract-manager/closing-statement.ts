/** The statement that ends a contract, and how two copies of it become one. Pure. */
import canonicalize from 'canonicalize'
import Type from 'typebox'
import { signDocument, type NodeKey } from '../privacy-and-security-manager/index.ts'
import { CLOSING_SIGNATURE } from './signature-types.ts'

/** What both sides sign at the end. */
export interface ClosingStatement {
  readonly contractID: string
  readonly closedBy: string
  readonly reason: string
  /** RFC 3339. */
  readonly closedAt: string
}

export interface SignedClosing {
  readonly statement: ClosingStatement
  /** Detached JWS by node id. */
  readonly signatures: Readonly<Record<string, string>>
}

export const SignedClosingSchema = Type.Object(
  {
    statement: Type.Object({
      contractID: Type.String({ maxLength: 512 }),
      closedBy: Type.String({ maxLength: 512 }),
      reason: Type.String({ maxLength: 1_000 }),
      closedAt: Type.String({ maxLength: 64 }),
    }),
    // There are two sides, and a detached JWS of Ed25519 has some 200 characters.
    signatures: Type.Record(Type.String({ maxLength: 512 }), Type.String({ maxLength: 1_024 }), {
      description: 'Detached JWS by node id.',
      maxProperties: 2,
    }),
  },
  { title: 'SignedClosing', description: 'The end of a contract, signed by one side or by both.' },
)

/** @returns the statement with a signature more */
export function signClosing(
  statement: ClosingStatement,
  signatures: SignedClosing['signatures'],
  signer: { readonly id: string; readonly key: NodeKey },
): SignedClosing {
  const signature = signDocument(statement, { ...CLOSING_SIGNATURE, key: signer.key })
  return { statement, signatures: { ...signatures, [signer.id]: signature } }
}

/**
 * Both sides may end a contract at once, each with a statement of its own. Then both must come to keep the same
 * one: the earlier, whoever hears of the other first.
 * @returns the statement to be kept, with all signatures there are of it
 */
export function mergeClosings(known: SignedClosing | undefined, received: SignedClosing): SignedClosing {
  if (known === undefined) return received
  const [left, right] = [orderOf(known), orderOf(received)]
  if (left === right) {
    return { statement: known.statement, signatures: { ...received.signatures, ...known.signatures } }
  }
  return left < right ? known : received
}

/** By time first; of the same time any order will do that both sides find. */
function orderOf({ statement }: SignedClosing): string {
  return `${statement.closedAt} ${canonicalize(statement) ?? ''}`
}
