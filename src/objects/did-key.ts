/**
 * `did:key` for Ed25519: the public key itself, as text (multicodec 0xed01, multibase base58btc).
 *
 * Pure: bytes to text and back. What the key may do is no business of this file.
 */

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const DIGITS = new Map([...ALPHABET].map((letter, value) => [letter, value]))
const PREFIX = 'did:key:z'
const ED25519_MULTICODEC = [0xed, 0x01] as const
/** Bytes of an Ed25519 public key. */
export const ED25519_KEY_BYTES = 32
/** Every Ed25519 did:key is this long: the two multicodec bytes are not zero, so base58 has one length. */
const DID_LENGTH = PREFIX.length + 47

/** @returns `bytes` in base58btc. */
export function encodeBase58(bytes: Uint8Array): string {
  const digits: number[] = []
  for (const byte of bytes) {
    let carry = byte
    for (let i = 0; i < digits.length; i++) {
      carry += digits[i]! << 8
      digits[i] = carry % 58
      carry = (carry / 58) | 0
    }
    while (carry > 0) {
      digits.push(carry % 58)
      carry = (carry / 58) | 0
    }
  }
  let text = ''
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) text += '1'
  for (let i = digits.length - 1; i >= 0; i--) text += ALPHABET[digits[i]!]
  return text
}

/** @returns the bytes that `text` stands for, or undefined when it is not base58btc. */
export function decodeBase58(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  for (const letter of text) {
    let carry = DIGITS.get(letter)
    if (carry === undefined) return undefined
    for (let i = 0; i < bytes.length; i++) {
      carry += bytes[i]! * 58
      bytes[i] = carry & 0xff
      carry >>= 8
    }
    while (carry > 0) {
      bytes.push(carry & 0xff)
      carry >>= 8
    }
  }
  for (let i = 0; i < text.length && text[i] === '1'; i++) bytes.push(0)
  return Uint8Array.from(bytes.reverse())
}

/** @returns the did:key of a raw Ed25519 public key (32 bytes). */
export function didOfEd25519Key(key: Uint8Array): string {
  if (key.length !== ED25519_KEY_BYTES) throw new RangeError(`an Ed25519 key has 32 bytes, not ${key.length}`)
  return PREFIX + encodeBase58(Uint8Array.from([...ED25519_MULTICODEC, ...key]))
}

/** @returns the raw key (32 bytes) in a did:key, or undefined unless `did` is that of an Ed25519 key in canonical form. */
export function ed25519KeyOfDid(did: string): Uint8Array | undefined {
  if (did.length !== DID_LENGTH || !did.startsWith(PREFIX)) return undefined
  const bytes = decodeBase58(did.slice(PREFIX.length))
  if (bytes?.length !== ED25519_MULTICODEC.length + ED25519_KEY_BYTES) return undefined
  if (bytes[0] !== ED25519_MULTICODEC[0] || bytes[1] !== ED25519_MULTICODEC[1]) return undefined
  return bytes.subarray(ED25519_MULTICODEC.length)
}
