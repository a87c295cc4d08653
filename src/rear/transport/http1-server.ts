/**
 * Serves REAR requests over HTTP/1.1: reads the body within its limit, asks the handler, writes its answer.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { TransportLimits } from './limits.ts'
import { problem } from './problem.ts'
import { giveScratchBack, takeScratch } from './scratch-buffers.ts'
import type { RearHandler, RearRequest, RearResponse, TransportPeer } from './transport.ts'

export interface Http1Options {
  readonly handler: RearHandler
  readonly limits: TransportLimits
  readonly log: Log
  /** Who is at the other end; a response when that is reason to refuse. Called for every request: must be fast. */
  identify(socket: Socket): { readonly peer: TransportPeer | undefined } | { readonly refusal: RearResponse }
}

/** How much of an oversized body is read and thrown away, so that its sender gets to see the 413. */
const DISCARD_FACTOR = 8

/** @returns the listener to give to an HTTP or HTTPS server. */
export function http1Listener(options: Http1Options): RequestListener {
  const { handler, limits, log } = options
  const failed = (incoming: IncomingMessage, outgoing: ServerResponse, error: unknown): void => {
    log.error({ err: error, method: incoming.method, path: incoming.url }, 'request handler failed')
    send(outgoing, problem(500, 'internal', 'the node failed to answer'))
  }
  // Callbacks and not `async`: this is the hottest path of the program, and each turn of promises shows.
  return (incoming, outgoing) => {
    const identity = options.identify(incoming.socket)
    if ('refusal' in identity) return send(outgoing, identity.refusal)
    const { headers, url: path = '/' } = incoming
    if (!path.startsWith('/')) {
      return send(outgoing, problem(400, 'bad-path', 'the request target must be a path'))
    }
    const handle = (body: Buffer | undefined): void => {
      try {
        handler(new Http1Request(incoming, outgoing, { path, body, peer: identity.peer })).then(
          (response) => {
            try {
              send(outgoing, response)
            } catch (error) {
              // A header or status that HTTP does not allow.
              failed(incoming, outgoing, error)
            }
          },
          (error: unknown) => failed(incoming, outgoing, error),
        )
      } catch (error) {
        failed(incoming, outgoing, error)
      }
    }
    const length = headers['content-length'] ?? '0'
    if (length === '0' && headers['transfer-encoding'] === undefined) return handle(undefined)
    readBody(incoming, outgoing, limits.maxRequestBytes, (body) => {
      if (body !== 'too-large') return handle(body)
      const detail = `a request body may have ${limits.maxRequestBytes} bytes at most`
      send(outgoing, problem(413, 'too-large', detail))
    })
  }
}

/** A class, because objects that are made with a getter of their own are slow to make. */
class Http1Request implements RearRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
  readonly peer: TransportPeer | undefined
  readonly #outgoing: ServerResponse
  #gone: AbortController | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    rest: Pick<RearRequest, 'path' | 'body' | 'peer'>,
  ) {
    this.method = incoming.method ?? 'GET'
    this.path = rest.path
    // Node joins repeated headers; the one exception, Set-Cookie, has no place in a request.
    this.headers = incoming.headers as Record<string, string>
    this.body = rest.body
    this.peer = rest.peer
    this.#outgoing = outgoing
  }

  /** Most handlers never ask. */
  get signal(): AbortSignal {
    if (this.#gone) return this.#gone.signal
    const outgoing = this.#outgoing
    const controller = (this.#gone = new AbortController())
    const onClose = (): void => {
      if (!outgoing.writableFinished) controller.abort(new DOMException('the caller is gone', 'AbortError'))
    }
    if (outgoing.closed || outgoing.destroyed) onClose()
    else outgoing.once('close', onClose)
    return controller.signal
  }
}

/** Calls `done` once, with what came; not at all when the caller is gone before the end. */
function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  limit: number,
  done: (body: Buffer | undefined | 'too-large') => void,
): void {
  let chunks: Buffer[] = []
  let size = 0
  let refused = false
  const refuse = (): void => {
    if (refused) return
    refused = true
    chunks = []
    outgoing.setHeader('connection', 'close')
    done('too-large')
  }
  incoming.on('error', () => undefined) // the connection broke: there is nobody to answer
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else if (size > limit * DISCARD_FACTOR) refuse()
    else chunks = []
  })
  incoming.on('end', () => {
    if (refused) return
    if (size > limit) done('too-large')
    else done(chunks.length <= 1 ? chunks[0] : Buffer.concat(chunks, size))
  })
  // So much that nobody needs to be shown why: answered before it is read.
  if (Number(incoming.headers['content-length'] ?? 0) > limit * DISCARD_FACTOR) refuse()
}

/** Does nothing when the caller is gone. @throws when the handler's answer is not one that HTTP allows */
function send(outgoing: ServerResponse, response: RearResponse): void {
  if (outgoing.destroyed || outgoing.headersSent) return
  const { status, headers, body } = response
  const head: string[] = []
  for (const name of Object.keys(headers)) head.push(name, headers[name]!)
  if (body === undefined) {
    if (status !== 204 && status !== 304) head.push('content-length', '0')
    outgoing.writeHead(status, head)
    outgoing.end()
    return
  }
  const length = lengthOf(body)
  head.push('content-length', String(length))
  outgoing.writeHead(status, head)
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    outgoing.end(body)
    return
  }
  // One write for all parts: each has its price.
  const whole = takeScratch(length)
  let end = 0
  for (const part of body) {
    whole.set(part, end)
    end += part.length
  }
  outgoing.end(whole.subarray(0, length), () => giveScratchBack(whole))
}

function lengthOf(body: NonNullable<RearResponse['body']>): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return Buffer.isBuffer(body) ? body.length : body.reduce((sum, { length }) => sum + length, 0)
}
