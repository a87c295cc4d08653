/**
 * The node's Sealer: AES-256-GCM with a key derived from the node's own. Whoever has the files of a node without its
 * key reads none of it.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { SealError, type Sealer } from '../kernel/sealer.ts'
import type { Random } from '../kernel/system.ts'
import type { NodeKey } from './node-key.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Keeps this use of the node's key apart from every other, its signatures above all. */
const PURPOSE = 'tributary/secrets-at-rest/v1'

/** @param random gives each text a nonce of its own */
export function createSealer(nodeKey: NodeKey, random: Random): Sealer {
  const { d: seed } = nodeKey.privateKey.export({ format: 'jwk' })
  if (seed === undefined) throw new TypeError('the key of a node is a private one')
  const secret = Buffer.from(
    hkdfSync('sha256', Buffer.from(seed, 'base64url'), nodeKey.id, PURPOSE, KEY_BYTES),
  )
  const key = createHash('sha256').update(`${PURPOSE}\0${nodeKey.id}`).digest('hex').slice(0, 16)
  return {
    key,
    seal(text, context) {
      const nonce = Buffer.from(random.bytes(NONCE_BYTES))
      const cipher = createCipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(context))
      const parts = [cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return {
        sealed: 1,
        key,
        nonce: nonce.toString('base64'),
        text: Buffer.concat(parts).toString('base64'),
      }
    },
    open(sealed, context) {
      if (sealed.key !== key) {
        throw new SealError('other-key', `it is sealed with the key ${sealed.key}, not with ours, ${key}`)
      }
      const bytes = Buffer.from(sealed.text, 'base64')
      try {
        const nonce = Buffer.from(sealed.nonce, 'base64')
        const decipher = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(context))
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
        return decipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new SealError('damaged', 'it is not what was sealed', { cause })
      }
    },
  }
}
