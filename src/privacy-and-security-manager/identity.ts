/**
 * Who this node is: its id, its certificate, and the means to sign. Made once, by the composition root.
 */
import type { NodeId } from '../objects/ids.ts'
import type { System } from '../kernel/system.ts'
import { selfSignedCertificate } from './certificate.ts'
import { privateKeyPem, type NodeKey } from './node-key.ts'

export interface Identity {
  readonly id: NodeId
  /** What the operator calls the node; for people only. */
  readonly name: string
  readonly key: NodeKey
  /** Self-signed, X.509, PEM. */
  readonly certificate: string
  /** PKCS#8, PEM: for the TLS context, for nothing else. */
  readonly privateKey: string
  /** @returns the Ed25519 signature (64 bytes) of `payload`. */
  sign(payload: Uint8Array | string): Buffer
}

/**
 * @param options.key the node's key
 * @param options.name what the operator calls the node
 * @returns the identity, with a freshly made certificate
 */
export function createIdentity(options: {
  readonly key: NodeKey
  readonly system: System
  readonly name: string
}): Identity {
  const { key, system, name } = options
  const identity = {
    id: key.id,
    name,
    key,
    certificate: selfSignedCertificate(key, system),
    sign: (payload: Uint8Array | string) => key.sign(payload),
  }
  // Not enumerable: the key does not slip into a log line with the rest of the identity.
  return Object.defineProperty(identity, 'privateKey', { value: privateKeyPem(key) }) as typeof identity & {
    readonly privateKey: string
  }
}
