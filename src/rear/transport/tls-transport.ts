/**
 * The real transport: TLS 1.3 with a certificate on both sides, HTTP/1.1 for requests, sessions for streams.
 */
import type { Log } from '../../kernel/log.ts'
import type { System } from '../../kernel/system.ts'
import { DEFAULT_LIMITS, type TransportLimits } from './limits.ts'
import { RequestPool } from './request-pool.ts'
import { StreamSessions } from './stream-sessions.ts'
import { tlsContext, type TransportIdentity } from './tls-context.ts'
import { listenTls } from './tls-listener.ts'
import type { Listener, Transport } from './transport.ts'

/**
 * @param options.identity the node's certificate and key, used towards callers and when calling
 * @param options.limits what differs from `DEFAULT_LIMITS`
 */
export function createTlsTransport(options: {
  readonly identity: TransportIdentity
  readonly system: System
  readonly log: Log
  readonly limits?: Partial<TransportLimits>
}): Transport {
  const { identity, system } = options
  const log = options.log.child({ component: 'transport' })
  const limits: TransportLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const parts = { context: tlsContext(identity), clock: system.clock, limits }
  const requests = new RequestPool(parts)
  const streams = new StreamSessions(parts)
  const listeners = new Set<Listener>()
  let closing: Promise<void> | undefined

  const close = async (): Promise<void> => {
    streams.close()
    await Promise.all([requests.close(), ...[...listeners].map((listener) => listener.close())])
  }
  return {
    async listen(listenOptions) {
      const listener = await listenTls(listenOptions, { identity, system, limits, log })
      listeners.add(listener)
      return {
        address: listener.address,
        close: () => {
          listeners.delete(listener)
          return listener.close()
        },
      }
    },
    request: (target, request) => requests.request(target, request),
    openStream: (target, streamOptions) => streams.open(target, streamOptions),
    close: () => (closing ??= close()),
  }
}
