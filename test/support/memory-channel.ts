/**
 * A channel between two nodes of one process: requests go straight into the other side's routes, through
 * the same application that serves them on the wire. Can be cut and healed.
 */
import { type Duplex, duplexPair } from 'node:stream'
import type { Channel } from '../../src/kernel/channel.ts'
import { silentLog } from '../../src/kernel/log.ts'
import type { NodeId } from '../../src/objects/ids.ts'
import { Problem, readProblem } from '../../src/rear/problem.ts'
import { createRearApp, type Route } from '../../src/rear/route.ts'
import { bodyBytes, TransportError } from '../../src/rear/transport/index.ts'

export interface MemoryChannel extends Channel {
  /** Nothing passes any more; what is under way fails. */
  cut(): void
  heal(): void
  /** What was asked, for example `PUT /api/…`. */
  readonly requests: readonly string[]
}

export interface MemoryChannelOptions {
  /** Who asks. */
  readonly peer: NodeId
  readonly routes: readonly Route[]
  readonly onStream?: (stream: {
    readonly path: string
    readonly peer: { readonly id: NodeId; readonly address: string }
    readonly duplex: Duplex
  }) => unknown
}

export function createMemoryChannel({ peer: id, routes, onStream }: MemoryChannelOptions): MemoryChannel {
  const app = createRearApp(routes, { authorize: () => undefined, log: silentLog })
  const peer = { id, address: 'memory:0' }
  const requests: string[] = []
  let line = new AbortController()
  const cutError = (): TransportError => new TransportError('unreachable', 'the line is cut')
  return {
    requests,
    async request({ method, path, body, signal, headers = {} }) {
      requests.push(`${method} ${path}`)
      if (line.signal.aborted) throw cutError()
      const broken = AbortSignal.any([signal, line.signal])
      const failure = new Promise<never>((_, reject) => {
        broken.addEventListener('abort', () => reject(cutError()), { once: true })
      })
      const answer = app({
        method,
        path,
        headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
        peer,
        signal: broken,
      })
      const response = await Promise.race([answer, failure])
      if (response.status >= 400) {
        const { code, detail } = readProblem({ ...response, body: bodyBytes(response.body) })
        throw new Problem(code ?? 'internal-error', detail)
      }
      const text = bodyBytes(response.body).toString()
      return { status: response.status, body: text ? (JSON.parse(text) as unknown) : undefined }
    },
    async openStream(path) {
      if (line.signal.aborted) throw cutError()
      const [ours, theirs] = duplexPair()
      await onStream?.({ path, peer, duplex: theirs })
      return ours
    },
    cut() {
      line.abort()
    },
    heal() {
      if (line.signal.aborted) line = new AbortController()
    },
  }
}
