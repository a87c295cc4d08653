/**
 * From a TLS connection to the node at its other end.
 *
 * There is no certificate authority: the handshake proves that the other end holds the key of its certificate,
 * and the key is the node. The certificate must be self-signed and Ed25519; its dates and names mean nothing.
 */
import type { TLSSocket } from 'node:tls'
import { didOfEd25519Key, ED25519_KEY_BYTES } from '../../objects/did-key.ts'
import type { NodeId } from '../../objects/ids.ts'
import { formatAddress } from './address.ts'
import type { TransportPeer } from './transport.ts'

/** Somebody, or the reason why nobody. */
export type PeerResult =
  { readonly peer: TransportPeer } | { readonly peer: undefined; readonly reason: string }

const known = new WeakMap<TLSSocket, PeerResult>()

/** @returns who is at the other end of an established connection; worked out once per connection. */
export function peerOf(socket: TLSSocket): PeerResult {
  let result = known.get(socket)
  if (!result) known.set(socket, (result = examine(socket)))
  return result
}

function examine(socket: TLSSocket): PeerResult {
  const nobody = (reason: string): PeerResult => ({ peer: undefined, reason })
  try {
    const certificate = socket.getPeerX509Certificate()
    if (!certificate) return nobody('no certificate was presented')
    const key = certificate.publicKey
    if (key.asymmetricKeyType !== 'ed25519') return nobody('the certificate has no Ed25519 key')
    if (!certificate.verify(key)) return nobody('the certificate is not self-signed')
    const raw = key.export({ format: 'der', type: 'spki' }).subarray(-ED25519_KEY_BYTES)
    return {
      peer: {
        id: didOfEd25519Key(raw) as NodeId,
        address: formatAddress(socket.remoteAddress, socket.remotePort),
      },
    }
  } catch {
    // The certificate parsed well enough for OpenSSL, not for us.
    return nobody('the certificate cannot be understood')
  }
}
