/**
 * Serves REAR requests over HTTP/1.1: reads the body within its limit, asks the handler, writes its answer.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../kernel/log.ts'
import type { TransportLimits } from './limits.ts'
import { sizeOf } from './body-bytes.ts'
import { callerNames } from './caller-name.ts'
import type { Turns } from './fair-turns.ts'
import { networkOf } from './network-of.ts'
import { admitAll, problem, tooMany } from './problem.ts'
import { giveScratchBack, takeScratch } from './scratch-buffers.ts'
import { Waiting, WaitingBytes, type WaitingPeers } from './waiting-bytes.ts'
import type { RearHandler, RearRequest, RearResponse, TransportPeer } from './transport.ts'

export interface Http1Options {
  readonly handler: RearHandler
  /** What peers have waiting, over all their connections. */
  readonly waitingPeers: WaitingPeers
  readonly turns: Turns
  readonly limits: TransportLimits
  readonly log: Log
  /** Who is at the other end; a response when that is reason to refuse. Called for every request: must be fast. */
  identify(socket: Socket): { readonly peer: TransportPeer | undefined } | { readonly refusal: RearResponse }
}

/** How much of an oversized body is read and thrown away, so that its sender gets to see the 413. */
const DISCARD_FACTOR = 8
/** What it costs to decrypt a byte and hand it on, in milliseconds. */
const READING_MS_PER_BYTE = 2.5e-6
/** What each piece of a body costs besides. */
const CHUNK_MS = 0.01

/** @returns the listener to give to an HTTP or HTTPS server. */
export function http1Listener(options: Http1Options): RequestListener {
  const { handler, limits, log, turns } = options
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
    const connection = connectionOf(incoming.socket, options, identity.peer)
    const name = connection.name()
    const handle = (body: Buffer | undefined): Promise<void> | undefined => {
      if (outgoing.destroyed) return undefined
      try {
        return handler(new Http1Request(incoming, outgoing, { path, body, peer: identity.peer })).then(
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
        return undefined
      }
    }
    /** Refusals take turns, too: whoever asks again at once must not have all the time for it. */
    const inTurn = (work: () => Promise<void> | undefined): void => {
      if (turns.take(name, work, { from: networkOf(incoming.socket.remoteAddress ?? '') })) return
      outgoing.setHeader('connection', 'close')
      send(outgoing, tooMany())
    }
    const sendInTurn = (response: RearResponse): void =>
      inTurn(() => {
        send(outgoing, response)
        return undefined
      })
    if (connection.running >= limits.maxPipelined) return sendInTurn(tooMany())
    connection.running++
    outgoing.once('close', () => connection.running--)
    const length = headers['content-length'] ?? '0'
    if (length === '0' && headers['transfer-encoding'] === undefined) return inTurn(() => handle(undefined))
    const came = (bytes: number): void => turns.spent(name, CHUNK_MS + bytes * READING_MS_PER_BYTE, incoming)
    const { method = 'GET' } = incoming
    const admission = handler.admit?.({ method, path, peer: identity.peer }) ?? admitAll(limits)
    if ('refusal' in admission) {
      refuseUnread(incoming, outgoing, { most: limits.maxUnreadBytes, came })
      return sendInTurn(admission.refusal)
    }
    const { isStranger, tooLarge } = admission
    const waiting = new Waiting(connection.bytes, options.waitingPeers, { id: identity.peer?.id, isStranger })
    outgoing.once('close', () => waiting.release())
    const discard = limits.maxRequestBytes * DISCARD_FACTOR
    const maxBytes = Math.min(admission.maxBodyBytes, limits.maxRequestBytes)
    const keep = (bytes: number): boolean => waiting.keep(bytes)
    readBody(incoming, outgoing, { maxBytes, discard, keep, came }, (body) => {
      if (body === 'too-large') sendInTurn(tooLarge())
      else if (body === 'too-many') sendInTurn(tooMany())
      else inTurn(() => handle(body))
    })
  }
}

/** What one connection has us keep. */
interface Connection {
  readonly bytes: WaitingBytes
  /** Requests that are not answered yet. */
  running: number
  /** Whose turn it takes. */
  readonly name: () => string
}

const connections = new WeakMap<Socket, Connection>()

function connectionOf(
  socket: Socket,
  { handler, limits }: Http1Options,
  peer: TransportPeer | undefined,
): Connection {
  const known = connections.get(socket)
  if (known) return known
  const name = callerNames(handler, peer)
  const made = { bytes: new WaitingBytes(limits.maxWaitingBytes), running: 0, name }
  connections.set(socket, made)
  return made
}

/** What comes of the body is thrown away, so that its sender gets to see the answer, unless it is too much. */
function refuseUnread(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { most, came }: { readonly most: number; readonly came: (bytes: number) => void },
): void {
  let size = 0
  incoming.on('error', () => undefined)
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > most) incoming.destroy()
    else came(chunk.length)
  })
  if (Number(incoming.headers['content-length'] ?? 0) > most) outgoing.setHeader('connection', 'close')
}

/** A class, because objects that are made with a getter of their own are slow to make. */
class Http1Request implements RearRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
  readonly peer: TransportPeer | undefined
  readonly #incoming: IncomingMessage
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
    this.#incoming = incoming
    this.#outgoing = outgoing
  }

  get from(): string | undefined {
    return this.#incoming.socket.remoteAddress
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

interface Reading {
  /** The largest body that is kept. */
  readonly maxBytes: number
  /** How much of a larger one is read and thrown away. */
  readonly discard: number
  readonly keep: (bytes: number) => boolean
  /** Told of every piece but the first, which is paid for with the request. */
  readonly came: (bytes: number) => void
}

/** Calls `done` once, with what came; not at all when the caller is gone before the end. */
function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { maxBytes, discard, keep, came }: Reading,
  done: (body: Buffer | undefined | 'too-large' | 'too-many') => void,
): void {
  let chunks: Buffer[] = []
  let size = 0
  let refused = false
  let isFull = false
  const refuse = (): void => {
    if (refused) return
    refused = true
    chunks = []
    outgoing.setHeader('connection', 'close')
    done('too-large')
  }
  incoming.on('error', () => undefined) // the connection broke: there is nobody to answer
  incoming.on('data', (chunk: Buffer) => {
    if (size > 0) came(chunk.length)
    size += chunk.length
    if (size > discard) refuse()
    else if (size <= maxBytes && !isFull && keep(chunk.length)) chunks.push(chunk)
    else {
      isFull ||= size <= maxBytes
      chunks = []
    }
  })
  incoming.on('end', () => {
    if (refused) return
    if (size > maxBytes) done('too-large')
    else if (isFull) done('too-many')
    else done(chunks.length <= 1 ? chunks[0] : Buffer.concat(chunks, size))
  })
  // So much that nobody needs to be shown why: answered before it is read.
  if (Number(incoming.headers['content-length'] ?? 0) > discard) refuse()
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
  const length = sizeOf(body)
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
