/** The statement that ends a contract, and how two copies of it become one. Pure. */
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

function orderOf({ statement }: SignedClosing): string {
  const { closedAt, closedBy, reason, contractID } = statement
  return [closedAt, closedBy, reason, contractID].join(' ')
}
