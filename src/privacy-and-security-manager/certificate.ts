/**
 * The self-signed X.509 certificate that carries a node's key into TLS.
 *
 * It says nothing but "this is my key": who is trusted, and for what, is decided from the key alone.
 * Written out as DER here because its form never varies; parsing is left to node:crypto.
 */
import type { NodeKey } from './node-key.ts'
import type { System } from '../kernel/system.ts'

const SEQUENCE = 0x30
const SET = 0x31
const OID_ED25519 = Buffer.from('06032b6570', 'hex')
const OID_COMMON_NAME = Buffer.from('0603550403', 'hex')
const OID_ALT_NAME = Buffer.from('0603551d11', 'hex')
const OID_BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const OID_KEY_USAGE = Buffer.from('0603551d0f', 'hex')
const OID_EXTENDED_KEY_USAGE = Buffer.from('0603551d25', 'hex')
const OID_SERVER_AUTH = Buffer.from('06082b06010505070301', 'hex')
const OID_CLIENT_AUTH = Buffer.from('06082b06010505070302', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')

const DAY_MS = 86_400_000
/** A clock that runs behind must not see a certificate from the future. */
const BACKDATED_MS = 2 * DAY_MS
/** Renewed at every start, and not what trust hangs on: generous. */
const VALIDITY_MS = 3650 * DAY_MS

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), body])
}

/** Two-digit years up to 2049, four digits after (RFC 5280, 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits))
}

function extension(oid: Buffer, critical: boolean, value: Buffer): Buffer {
  return der(SEQUENCE, oid, ...(critical ? [TRUE] : []), der(0x04, value))
}

/**
 * @param key the subject and the issuer
 * @param system its clock dates the certificate, its random source numbers it
 * @returns the certificate in PEM form; the subject's common name and URI are the node id
 */
export function selfSignedCertificate(key: NodeKey, system: System): string {
  const now = system.clock.now()
  const serial = Buffer.from(system.random.bytes(16))
  serial[0] = (serial[0]! & 0x7f) | 0x40 // positive, and never shortened
  const algorithm = der(SEQUENCE, OID_ED25519)
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, OID_COMMON_NAME, der(0x0c, Buffer.from(key.id)))))
  const extensions = der(
    SEQUENCE,
    extension(OID_BASIC_CONSTRAINTS, true, der(SEQUENCE)),
    extension(OID_KEY_USAGE, true, Buffer.from('03020780', 'hex')), // digitalSignature
    extension(OID_EXTENDED_KEY_USAGE, false, der(SEQUENCE, OID_SERVER_AUTH, OID_CLIENT_AUTH)),
    extension(OID_ALT_NAME, false, der(SEQUENCE, der(0x86, Buffer.from(key.id)))),
  )
  const toBeSigned = der(
    SEQUENCE,
    der(0xa0, Buffer.from('020102', 'hex')), // v3
    der(0x02, serial),
    algorithm,
    name,
    der(SEQUENCE, time(now - BACKDATED_MS), time(now + VALIDITY_MS)),
    name,
    key.publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, extensions),
  )
  const signature = der(0x03, Buffer.from([0]), key.sign(toBeSigned))
  const lines = der(SEQUENCE, toBeSigned, algorithm, signature)
    .toString('base64')
    .match(/.{1,64}/g)!
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
