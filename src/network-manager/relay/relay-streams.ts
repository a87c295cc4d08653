/**
 * Takes the streams that come through relays: a relay passes them on, the provider serves what is inside.
 *
 * Each hop knows only its neighbours, and has its own contract with each of them. What passes is sealed
 * between the two ends, so a hop can hold it up or cut it, but neither read nor change it unnoticed.
 */
import type { Log } from '../../kernel/log.ts'
import { type Clock, deadline } from '../../kernel/system.ts'
import type { NodeId } from '../../objects/ids.ts'
import type { VirtualRouter } from '../../objects/virtual-router.ts'
import { Problem, problemResponse } from '../../rear/problem.ts'
import {
  admitAll,
  type Admission,
  FairTurns,
  type IncomingStream,
  type RearHandler,
  type RearRequest,
  type RequestHead,
  type StreamHandler,
  StreamRefused,
  type Transport,
  type TransportIdentity,
  type TransportLimits,
  type TransportPeer,
  WaitingPeers,
} from '../../rear/transport/index.ts'
import type { StreamRegistry } from '../stream-registry.ts'
import type { RouterIndex } from '../router-index.ts'
import { relayPath, underContract } from '../stream-paths.ts'
import { serveInner } from './inner-server.ts'

export interface RelayStreamsOptions {
  readonly transport: Transport
  readonly identity: TransportIdentity | undefined
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly log: Log
  readonly routers: RouterIndex
  readonly streams: StreamRegistry
  /** The node that may use the slice sold under a contract. */
  readonly userOf: (contractID: string) => string | undefined
  /** Who serves what comes out at the provider; undefined until the node is complete. */
  readonly inner: () => { readonly handler: RearHandler; readonly onStream: StreamHandler } | undefined
  /** Told how the last attempt to reach the next hop ended. */
  readonly onNextHop: (contractID: string, failure: string | undefined) => void
  /** For reaching the next hop and all behind it, in milliseconds. */
  readonly timeoutMs: number
}

/** @throws StreamRefused 403, 404, 429, 502, 503 */
export type ServeRelayStream = (stream: IncomingStream, contractID: string) => Promise<void>

export function createRelayStreams(options: RelayStreamsOptions): ServeRelayStream {
  const { routers, streams, log } = options
  const waitingPeers = new WaitingPeers(options.limits.maxWaitingBytesOfPeer)
  const turns = new FairTurns(options.clock)

  async function passOn(stream: IncomingStream, router: VirtualRouter): Promise<void> {
    const { contractID, next } = router.spec
    if (!next) throw new StreamRefused(503, 'the way onwards is not known yet')
    const carried = streams.begin(contractID)
    if (!carried) throw new StreamRefused(429, 'too many streams are open under this contract')
    const limit = deadline(options.clock, options.timeoutMs, carried.signal)
    try {
      const onwards = await options.transport.openStream(
        { address: next.address, id: next.nodeID as NodeId },
        { path: relayPath(next.contractID), signal: limit.signal },
      )
      options.onNextHop(contractID, undefined)
      carried
        .carry(onwards, stream.duplex)
        .catch((error: unknown) => log.debug({ err: error, contractID }, 'relayed stream cut'))
        .finally(() => carried.end())
    } catch (cause) {
      carried.end()
      options.onNextHop(contractID, (cause as Error).message)
      throw new StreamRefused(502, `the next hop cannot be reached: ${publicReason(cause)}`, { cause })
    } finally {
      limit.done()
    }
  }

  function terminate(stream: IncomingStream, router: VirtualRouter): void {
    const contractID = router.spec.contractID
    const { identity } = options
    const serving = options.inner()
    if (!identity || !serving) throw new StreamRefused(503, 'this node cannot end relayed streams')
    const user = options.userOf(contractID)
    if (user === undefined) throw new StreamRefused(404, `contract ${contractID} is not in force here`)
    const carried = streams.begin(contractID)
    if (!carried) throw new StreamRefused(429, 'too many streams are open under this contract')
    const { duplex, peer: buyer } = stream
    const cut = (): void => void duplex.destroy(new Error('the contract ended'))
    carried.signal.addEventListener('abort', cut, { once: true })
    duplex.once('close', () => carried.end())
    // Where the contract names no other user than the buyer, the buyer may let through whom it likes, and
    // answers for it; where it names one, nobody else gets in, not even the buyer.
    const attributed = (inner: TransportPeer): TransportPeer => (user === buyer.id ? buyer : inner)
    serveInner(duplex, {
      identity,
      clock: options.clock,
      limits: options.limits,
      log,
      refuse: (inner) =>
        user === buyer.id || inner.id === user ? undefined : `${inner.id} may not use contract ${contractID}`,
      waitingPeers,
      turns,
      handler: Object.assign(
        (request: RearRequest) => {
          const path = underContract(request.path, contractID)
          if (path === undefined) return Promise.resolve(problemResponse(notBelow()))
          return serving.handler({ ...request, path, peer: request.peer && attributed(request.peer) })
        },
        {
          admit: ({ method, path: asked, peer }: RequestHead): Admission => {
            const path = underContract(asked, contractID)
            if (path === undefined) return { refusal: problemResponse(notBelow()) }
            const head = { method, path, peer: peer && attributed(peer) }
            return serving.handler.admit?.(head) ?? admitAll(options.limits)
          },
        },
      ),
      onStream: (inner) => {
        const path = underContract(inner.path, contractID)
        if (path === undefined)
          throw new StreamRefused(404, 'only what is below the contract can be reached this way')
        return serving.onStream({ ...inner, path, peer: attributed(inner.peer) })
      },
    })
  }

  return async (stream, contractID) => {
    const router = routers.of(contractID)
    if (!router || router.spec.role === 'consumer')
      throw new StreamRefused(404, 'nothing is relayed under this contract')
    if (router.spec.peer.nodeID !== stream.peer.id) {
      throw new StreamRefused(403, 'caller is not a party to the contract')
    }
    if (router.spec.role === 'relay') await passOn(stream, router)
    else terminate(stream, router)
  }
}

function notBelow(): Problem {
  return new Problem('route-not-found', 'only what is below the contract can be reached this way')
}

/** What was told to us by the hop behind is for the hop before, too; our own troubles are not. */
function publicReason(error: unknown): string {
  return error instanceof StreamRefused ? error.message : 'no answer'
}
