/** Handshakes in turns: who they are from shows only afterwards, so each address has its turn, and all have one share. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../kernel/system.ts'
import type { Turns } from './fair-turns.ts'
import { networkOf } from './network-of.ts'

const HANDSHAKES = 'handshakes'
/** Two signatures, two verifications, a key exchange, two certificates, a connection: milliseconds. */
const HANDSHAKE_MS = 2

/**
 * Makes a TLS server begin each handshake only in its turn.
 * @param patienceMs who waited for longer has given up
 */
export function shakeHandsInTurn(server: Server, turns: Turns, clock: Clock, patienceMs: number): void {
  const begin = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    // Whoever goes away while it waits is nobody's concern.
    socket.on('error', () => undefined)
    const since = clock.monotonic()
    const isTaken = turns.take(
      HANDSHAKES,
      () => {
        if (clock.monotonic() - since > patienceMs) socket.destroy()
        if (!socket.destroyed) for (const each of begin) each.call(server, socket)
        return undefined
      },
      { costMs: HANDSHAKE_MS, from: networkOf(socket.remoteAddress ?? '') },
    )
    if (!isTaken) socket.destroy()
  })
}
