/**
 * Provider side: leads the streams of a contract's buyer to the ports of the pods that run under it.
 */
import type { Cluster } from '../fabric/cluster.ts'
import type { Log } from '../kernel/log.ts'
import { deadline, type System } from '../kernel/system.ts'
import { parseContractId } from '../objects/ids.ts'
import { type IncomingStream, StreamRefused } from '../rear/transport/index.ts'
import { connectLocal } from './connect-local.ts'
import type { StreamRegistry } from './stream-registry.ts'
import type { PodPort } from './stream-paths.ts'

export interface PodStreamsOptions {
  readonly system: System
  readonly log: Log
  readonly streams: StreamRegistry
  /** The node that may use the slice sold under a contract; undefined when there is no such contract. */
  readonly userOf: (contractID: string) => string | undefined
  /** Where the declared ports of a pod that runs here under a contract are reached. */
  readonly endpoints: Cluster['endpoints']
}

const CONNECT_TIMEOUT_MS = 5_000

/** @throws StreamRefused 403, 404, 429, 502 */
export type ServePodStream = (stream: IncomingStream, to: PodPort) => Promise<void>

export function createPodStreams(options: PodStreamsOptions): ServePodStream {
  const { streams, log } = options
  return async ({ peer, duplex }, to) => {
    const contractID = knownContract(to.contractID, peer.id, options.userOf)
    const { namespace, pod, port } = to
    const endpoint = options
      .endpoints({ contractID, namespace, name: pod })
      .find(({ containerPort }) => containerPort === port)
    if (!endpoint)
      throw new StreamRefused(404, `no pod ${namespace}/${pod} with a declared port ${port} runs here`)
    const carried = streams.begin(contractID)
    if (!carried) throw new StreamRefused(429, 'too many streams are open under this contract')
    const limit = deadline(options.system.clock, CONNECT_TIMEOUT_MS, carried.signal)
    try {
      const socket = await connectLocal(endpoint, limit.signal)
      carried
        .carry(socket, duplex)
        .catch((error: unknown) => log.debug({ err: error, contractID, pod, port }, 'stream cut'))
        .finally(() => carried.end())
    } catch (cause) {
      carried.end()
      const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name
      throw new StreamRefused(502, `port ${port} of pod ${namespace}/${pod} does not answer (${why})`, {
        cause,
      })
    } finally {
      limit.done()
    }
  }
}

/**
 * @returns the id, known to be of a contract under which `caller` may use a slice of ours
 * @throws StreamRefused 403, 404
 */
export function knownContract(
  id: string,
  caller: string,
  userOf: (contractID: string) => string | undefined,
): string {
  let contractID: string
  try {
    contractID = parseContractId(id)
  } catch (cause) {
    throw new StreamRefused(404, 'no such contract', { cause })
  }
  const user = userOf(contractID)
  if (user === undefined) throw new StreamRefused(404, `contract ${contractID} is not in force here`)
  if (user !== caller) throw new StreamRefused(403, 'only the buyer may reach what runs under a contract')
  return contractID
}
