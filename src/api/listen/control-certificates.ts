/**
 * The certificates of the control API: an authority of its own, which clients are told to trust, and the certificate
 * of the server, which it signs. Both on P-256, for browsers refuse Ed25519; the node's key has no part in it.
 *
 * The authority stays as long as it can, since every kubeconfig names it; the server's certificate is renewed.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCertificate } from '../../kernel/certificate-writer.ts'
import { replacePrivateFile } from '../../kernel/private-file.ts'
import type { System } from '../../kernel/system.ts'

export interface ControlCertificates {
  /** Of the authority, PEM: what a client is to trust. */
  readonly authority: string
  /** Of the server, PEM. */
  readonly certificate: string
  readonly key: string
  /** When to ask again, in milliseconds since 1970. */
  readonly renewAt: number
}

const DAY_MS = 86_400_000
const AUTHORITY_MS = 3650 * DAY_MS
/** As long as the authority lasts less than this, another one takes its place, at a start. */
const AUTHORITY_LEFT_MS = 365 * DAY_MS
const SERVER_MS = 90 * DAY_MS
const SERVER_LEFT_MS = 30 * DAY_MS
/** A clock that runs behind must not see a certificate from the future. */
const BACKDATED_MS = DAY_MS

interface Pair {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/**
 * @param options.directory of the node; the files are in `control/` there, mode 0600
 * @param options.names under which clients reach the server: host names and IP addresses
 * @returns the certificates in force; what is missing, unreadable or runs out was made anew
 */
export async function controlCertificates(options: {
  readonly directory: string
  readonly names: readonly string[]
  readonly nodeName: string
  readonly system: System
}): Promise<ControlCertificates> {
  const { names, nodeName, system } = options
  const folder = join(options.directory, 'control')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const now = system.clock.now()

  let authority = await readPair(join(folder, 'authority'))
  if (authority === undefined || lasts(authority) - now < AUTHORITY_LEFT_MS) {
    const { privateKey, publicKey } = p256()
    const self = { commonName: `control API of the Tributary node ${nodeName}`, publicKey }
    authority = await savePair(join(folder, 'authority'), privateKey, {
      subject: self,
      issuer: { ...self, privateKey },
      use: 'authority',
      names: [],
      notBefore: now - BACKDATED_MS,
      notAfter: now + AUTHORITY_MS,
      random: system.random,
    })
  }

  let server = await readPair(join(folder, 'server'))
  if (server === undefined || lasts(server) - now < SERVER_LEFT_MS || !isFor(server, authority, names)) {
    const { privateKey, publicKey } = p256()
    server = await savePair(join(folder, 'server'), privateKey, {
      subject: { commonName: `Tributary node ${nodeName}`, publicKey },
      issuer: {
        commonName: commonNameOf(authority.certificate),
        publicKey: authority.certificate.publicKey,
        privateKey: authority.key,
      },
      use: 'server',
      names,
      notBefore: now - BACKDATED_MS,
      notAfter: now + SERVER_MS,
      random: system.random,
    })
  }
  return {
    authority: authority.certificate.toString(),
    certificate: server.certificate.toString(),
    key: server.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    renewAt: lasts(server) - SERVER_LEFT_MS,
  }
}

function p256(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function lasts({ certificate }: Pair): number {
  return certificate.validToDate.getTime()
}

function isFor({ certificate }: Pair, authority: Pair, names: readonly string[]): boolean {
  return (
    certificate.checkIssued(authority.certificate) &&
    certificate.verify(authority.certificate.publicKey) &&
    names.every((name) => certificate.checkHost(name) ?? certificate.checkIP(name))
  )
}

function commonNameOf({ subject }: X509Certificate): string {
  return subject.replace(/^CN=/, '')
}

/** @returns undefined when there is none, or none that can be used */
async function readPair(path: string): Promise<Pair | undefined> {
  try {
    const [certificatePem, keyPem] = await Promise.all(
      ['crt', 'key'].map((ending) => readFile(`${path}.${ending}`, 'utf8')),
    )
    const certificate = new X509Certificate(certificatePem!)
    const key = createPrivateKey(keyPem!)
    return certificate.publicKey.equals(createPublicKey(key)) ? { certificate, key } : undefined
  } catch {
    return undefined
  }
}

async function savePair(
  path: string,
  key: KeyObject,
  options: Parameters<typeof writeCertificate>[0],
): Promise<Pair> {
  const certificate = writeCertificate(options)
  await replacePrivateFile(`${path}.key`, {
    text: () => key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  })
  await replacePrivateFile(`${path}.crt`, { text: () => certificate })
  return { certificate: new X509Certificate(certificate), key }
}
