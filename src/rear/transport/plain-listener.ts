/**
 * Plain HTTP/1.1 for upstream Go nodes, which speak nothing else. Nobody is authenticated here: `peer` is undefined,
 * and the handler must give out nothing that needs a caller. Off unless the operator configures it.
 */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { System } from '../../kernel/system.ts'
import { listeningAddress } from './address.ts'
import { http1Listener } from './http1-server.ts'
import { DEFAULT_LIMITS, LISTENER_PATIENCE_MS, type TransportLimits } from './limits.ts'
import type { Listener, RearHandler } from './transport.ts'
import { TransportError } from './transport-error.ts'

/**
 * @param options.port 0 for any free port
 * @throws TransportError `unreachable` when the address cannot be listened on
 */
export async function createPlainListener(options: {
  readonly host: string
  readonly port: number
  readonly handler: RearHandler
  readonly system: System
  readonly log: Log
  readonly limits?: Partial<TransportLimits>
}): Promise<Listener> {
  const log = options.log.child({ component: 'plain-listener' })
  const limits: TransportLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const { clock } = options.system
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.max(100, Math.min(5_000, limits.headersTimeoutMs / 2)),
      keepAliveTimeout: limits.idleTimeoutMs + LISTENER_PATIENCE_MS,
      maxHeaderSize: limits.maxHeaderBytes,
      noDelay: true,
    },
    http1Listener({ handler: options.handler, limits, log, identify: () => ({ peer: undefined }) }),
  )
  server.maxConnections = limits.maxConnections
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error) => {
      reject(new TransportError('unreachable', `cannot listen on ${options.host}:${options.port}`, { cause }))
    })
    server.listen(options.port, options.host, resolve)
  })
  server.on('error', (error) => log.error({ err: error }, 'plain listener'))

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
    })
  return { address: listeningAddress(server.address()), close: () => (closing ??= close()) }
}
