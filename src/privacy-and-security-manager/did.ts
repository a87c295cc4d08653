/**
 * Node ids and the Ed25519 keys they stand for.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { didOfEd25519Key, ed25519KeyOfDid } from '../objects/did-key.ts'
import { IdError, type NodeId } from '../objects/ids.ts'

/** DER of SubjectPublicKeyInfo up to the key itself (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Parsed keys, least recently used first. Making a KeyObject costs a fifth of a verification. */
const parsed = new Map<string, KeyObject>()
const MAX_PARSED = 4096

/**
 * @param publicKey an Ed25519 key (a private key stands for its public half)
 * @returns the node id of its holder
 * @throws IdError `malformed-node-id` when it is a key of another type
 */
export function didKey(publicKey: KeyObject): NodeId {
  if (publicKey.asymmetricKeyType !== 'ed25519') {
    throw new IdError('malformed-node-id', `a node's key is Ed25519, not ${publicKey.asymmetricKeyType}`)
  }
  const half = publicKey.type === 'private' ? createPublicKey(publicKey) : publicKey
  const spki = half.export({ format: 'der', type: 'spki' })
  return didOfEd25519Key(spki.subarray(SPKI_PREFIX.length)) as NodeId
}

/**
 * @returns the public key that a node id stands for; parsed once, then remembered
 * @throws IdError `malformed-node-id`
 */
export function publicKeyOf(nodeId: string): KeyObject {
  const known = parsed.get(nodeId)
  if (known) return known
  const raw = ed25519KeyOfDid(nodeId)
  if (!raw)
    throw new IdError('malformed-node-id', `not the did:key of an Ed25519 key: ${nodeId.slice(0, 100)}`)
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
  if (parsed.size >= MAX_PARSED) parsed.delete(parsed.keys().next().value!)
  parsed.set(nodeId, key)
  return key
}
