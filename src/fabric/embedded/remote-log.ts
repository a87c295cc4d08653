/** Consumer: reads the log of a pod that runs at a provider. */
import type { Channel } from '../../kernel/channel.ts'
import { deadline, type System } from '../../kernel/system.ts'
import type { Pod } from '../../objects/core/pod.ts'
import { ClusterError, type LogOptions } from '../cluster.ts'
import { logPath } from './pods-protocol.ts'

const REQUEST_LIMIT_MS = 10_000

/** @throws ClusterError `provider-unreachable` */
export async function* readRemoteLog(
  system: System,
  channel: Channel,
  contractID: string,
  pod: Pod,
  { signal, follow = false, tailLines, container }: LogOptions,
): AsyncGenerator<string> {
  const path = logPath({
    contractID,
    namespace: pod.metadata.namespace ?? 'default',
    name: pod.metadata.name,
    follow,
    ...(tailLines !== undefined && { tailLines }),
    ...(container !== undefined && { container }),
  })
  const limit = deadline(system.clock, REQUEST_LIMIT_MS, signal)
  let stream
  try {
    stream = await channel.openStream(path, limit.signal)
  } catch (error) {
    throw new ClusterError('provider-unreachable', `no log: ${(error as Error).message}`, { cause: error })
  } finally {
    limit.done()
  }
  const onAbort = (): void => void stream.destroy()
  signal?.addEventListener('abort', onAbort, { once: true })
  stream.end()
  stream.setEncoding('utf8')
  try {
    for await (const chunk of stream) yield chunk as string
  } catch (error) {
    if (signal?.aborted) return
    throw new ClusterError('provider-unreachable', `the log was cut: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stream.destroy()
  }
}
