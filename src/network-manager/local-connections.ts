/**
 * Consumer side: carries connections that were accepted on local ports to the pods they are meant for.
 */
import type { Socket } from 'node:net'
import type { Channel } from '../kernel/channel.ts'
import type { Log } from '../kernel/log.ts'
import type { StreamRegistry } from './stream-registry.ts'
import { reset } from './splice.ts'
import { type PodPort, podStreamPath } from './stream-paths.ts'

export interface LocalConnectionsOptions {
  readonly log: Log
  readonly streams: StreamRegistry
  readonly channelFor: (contractID: string) => Channel | undefined
  /** Whether the operator has rejected the other side of a contract. */
  readonly isRejected: (contractID: string) => boolean
}

/** @returns what takes each accepted socket; a failure ends that connection only, as a reset */
export function createLocalConnections(
  options: LocalConnectionsOptions,
): (socket: Socket, to: PodPort) => void {
  const { streams, log } = options
  return (socket, to) => {
    const { contractID } = to
    // A client that goes away while the way is being opened must not end the process.
    socket.on('error', () => undefined)
    const carried = streams.begin(contractID)
    if (!carried) {
      log.debug({ contractID }, 'connection refused: too many streams are open under this contract')
      reset(socket, new Error('too many streams'))
      return
    }
    const gone = new AbortController()
    const onClose = (): void => gone.abort(new DOMException('the client is gone', 'AbortError'))
    socket.once('close', onClose)
    const carry = async (): Promise<void> => {
      const channel = options.channelFor(contractID)
      if (options.isRejected(contractID)) throw new Error('the provider was rejected by the operator')
      if (!channel) throw new Error('no route to the provider')
      const signal = AbortSignal.any([carried.signal, gone.signal])
      const stream = await channel.openStream(podStreamPath(to), signal)
      socket.off('close', onClose)
      await carried.carry(socket, stream)
    }
    carry()
      .catch((error: unknown) => {
        log.debug({ err: error, contractID, pod: to.pod, port: to.port }, 'connection cut')
        reset(socket, error as Error)
      })
      .finally(() => carried.end())
  }
}
