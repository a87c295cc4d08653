/**
 * The opening end of a session: streams and requests over one authenticated connection, multiplexed.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../../kernel/system.ts'
import { Mux } from '../mux/mux.ts'
import type { MuxStream } from '../mux/mux-stream.ts'
import type { TransportLimits } from './limits.ts'
import { type Answer, type Opening, readAnswer } from './session-protocol.ts'
import { StreamRefused } from './stream-refused.ts'
import type { OutgoingRequest, ReceivedResponse, Transport } from './transport.ts'
import { abortedBy, TransportError } from './transport-error.ts'

export interface ClientSession {
  /** Whether new requests and streams are taken. */
  readonly usable: boolean
  /** See `Transport.request`. @throws TransportError */
  request(request: OutgoingRequest): Promise<Omit<ReceivedResponse, 'peer'>>
  /** See `Transport.openStream`. @throws StreamRefused, TransportError (`StreamNotTaken`) */
  openStream(options: Parameters<Transport['openStream']>[1]): Promise<Duplex>
  /** Cuts everything; idempotent. */
  close(): void
}

/**
 * @param socket to a node known to be the right one; belongs to the session from now on
 * @param options.peer whom to name in errors
 * @param options.onClose told once, when the session is over
 */
export function openSession(
  socket: Duplex,
  options: {
    readonly clock: Clock
    readonly limits: TransportLimits
    readonly peer: string
    readonly onClose: () => void
  },
): ClientSession {
  const { clock, limits, peer, onClose } = options
  const mux = new Mux(socket, {
    clock,
    peer,
    maxStreams: limits.maxStreamsPerConnection,
    pingIntervalMs: limits.pingIntervalMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    onClose,
  })

  /** @throws whatever ended it first */
  async function begin<T>(
    opening: Opening,
    signal: AbortSignal,
    use: (stream: MuxStream, answered: Promise<Answer>) => Promise<T>,
  ): Promise<T> {
    if (signal.aborted) throw abortedBy(signal, peer)
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const stream = mux.open(opening, (head) => {
      const answer = readAnswer(head)
      if (answer) resolve(answer)
      else reject(new TransportError('protocol', `${peer} sent a malformed response`))
    })
    const onAbort = (): void => void stream.destroy(abortedBy(signal, peer))
    const onClose = (): void =>
      reject(stream.errored ?? new TransportError('unreachable', `${peer} closed the stream`))
    signal.addEventListener('abort', onAbort, { once: true })
    stream.once('close', onClose)
    try {
      return await use(stream, promise)
    } catch (error) {
      stream.destroy()
      throw signal.aborted ? abortedBy(signal, peer) : error
    } finally {
      // A stream that is open outlives the signal that opened it.
      signal.removeEventListener('abort', onAbort)
      stream.off('close', onClose)
    }
  }

  return {
    get usable() {
      return mux.usable
    },
    close: () => mux.close(),
    request({ method, path, headers = {}, body, signal }) {
      return begin({ kind: 'request', method, path, headers }, signal, async (stream, answered) => {
        stream.end(body)
        const answer = await answered
        return {
          status: answer.status,
          headers: answer.headers,
          body: await readBody(stream, limits.maxResponseBytes, peer),
        }
      })
    },
    openStream({ path, headers = {}, signal }) {
      return begin({ kind: 'stream', path, headers }, signal, async (stream, answered) => {
        const { status, detail } = await answered
        if (status !== 200) throw new StreamRefused(status, detail ?? 'refused')
        return stream
      })
    },
  }
}

async function readBody(stream: Duplex, maxBytes: number, peer: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new TransportError('too-large', `the answer of ${peer} is too large`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
