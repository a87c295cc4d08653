/**
 * The floors of the data path, with no more than they need: a TLS server that sends what it is asked for, and the two
 * ends of a tunnel, one TLS connection for each that is accepted.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { loadMember } from '../lib/bench-domain.ts'
import { cpuMs, serve } from '../lib/worker.ts'

const BLOCK = Buffer.alloc(64 << 10, 'x')
const servers: Server[] = []
const sockets = new Set<Socket>()

async function listen(server: Server): Promise<number> {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function tlsServer(directory: string, onConnection: (socket: Socket) => void): Promise<number> {
  const { certificate: cert, privateKey: key } = (await loadMember(directory)).identity
  const options = { cert, key, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false } as const
  return listen(
    createTlsServer(options, (socket) => {
      socket.on('error', () => undefined)
      onConnection(socket)
    }),
  )
}

/** Sends as many bytes as the first line says. */
function source(socket: Socket): void {
  socket.once('data', (line: Buffer) => {
    let left = Number(line.toString())
    const send = (): void => {
      while (left > 0 && !socket.destroyed) {
        const size = Math.min(left, BLOCK.length)
        left -= size
        if (!socket.write(size === BLOCK.length ? BLOCK : BLOCK.subarray(0, size))) {
          socket.once('drain', send)
          return
        }
      }
    }
    send()
  })
}

function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
}

/** What may be asked of it. @returns each a port */
export const tlsEndsMethods = {
  cpuMs,

  /** Serves the bytes over TLS. */
  source: ({ directory }: { directory: string }) => tlsServer(directory, source),

  /** Serves them without. */
  plain: () => listen(createServer({ noDelay: true }, source)),

  /** The far end of a tunnel: TLS in, `port` out. */
  far: ({ directory, port }: { directory: string; port: number }) =>
    tlsServer(directory, (socket) => join(socket, connect({ host: '127.0.0.1', port, noDelay: true }))),

  /** The near end of a tunnel: anything in, TLS to `port` out. */
  async near({ directory, port }: { directory: string; port: number }) {
    const { certificate: cert, privateKey: key } = (await loadMember(directory)).identity
    const options = {
      host: '127.0.0.1',
      port,
      cert,
      key,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
    } as const
    return listen(createServer({ noDelay: true }, (socket) => join(socket, connectTls(options))))
  },
}

serve(tlsEndsMethods, async () => {
  for (const server of servers) server.close()
  for (const socket of sockets) socket.destroy()
})
