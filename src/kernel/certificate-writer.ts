/**
 * Writes X.509 certificates (RFC 5280) as DER, for the few forms that this program needs: their form hardly varies.
 * Parsing is left to node:crypto. Who is certified, and by whom, is for the callers to say.
 */
import { hash, type KeyObject, sign } from 'node:crypto'
import type { System } from './system.ts'

const SEQUENCE = 0x30
const SET = 0x31
const OID_COMMON_NAME = Buffer.from('0603550403', 'hex')
const OID_ALT_NAME = Buffer.from('0603551d11', 'hex')
const OID_BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const OID_KEY_USAGE = Buffer.from('0603551d0f', 'hex')
const OID_EXTENDED_KEY_USAGE = Buffer.from('0603551d25', 'hex')
const OID_SERVER_AUTH = Buffer.from('06082b06010505070301', 'hex')
const OID_CLIENT_AUTH = Buffer.from('06082b06010505070302', 'hex')
const OID_SUBJECT_KEY = Buffer.from('0603551d0e', 'hex')
const OID_AUTHORITY_KEY = Buffer.from('0603551d23', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')
const DIGITAL_SIGNATURE = Buffer.from('03020780', 'hex')
/** keyCertSign and cRLSign. */
const SIGNS_CERTIFICATES = Buffer.from('03020106', 'hex')
/** A CA whose certificates certify nobody else: path length 0. */
const IS_AUTHORITY = Buffer.from('30060101ff020100', 'hex')

/** How the issuer signs: as its key does. */
const ALGORITHMS: Readonly<Record<string, { readonly oid: Buffer; readonly hash: string | null }>> = {
  ed25519: { oid: Buffer.from('06032b6570', 'hex'), hash: null },
  ec: { oid: Buffer.from('06082a8648ce3d040302', 'hex'), hash: 'sha256' },
}

/** Of whom a certificate is, or by whom. */
export interface CertificateParty {
  readonly commonName: string
  readonly publicKey: KeyObject
}

export interface CertificateOptions {
  readonly subject: CertificateParty
  /** Who signs; the subject itself for a self-signed one. Its key is Ed25519 or on P-256. */
  readonly issuer: CertificateParty & { readonly privateKey: KeyObject }
  /** `authority`: may sign the certificates of others; the other words: what its key may be used for in TLS. */
  readonly use: 'authority' | 'server' | 'server and client'
  /** Names of the subject: IP addresses, URIs (with a colon) or host names. */
  readonly names: readonly string[]
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  readonly random: System['random']
}

/** @returns the certificate in PEM form */
export function writeCertificate(options: CertificateOptions): string {
  const { subject, issuer, notBefore, notAfter } = options
  const algorithmOf = ALGORITHMS[issuer.privateKey.asymmetricKeyType ?? '']
  if (algorithmOf === undefined) throw new TypeError('the issuer has a key of another type')
  const algorithm = der(SEQUENCE, algorithmOf.oid)
  const toBeSigned = der(
    SEQUENCE,
    der(0xa0, Buffer.from('020102', 'hex')), // v3
    der(0x02, serialNumber(options.random)),
    algorithm,
    distinguishedName(issuer.commonName),
    der(SEQUENCE, time(notBefore), time(notAfter)),
    distinguishedName(subject.commonName),
    publicKeyOf(subject),
    der(0xa3, der(SEQUENCE, ...extensions(options))),
  )
  const signed = sign(algorithmOf.hash, toBeSigned, issuer.privateKey)
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(0x03, Buffer.from([0]), signed))
  const lines = certificate.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function extensions({ subject, issuer, use, names }: CertificateOptions): readonly Buffer[] {
  const isAuthority = use === 'authority'
  const isSelfSigned = subject.publicKey.equals(issuer.publicKey)
  const usages = [OID_SERVER_AUTH, ...(use === 'server and client' ? [OID_CLIENT_AUTH] : [])]
  return [
    extension(OID_BASIC_CONSTRAINTS, true, isAuthority ? IS_AUTHORITY : der(SEQUENCE)),
    extension(OID_KEY_USAGE, true, isAuthority ? SIGNS_CERTIFICATES : DIGITAL_SIGNATURE),
    ...(isAuthority ? [] : [extension(OID_EXTENDED_KEY_USAGE, false, der(SEQUENCE, ...usages))]),
    ...(names.length === 0
      ? []
      : [extension(OID_ALT_NAME, false, der(SEQUENCE, ...names.map(alternativeName)))]),
    ...(isAuthority ? [extension(OID_SUBJECT_KEY, false, der(0x04, keyId(subject)))] : []),
    ...(isSelfSigned ? [] : [extension(OID_AUTHORITY_KEY, false, der(SEQUENCE, der(0x80, keyId(issuer))))]),
  ]
}

function publicKeyOf({ publicKey }: CertificateParty): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' })
}

/** Any value that tells keys apart will do. */
function keyId(party: CertificateParty): Buffer {
  return hash('sha1', publicKeyOf(party), 'buffer')
}

const isIPv4 = (name: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(name)
const isIPv6 = (name: string): boolean => /^[0-9a-f:.]+$/i.test(name) && URL.canParse(`http://[${name}]`)

function alternativeName(name: string): Buffer {
  if (isIPv4(name)) return der(0x87, Buffer.from(name.split('.').map(Number)))
  if (isIPv6(name)) return der(0x87, ipv6Bytes(name))
  return der(name.includes(':') ? 0x86 : 0x82, Buffer.from(name))
}

/** The URL parser spells an address out in its one canonical form. */
function ipv6Bytes(address: string): Buffer {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  const hex = [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')
  return Buffer.from(hex, 'hex')
}

function serialNumber(random: System['random']): Buffer {
  const serial = Buffer.from(random.bytes(16))
  serial[0] = (serial[0]! & 0x7f) | 0x40 // positive, and never shortened
  return serial
}

function distinguishedName(commonName: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, OID_COMMON_NAME, der(0x0c, Buffer.from(commonName)))))
}

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
