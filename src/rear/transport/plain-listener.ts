/**
 * Plain HTTP/1.1 for upstream Go nodes, which speak nothing else. Nobody is authenticated here: `peer` is undefined,
 * and the handler must give out nothing that needs a caller. Off unless the operator configures it.
 */
import { createServer } from 'node:http'
import type { Log } from '../../kernel/log.ts'
import type { System } from '../../kernel/system.ts'
import { FairTurns, type Turns } from './fair-turns.ts'
import { http1Listener } from './http1-server.ts'
import { DEFAULT_LIMITS, type TransportLimits } from './limits.ts'
import { listen, serverOptions } from './listen.ts'
import { WaitingPeers } from './waiting-bytes.ts'
import type { Listener, RearHandler } from './transport.ts'

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
  /** Shared with other listeners of the same node. */
  readonly turns?: Turns
}): Promise<Listener> {
  const log = options.log.child({ component: 'plain-listener' })
  const limits: TransportLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const waitingPeers = new WaitingPeers(limits.maxWaitingBytesOfPeer)
  const server = createServer(
    serverOptions(limits),
    http1Listener({
      handler: options.handler,
      waitingPeers,
      turns: options.turns ?? new FairTurns(options.system.clock),
      limits,
      log,
      identify: () => ({ peer: undefined }),
    }),
  )
  return listen(server, { ...options, limits, clock: options.system.clock, log })
}
