/**
 * The TLS settings that both ends of every connection share.
 */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { NodeId } from '../../objects/ids.ts'

/** What a transport needs of the node's identity. */
export interface TransportIdentity {
  readonly id: NodeId
  /** Self-signed X.509, PEM. */
  readonly certificate: string
  /** PKCS#8, PEM. */
  readonly privateKey: string
}

/**
 * No session tickets: a resumed connection would skip the certificates, and with them the proof of who is there.
 * (Node's servers keep no session cache either unless asked to.)
 */
export const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET

/** @returns a TLS 1.3 context with the node's certificate. */
export function tlsContext(identity: TransportIdentity): SecureContext {
  return createSecureContext({
    cert: identity.certificate,
    key: identity.privateKey,
    minVersion: 'TLSv1.3',
    secureOptions: SECURE_OPTIONS,
  })
}
