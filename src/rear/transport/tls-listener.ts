/**
 * The listening side of TLS: one port, HTTP/1.1 and sessions told apart in the handshake (ALPN).
 */
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Log } from '../../kernel/log.ts'
import type { System } from '../../kernel/system.ts'
import { http1Listener } from './http1-server.ts'
import { nameOf } from './caller-name.ts'
import { ConnectionCounts } from './connection-counts.ts'
import { FairTurns } from './fair-turns.ts'
import { shakeHandsInTurn } from './handshakes.ts'
import type { Mux } from '../mux/mux.ts'
import type { TransportLimits } from './limits.ts'
import { listen, serverOptions } from './listen.ts'
import { peerOf } from './peer-certificate.ts'
import { problem } from './problem.ts'
import { WaitingPeers } from './waiting-bytes.ts'
import { serveSession } from './server-session.ts'
import { SESSION_PROTOCOL } from './session-protocol.ts'
import { SECURE_OPTIONS, type TransportIdentity } from './tls-context.ts'
import type { Listener, ListenOptions } from './transport.ts'

/** @throws TransportError `unreachable` when the address cannot be listened on */
export async function listenTls(
  options: ListenOptions,
  parts: {
    readonly identity: TransportIdentity
    readonly system: System
    readonly limits: TransportLimits
    readonly log: Log
  },
): Promise<Listener> {
  const { identity, system, limits, log } = parts
  const { clock } = system
  const waitingPeers = new WaitingPeers(limits.maxWaitingBytesOfPeer)
  const turns = options.turns ?? new FairTurns(clock)
  const server = createServer(
    {
      ...serverOptions(limits),
      cert: identity.certificate,
      key: identity.privateKey,
      minVersion: 'TLSv1.3',
      secureOptions: SECURE_OPTIONS,
      // Asked for, not insisted on: who comes without one gets a clear answer instead of a broken handshake.
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [SESSION_PROTOCOL, 'http/1.1'],
      handshakeTimeout: limits.handshakeTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
    http1Listener({
      handler: options.handler,
      waitingPeers,
      turns,
      limits,
      log,
      identify: (socket) => {
        const found = peerOf(socket as TLSSocket)
        return found.peer
          ? found
          : { refusal: problem(401, 'not-authenticated', `a client certificate is needed: ${found.reason}`) }
      },
    }),
  )
  shakeHandsInTurn(server, turns, clock, limits.handshakeTimeoutMs)
  const counts = new ConnectionCounts(limits.maxConnectionsOfPeer)
  const sessions = new Set<Mux>()
  // The HTTPS server would speak HTTP/1.1 on every connection: stand before it.
  const [serveHttp1] = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined)
    if (!counts.add(nameOf(options.handler, peerOf(socket).peer), socket)) {
      socket.destroy()
      return
    }
    if (socket.alpnProtocol !== SESSION_PROTOCOL) {
      serveHttp1!.call(server, socket)
      return
    }
    const session = serveSession(socket, {
      handler: options.handler,
      onStream: options.onStream,
      waitingPeers,
      turns,
      peer: peerOf(socket),
      limits,
      clock,
      log,
      onClose: () => sessions.delete(session),
    })
    sessions.add(session)
  })
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    log.debug({ code: error.code, address: socket.remoteAddress }, 'TLS handshake failed')
    socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    log.debug({ code: error.code }, 'not an HTTP request')
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
  })

  return listen(server, {
    ...options,
    limits,
    clock,
    log,
    // Streams may last for ever, and are cut with the sockets.
    onClose: () => {
      for (const session of sessions) session.end()
    },
  })
}
