/**
 * Establishes one authenticated TLS connection to a peer, within a deadline.
 */
import { isIP } from 'node:net'
import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import type { NodeId } from '../../objects/ids.ts'
import type { Clock } from '../../kernel/system.ts'
import { parseAddress } from './address.ts'
import { peerOf } from './peer-certificate.ts'
import { toTransportError, TransportError } from './transport-error.ts'

export interface DialOptions {
  readonly context: SecureContext
  readonly clock: Clock
  readonly timeoutMs: number
  readonly protocol: 'h2' | 'http/1.1'
  /** Who has to be there; anybody when undefined. */
  readonly expected: NodeId | undefined
}

export interface Dialled {
  readonly socket: TLSSocket
  readonly peer: NodeId
}

/**
 * @param address host:port
 * @throws TransportError `unreachable`, `timeout`, `tls`, `wrong-peer`, `protocol`
 */
export function dial(address: string, options: DialOptions): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const { host, port } = parseAddress(address)
    const socket = connect({
      host,
      port,
      // Routers that sort TLS connections by name need one; an address is not a name.
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: options.context,
      ALPNProtocols: [options.protocol],
      // There is no authority that could vouch for the key: `peerOf` and `expected` take its place.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    const timer = options.clock.after(options.timeoutMs, () => {
      fail(new TransportError('timeout', `no connection with ${address} within ${options.timeoutMs} ms`))
    })
    const fail = (error: unknown): void => {
      timer.cancel()
      socket.destroy()
      reject(toTransportError(error, address))
    }
    const onClose = (): void => fail(new TransportError('unreachable', `${address} closed the connection`))
    // Stays for good: a late error on a socket nobody listens to would end the process.
    socket.on('error', fail)
    socket.once('close', onClose)
    socket.once('secureConnect', () => {
      const found = peerOf(socket)
      if (!found.peer)
        return fail(new TransportError('wrong-peer', `${address} proves no identity: ${found.reason}`))
      const { id } = found.peer
      if (options.expected !== undefined && id !== options.expected) {
        return fail(new TransportError('wrong-peer', `${address} is ${id}, not ${options.expected}`))
      }
      if (options.protocol === 'h2' && socket.alpnProtocol !== 'h2') {
        return fail(new TransportError('protocol', `${address} does not speak HTTP/2`))
      }
      timer.cancel()
      socket.off('close', onClose)
      resolve({ socket, peer: id })
    })
  })
}
