/**
 * The self-signed X.509 certificate that carries a node's key into TLS.
 *
 * It says nothing but "this is my key": who is trusted, and for what, is decided from the key alone.
 */
import { writeCertificate } from '../kernel/certificate-writer.ts'
import type { System } from '../kernel/system.ts'
import type { NodeKey } from './node-key.ts'

const DAY_MS = 86_400_000
/** A clock that runs behind must not see a certificate from the future. */
const BACKDATED_MS = 2 * DAY_MS
/** Renewed at every start, and not what trust hangs on: generous. */
const VALIDITY_MS = 3650 * DAY_MS

/**
 * @param key the subject and the issuer
 * @param system its clock dates the certificate, its random source numbers it
 * @returns the certificate in PEM form; the subject's common name and URI are the node id
 */
export function selfSignedCertificate(key: NodeKey, { clock, random }: System): string {
  const self = { commonName: key.id, publicKey: key.publicKey }
  const now = clock.now()
  return writeCertificate({
    subject: self,
    issuer: { ...self, privateKey: key.privateKey },
    use: 'server and client',
    names: [key.id],
    notBefore: now - BACKDATED_MS,
    notAfter: now + VALIDITY_MS,
    random,
  })
}
