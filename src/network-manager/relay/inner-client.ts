/**
 * The consumer's end of a relayed way: TLS with the provider inside a stream that relays pass on.
 * The relays see ciphertext; a byte that they change, and an end that they feign, end the connection.
 */
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { Clock } from '../../kernel/system.ts'
import type { NodeId } from '../../objects/ids.ts'
import { type ClientSession, openSession } from '../../rear/transport/client-session.ts'
import { dial } from '../../rear/transport/dial.ts'
import type { TransportLimits } from '../../rear/transport/index.ts'
import { SESSION_PROTOCOL } from '../../rear/transport/session-protocol.ts'

/**
 * @param outer leads to the provider, through whomever; belongs to the session from now on
 * @param options.provider who has to be at the other end
 * @param options.signal ends the attempt
 * @throws TransportError `wrong-peer`, `tls`, `protocol`, `timeout`, `aborted`, `unreachable`
 */
export async function openInnerSession(
  outer: Duplex,
  options: {
    readonly context: SecureContext
    readonly provider: string
    readonly clock: Clock
    readonly limits: TransportLimits
    readonly signal: AbortSignal
  },
): Promise<ClientSession> {
  const { context, provider, clock, limits, signal } = options
  const { socket } = await dial(provider, {
    context,
    protocol: SESSION_PROTOCOL,
    expected: provider as NodeId,
    signal,
    over: outer,
  })
  return openSession(socket, { clock, limits, peer: provider, onClose: () => outer.destroy() })
}
