/**
 * The provider's end of a relayed way: see `inner-client.ts`.
 */
import type { Duplex } from 'node:stream'
import { createServer } from 'node:tls'
import type { Log } from '../../kernel/log.ts'
import type { Clock } from '../../kernel/system.ts'
import type {
  RearHandler,
  StreamHandler,
  TransportIdentity,
  TransportLimits,
  TransportPeer,
} from '../../rear/transport/index.ts'
import type { Turns } from '../../rear/transport/fair-turns.ts'
import { peerOf } from '../../rear/transport/peer-certificate.ts'
import type { WaitingPeers } from '../../rear/transport/waiting-bytes.ts'
import { serveSession } from '../../rear/transport/server-session.ts'
import { SESSION_PROTOCOL } from '../../rear/transport/session-protocol.ts'
import { SECURE_OPTIONS } from '../../rear/transport/tls-context.ts'

export interface InnerServerOptions {
  readonly identity: TransportIdentity
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly log: Log
  /** Decides about whoever proved to be at the other end. @returns why not, or undefined */
  readonly refuse: (peer: TransportPeer) => string | undefined
  readonly handler: RearHandler
  /** What those who come through relays have waiting, over all their connections. */
  readonly waitingPeers: WaitingPeers
  /** Theirs. */
  readonly turns: Turns
  readonly onStream: StreamHandler
}

/**
 * Serves everything that comes through `outer` until it ends. Whoever is not welcome is cut off
 * after the handshake, before anything it asks is read.
 */
export function serveInner(outer: Duplex, options: InnerServerOptions): void {
  const { log, clock, limits, identity } = options
  const give = (why: string): void => {
    timer.cancel()
    log.debug({ why }, 'relayed connection refused')
    outer.destroy(new Error(why))
  }
  const timer = clock.after(limits.handshakeTimeoutMs, () => give('the handshake took too long'))
  outer.on('error', () => undefined)
  outer.once('end', () => outer.destroy())
  outer.once('close', () => timer.cancel())
  // A server that listens nowhere: it does the handshake on what it is handed.
  const server = createServer({
    cert: identity.certificate,
    key: identity.privateKey,
    minVersion: 'TLSv1.3',
    secureOptions: SECURE_OPTIONS,
    ALPNProtocols: [SESSION_PROTOCOL],
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.on('tlsClientError', (error, socket) => {
    socket.destroy()
    give(error.message)
  })
  server.once('secureConnection', (socket) => {
    timer.cancel()
    socket.on('error', (error) => log.debug({ err: error }, 'relayed connection failed'))
    outer.once('close', () => socket.destroy())
    const found = peerOf(socket)
    const refusal = found.peer ? options.refuse(found.peer) : found.reason
    if (refusal !== undefined) return give(refusal)
    serveSession(socket, { ...options, peer: found, onClose: () => outer.destroy() })
  })
  server.emit('connection', outer)
}
