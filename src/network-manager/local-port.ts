/**
 * One listening TCP port on this machine that leads into a tunnel.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type LocalPortErrorCode = 'taken' | 'forbidden' | 'unavailable'

/** Why a port cannot be listened on. */
export class LocalPortError extends Error {
  override readonly name = 'LocalPortError'
  readonly code: LocalPortErrorCode

  constructor(code: LocalPortErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface LocalPort {
  readonly address: string
  readonly port: number
  /** Stops accepting and frees the port; what was accepted goes on. Idempotent. */
  close(): Promise<void>
}

/**
 * @param port 0 for any free one
 * @param onConnection owns each accepted socket; both of its directions end by themselves
 * @throws LocalPortError
 */
export function openLocalPort(
  host: string,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<LocalPort> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, onConnection)
    server.once('error', (cause: NodeJS.ErrnoException) => reject(asLocalPortError(cause, host, port)))
    server.listen({ host, port, exclusive: true }, () => {
      const { address, port: bound } = server.address() as AddressInfo
      // Errors of a server that listens concern single connections (no file descriptor left, for one).
      server.removeAllListeners('error')
      server.on('error', () => undefined)
      resolve({ address, port: bound, close: () => close(server) })
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve()
    // Not its callback: that waits for the accepted connections too. The port is free at once.
    server.close()
    resolve()
  })
}

function asLocalPortError(cause: NodeJS.ErrnoException, host: string, port: number): LocalPortError {
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  if (cause.code === 'EADDRINUSE') return new LocalPortError('taken', `${where} is taken`, { cause })
  if (cause.code === 'EACCES') return new LocalPortError('forbidden', `may not listen on ${where}`, { cause })
  return new LocalPortError('unavailable', `cannot listen on ${where}: ${cause.message}`, { cause })
}
