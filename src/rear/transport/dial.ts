/**
 * Establishes one authenticated TLS connection to a peer, over TCP or inside a stream that leads there.
 */
import { lookup, type LookupOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls'
import type { NodeId } from '../../objects/ids.ts'
import { parseAddress } from './address.ts'
import { isInternal } from './internal-address.ts'
import { peerOf } from './peer-certificate.ts'
import type { SESSION_PROTOCOL } from './session-protocol.ts'
import { abortedBy, toTransportError, TransportError } from './transport-error.ts'

export interface DialOptions {
  readonly context: SecureContext
  readonly protocol: typeof SESSION_PROTOCOL | 'http/1.1'
  /** Who has to be there; anybody when undefined. */
  readonly expected: NodeId | undefined
  /** Ends the attempt. */
  readonly signal: AbortSignal
  /** See `TransportTarget`. */
  readonly isHearsay?: boolean | undefined
  /** Leads to the peer, instead of a connection to its address. */
  readonly over?: Duplex
}

export interface Dialled {
  readonly socket: TLSSocket
  readonly peer: NodeId
}

/**
 * @param address host:port; only a name for errors when there is a stream that leads there
 * @throws TransportError `unreachable`, `timeout`, `tls`, `wrong-peer`, `protocol`, `aborted`
 */
export function dial(address: string, options: DialOptions): Promise<Dialled> {
  const { expected, protocol, signal, over } = options
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw abortedBy(signal, address)
    const socket = connect({
      ...(over ? { socket: over } : endpointOf(address)),
      ...(options.isHearsay === true && { lookup: lookupOutside }),
      secureContext: options.context,
      ALPNProtocols: [protocol],
      // There is no authority that could vouch for the key: `peerOf` and `expected` take its place.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    if (!over) {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 30_000)
    }
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      over?.destroy()
      reject(toTransportError(error, address))
    }
    const onAbort = (): void => fail(abortedBy(signal, address))
    const onClose = (): void => fail(new TransportError('unreachable', `${address} closed the connection`))
    signal.addEventListener('abort', onAbort, { once: true })
    // These stay for good: a late error on a socket nobody listens to would end the process.
    socket.on('error', fail)
    over?.on('error', fail)
    socket.once('close', onClose)
    // TLS over a stream does not notice by itself that the stream is gone.
    over?.once('end', () => socket.destroy())
    over?.once('close', () => socket.destroy())
    socket.once('secureConnect', () => {
      const found = peerOf(socket)
      if (!found.peer)
        return fail(new TransportError('wrong-peer', `${address} proves no identity: ${found.reason}`))
      const { id } = found.peer
      if (expected !== undefined && id !== expected) {
        return fail(new TransportError('wrong-peer', `${address} is ${id}, not ${expected}`))
      }
      if (protocol !== 'http/1.1' && socket.alpnProtocol !== protocol) {
        return fail(new TransportError('protocol', `${address} does not speak ${protocol}`))
      }
      signal.removeEventListener('abort', onAbort)
      socket.off('close', onClose)
      resolve({ socket, peer: id })
    })
  })
}

/** Resolves a name, and refuses to know where it is when that is here. */
const lookupOutside: LookupFunction = (host, options: LookupOptions, callback) => {
  lookup(host, options, (error, found, family) => {
    const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address)
    if (error === null && addresses.some(isInternal))
      error = Object.assign(new Error(`${host} is an address of this machine or its link`), {
        code: 'EACCES',
      })
    callback(error, found as never, family)
  })
}

function endpointOf(address: string): ConnectionOptions {
  const { host, port } = parseAddress(address)
  // Routers that sort TLS connections by name need one; an address is not a name.
  return { host, port, ...(isIP(host) === 0 && { servername: host }) }
}
