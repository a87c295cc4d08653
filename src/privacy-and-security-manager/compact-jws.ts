/**
 * Compact JWS (RFC 7515) with EdDSA and a `kid` that is the signer's did:key. Nothing else is supported, on purpose.
 *
 * Synchronous, because contracts and flavors are signed and checked by the thousand.
 * Inside this room only: others use `signature.ts` (documents) and `membership.ts` (credentials).
 */
import { verify } from 'node:crypto'
import { isNodeId, type NodeId } from '../objects/ids.ts'
import { publicKeyOf } from './did.ts'
import type { NodeKey } from './node-key.ts'

export interface JwsHeader {
  readonly alg: string
  readonly typ: string
  readonly kid: NodeId
}

const BASE64URL = /^[A-Za-z0-9_-]+$/
/** 64 bytes in base64url; the last letter carries four unused bits, which must be zero: one text per signature. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/
const HEADER_MEMBERS = new Set(['alg', 'typ', 'kid'])
/** No header that we accept is longer. */
const MAX_HEADER = 512
const MAX_CACHED = 4096

const encodedHeaders = new WeakMap<NodeKey, Map<string, string>>()
const decodedHeaders = new Map<string, JwsHeader>()

/** @returns the base64url header of what `key` signs as `type`; the same few over and over, hence kept. */
export function encodeHeader(key: NodeKey, type: string): string {
  let byType = encodedHeaders.get(key)
  if (!byType) encodedHeaders.set(key, (byType = new Map<string, string>()))
  let encoded = byType.get(type)
  if (encoded === undefined) {
    const header: JwsHeader = { alg: 'EdDSA', typ: type, kid: key.id }
    encoded = Buffer.from(JSON.stringify(header)).toString('base64url')
    byType.set(type, encoded)
  }
  return encoded
}

/** @returns the header, or undefined when it is not one: malformed, or with members that we do not understand. */
export function decodeHeader(encoded: string): JwsHeader | undefined {
  const known = decodedHeaders.get(encoded)
  if (known) return known
  if (encoded.length > MAX_HEADER || !BASE64URL.test(encoded)) return undefined
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(encoded, 'base64url').toString())
  } catch {
    return undefined
  }
  if (typeof header !== 'object' || header === null) return undefined
  // An unknown member could change the meaning (`crit`, `b64`): refuse rather than ignore.
  if (!Object.keys(header).every((member) => HEADER_MEMBERS.has(member))) return undefined
  const { alg, typ, kid } = header as Record<string, unknown>
  if (typeof alg !== 'string' || typeof typ !== 'string' || typeof kid !== 'string') return undefined
  if (!isNodeId(kid)) return undefined
  const result: JwsHeader = { alg, typ, kid }
  if (decodedHeaders.size >= MAX_CACHED) decodedHeaders.delete(decodedHeaders.keys().next().value!)
  decodedHeaders.set(encoded, result)
  return result
}

/** @returns the base64url signature over `header.payload`, both already encoded. */
export function signEncoded(key: NodeKey, header: string, payload: string): string {
  return key.sign(`${header}.${payload}`).toString('base64url')
}

/** @returns whether `signature` is well formed; says nothing of whether it is right. */
export function isSignatureForm(signature: string): boolean {
  return SIGNATURE.test(signature)
}

/** @returns whether `signature` over `header.payload` was made with the key of `signer`. */
export function verifyEncoded(signer: NodeId, header: string, payload: string, signature: string): boolean {
  return verify(
    null,
    Buffer.from(`${header}.${payload}`),
    publicKeyOf(signer),
    Buffer.from(signature, 'base64url'),
  )
}
