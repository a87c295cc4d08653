/**
 * Branded identifiers, so that one kind of id cannot be passed where another is meant.
 *
 * Pure. The brands exist only for the type checker; at run time every id is a string.
 */
import { ed25519KeyOfDid } from './did-key.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Who a node is: the `did:key` of its Ed25519 public key. */
export type NodeId = Branded<'NodeId'>
export type FlavorId = Branded<'FlavorId'>
export type ContractId = Branded<'ContractId'>
/** The id of a trace, and of the intent it follows: 32 hexadecimal digits (W3C Trace Context). */
export type TraceId = Branded<'TraceId'>

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

function parseOpaque(what: string, text: string): string {
  if (OPAQUE_ID.test(text)) return text
  throw new IdError('malformed-id', `not a ${what} id: ${JSON.stringify(text.slice(0, 100))}`)
}

/** @throws IdError `malformed-id` when `text` is empty, longer than 253 characters or not printable ASCII */
export const parseFlavorId = (text: string): FlavorId => parseOpaque('flavor', text) as FlavorId
/** @throws IdError `malformed-id`, as `parseFlavorId` */
export const parseContractId = (text: string): ContractId => parseOpaque('contract', text) as ContractId

/** @throws IdError `malformed-id` unless `text` is 32 lower-case hexadecimal digits, not all zero */
export function parseTraceId(text: string): TraceId {
  if (/^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text)) return text as TraceId
  throw new IdError('malformed-id', `not a trace id: ${JSON.stringify(text.slice(0, 100))}`)
}
