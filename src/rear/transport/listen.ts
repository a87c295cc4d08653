/** What the listeners of this folder have in common, with TLS or without: limits, the address, the end. */
import type { Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { Clock } from '../../kernel/system.ts'
import { listeningAddress } from './address.ts'
import { LISTENER_PATIENCE_MS, type TransportLimits } from './limits.ts'
import type { Listener } from './transport.ts'
import { TransportError } from './transport-error.ts'

/** @returns the options of an HTTP server that keeps slow and large callers within limits */
export function serverOptions(limits: TransportLimits) {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: Math.max(100, Math.min(5_000, limits.headersTimeoutMs / 2)),
    keepAliveTimeout: limits.idleTimeoutMs + LISTENER_PATIENCE_MS,
    maxHeaderSize: limits.maxHeaderBytes,
    noDelay: true,
  } satisfies ServerOptions
}

/**
 * @param options.onClose is called when the listener begins to close, for what would last longer than a request
 * @throws TransportError `unreachable` when the address cannot be listened on
 */
export async function listen(
  server: Server,
  options: {
    readonly host: string
    readonly port: number
    readonly limits: TransportLimits
    readonly clock: Clock
    readonly log: Log
    readonly onClose?: () => void
  },
): Promise<Listener> {
  const { host, port, limits, clock, log, onClose } = options
  server.maxConnections = limits.maxConnections
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    // Resets are everyday; `close` follows.
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error) => {
      reject(new TransportError('unreachable', `cannot listen on ${host}:${port}`, { cause }))
    })
    server.listen(port, host, resolve)
  })
  server.on('error', (error) => log.error({ err: error }, 'listener'))

  let closing: Promise<void> | undefined
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const cut = clock.after(limits.closeGraceMs, () => {
        for (const socket of sockets) socket.destroy()
      })
      server.close(() => {
        cut.cancel()
        resolve()
      })
      onClose?.()
    })
  return { address: listeningAddress(server.address()), close: () => (closing ??= close()) }
}
