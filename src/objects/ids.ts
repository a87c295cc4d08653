/**
 * Ids, checked where they come in. That of a node is branded: trust is decided by it, so it must have been proved or
 * parsed. Ids of contracts, flavors and traces are opaque text (decision 0013).
 *
 * Pure. The brand exists only for the type checker; at run time every id is a string.
 */
import { ed25519KeyOfDid } from './did-key.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Who a node is: the `did:key` of its Ed25519 public key. */
export type NodeId = Branded<'NodeId'>

export type IdErrorCode = 'malformed-node-id' | 'malformed-id'

/** An id that does not have the form of its kind. */
export class IdError extends Error {
  override readonly name = 'IdError'
  readonly code: IdErrorCode

  constructor(code: IdErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Ids that were found to be well formed: those of a thousand peers are asked about over and over. */
const wellFormed = new Set<string>()
const MOST_WELL_FORMED = 10_000

/** @returns whether `text` is the `did:key` of an Ed25519 key, in its one canonical form. */
export function isNodeId(text: string): text is NodeId {
  if (wellFormed.has(text)) return true
  if (ed25519KeyOfDid(text) === undefined) return false
  if (wellFormed.size >= MOST_WELL_FORMED) wellFormed.clear()
  wellFormed.add(text)
  return true
}

/**
 * @param text what somebody says is a node's id
 * @throws IdError `malformed-node-id` unless it is the `did:key` of an Ed25519 key
 */
export function parseNodeId(text: string): NodeId {
  if (isNodeId(text)) return text
  throw new IdError(
    'malformed-node-id',
    `not the did:key of an Ed25519 key: ${JSON.stringify(text.slice(0, 100))}`,
  )
}

/** What ids that we did not make may look like: printable, no white space, not absurdly long. */
const OPAQUE_ID = /^[!-~]{1,253}$/

/**
 * @param text what a peer says is the id of a contract; whether there is one is another question
 * @throws IdError `malformed-id` when `text` is empty, longer than 253 characters or not printable ASCII
 */
export function parseContractId(text: string): string {
  if (OPAQUE_ID.test(text)) return text
  throw new IdError('malformed-id', `not a contract id: ${JSON.stringify(text.slice(0, 100))}`)
}
