/**
 * Signatures of documents (flavors, contracts, closing statements): detached JWS over canonical JSON.
 *
 * `verifyDocument` answers "is the signature valid, and whose is it?". Whether that signer may be believed on
 * this document is another question, asked by whoever knows what the document is for.
 */
import canonicalizeJson from 'canonicalize'
import type { NodeId } from '../objects/ids.ts'
import { decodeHeader, encodeHeader, isSignatureForm, signEncoded, verifyEncoded } from './compact-jws.ts'
import type { NodeKey } from './node-key.ts'

export type SignatureErrorCode = 'malformed' | 'wrong-type' | 'wrong-algorithm' | 'bad-signature'

/** A signature, or a signed thing, that cannot be relied on. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError'
  readonly code: SignatureErrorCode

  constructor(code: SignatureErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * @returns the canonical JSON of `document` (RFC 8785): equal documents have equal bytes
 * @throws SignatureError `malformed` for what is not JSON (NaN, a lone surrogate, a cycle, absurd nesting)
 */
export function canonicalize(document: unknown): string {
  let text: string | undefined
  try {
    text = canonicalizeJson(document)
  } catch (cause) {
    throw new SignatureError('malformed', 'the document has no canonical JSON form', { cause })
  }
  if (text === undefined) throw new SignatureError('malformed', 'the document has no canonical JSON form')
  return text
}

/** The media type that names what was signed, for example `tributary-flavor`. */
export interface DocumentType {
  readonly type: string
}

/**
 * @param document any JSON value; without the signature itself
 * @param options.type what is signed: a signature of one type is never valid for another
 * @returns a compact JWS with its payload left out (RFC 7515, appendix F)
 * @throws SignatureError `malformed` when the document has no canonical form
 */
export function signDocument(document: unknown, options: DocumentType & { readonly key: NodeKey }): string {
  const payload = Buffer.from(canonicalize(document)).toString('base64url')
  const header = encodeHeader(options.key, options.type)
  return `${header}..${signEncoded(options.key, header, payload)}`
}

/**
 * @param document what the signature is said to cover
 * @param jws what `signDocument` returned, somewhere
 * @returns who signed: the holder of that key, and nobody else
 * @throws SignatureError
 */
export function verifyDocument(
  document: unknown,
  jws: string,
  options: DocumentType,
): { readonly signer: NodeId } {
  const parts = typeof jws === 'string' ? jws.split('.', 4) : []
  const [header, detached, signature] = parts
  if (parts.length !== 3 || header === undefined || detached !== '' || signature === undefined) {
    throw new SignatureError('malformed', 'not a detached JWS')
  }
  const decoded = decodeHeader(header)
  if (!decoded) throw new SignatureError('malformed', 'the JWS header cannot be understood')
  if (decoded.alg !== 'EdDSA') {
    throw new SignatureError('wrong-algorithm', `signed with ${decoded.alg}; only EdDSA is accepted`)
  }
  if (decoded.typ !== options.type) {
    throw new SignatureError(
      'wrong-type',
      `a signature of type ${decoded.typ}, where ${options.type} is needed`,
    )
  }
  if (!isSignatureForm(signature)) throw new SignatureError('malformed', 'not an Ed25519 signature')
  const payload = Buffer.from(canonicalize(document)).toString('base64url')
  if (!verifyEncoded(decoded.kid, header, payload, signature)) {
    throw new SignatureError('bad-signature', `not signed by ${decoded.kid}, or altered since`)
  }
  return { signer: decoded.kid }
}
