/**
 * The client side of requests: a small pool of kept HTTP/1.1 connections per peer.
 *
 * HTTP/1.1 because it was measured half as fast again as one multiplexed connection for requests of REAR's size.
 * Bulk data goes through `stream-sessions.ts`, so it cannot hold up a request.
 */
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { Pool } from 'undici'
import type { NodeId } from '../../objects/ids.ts'
import { type Clock, deadline } from '../../kernel/system.ts'
import { parseAddress } from './address.ts'
import { dial } from './dial.ts'
import type { TransportLimits } from './limits.ts'
import type { OutgoingRequest, ReceivedResponse, TransportTarget } from './transport.ts'
import { abortedBy, toTransportError, TransportError } from './transport-error.ts'

/** All connections of an entry lead to the same peer: the expected one, or else whoever was first met there. */
interface Entry {
  readonly key: string
  readonly pool: Pool
  readonly isHearsay: boolean | undefined
  peer: NodeId | undefined
  running: number
}

/** Methods that do no harm when sent twice, whatever became of the first (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export class RequestPool {
  readonly #entries = new Map<string, Entry>()
  readonly #context: SecureContext
  readonly #clock: Clock
  readonly #limits: TransportLimits
  #closed = false

  constructor(options: {
    readonly context: SecureContext
    readonly clock: Clock
    readonly limits: TransportLimits
  }) {
    this.#context = options.context
    this.#clock = options.clock
    this.#limits = options.limits
  }

  /** @throws TransportError; see `Transport.request` */
  async request(target: TransportTarget, request: OutgoingRequest): Promise<ReceivedResponse> {
    const repeated = new Set<string>()
    for (;;) {
      try {
        return await this.#attempt(target, request)
      } catch (error) {
        const why = this.#reasonToRepeat(error, target, request)
        if (why === undefined || repeated.has(why)) throw error
        repeated.add(why)
      }
    }
  }

  /** Cuts all connections. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const pools = [...this.#entries.values()].map(({ pool }) => pool)
    this.#entries.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  /** How many peers there are connections to; for tests and metrics. */
  get size(): number {
    return this.#entries.size
  }

  async #attempt(target: TransportTarget, request: OutgoingRequest): Promise<ReceivedResponse> {
    const { address } = target
    const { method, path, headers, body, signal } = request
    if (signal.aborted) throw abortedBy(signal, address)
    if (this.#closed) throw new TransportError('aborted', 'the transport is closed')
    const entry = this.#entry(target)
    entry.running++
    try {
      const response = await entry.pool.request({
        method: method,
        path,
        headers: headers ?? null,
        body: body ?? null,
        signal,
      })
      const bytes = Buffer.from(await response.body.arrayBuffer())
      return {
        status: response.statusCode,
        headers: flatten(response.headers),
        body: bytes,
        peer: entry.peer!,
      }
    } catch (error) {
      // By the time that undici reports it, the abort may look like a lost connection.
      throw signal.aborted ? abortedBy(signal, address) : toTransportError(error, address)
    } finally {
      entry.running--
    }
  }

  /**
   * A kept connection may be found closed by the other end just when it is used again, above all after the other
   * end was started anew. Then the request is repeated, once: also a POST, since REAR's messages have one effect
   * however often they arrive. So is a request that was not sent because somebody new moved in at an address where
   * no particular peer was asked for.
   */
  #reasonToRepeat(
    error: unknown,
    target: TransportTarget,
    request: OutgoingRequest,
  ): 'moved' | 'lost' | undefined {
    if (!(error instanceof TransportError) || request.signal.aborted || this.#closed) return undefined
    if (error.code === 'wrong-peer') {
      return target.id === undefined && error instanceof Moved ? 'moved' : undefined
    }
    if (error.code !== 'unreachable') return undefined
    const cause = error.cause as { code?: string; socket?: { bytesRead?: number } } | undefined
    const wasKept = cause?.code === 'UND_ERR_SOCKET' && (cause.socket?.bytesRead ?? 0) > 0
    const lost = cause?.code === 'UND_ERR_SOCKET' || cause?.code === 'ECONNRESET' || cause?.code === 'EPIPE'
    return wasKept || (lost && IDEMPOTENT.has(request.method)) ? 'lost' : undefined
  }

  #entry(target: TransportTarget): Entry {
    const key = `${target.isHearsay === true ? 'hearsay ' : ''}${target.address} ${target.id ?? ''}`
    const found = this.#entries.get(key)
    if (found) {
      // Most recently used last.
      this.#entries.delete(key)
      this.#entries.set(key, found)
      return found
    }
    this.#makeRoom()
    const { address } = target
    const { host, port } = parseAddress(address)
    const limits = this.#limits
    const entry: Entry = {
      key,
      peer: target.id,
      isHearsay: target.isHearsay,
      running: 0,
      pool: new Pool(`https://${host.includes(':') ? `[${host.replace(/%.*/, '')}]` : host}:${port}`, {
        connections: limits.connectionsPerPeer,
        pipelining: 1,
        keepAliveTimeout: limits.idleTimeoutMs,
        keepAliveMaxTimeout: limits.idleTimeoutMs,
        maxResponseSize: limits.maxResponseBytes,
        maxHeaderSize: limits.maxHeaderBytes,
        // The caller's signal decides how long an answer may take.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: (_options, done) => {
          this.#connect(entry, address).then(
            (socket) => done(null, socket),
            (error: unknown) => done(error as Error, null),
          )
        },
      }),
    }
    this.#entries.set(key, entry)
    return entry
  }

  async #connect(entry: Entry, address: string): Promise<Socket> {
    const limit = deadline(this.#clock, this.#limits.connectTimeoutMs)
    const { socket, peer } = await dial(address, {
      context: this.#context,
      protocol: 'http/1.1',
      signal: limit.signal,
      isHearsay: entry.isHearsay,
      // Checked below when it was learnt here, to tell "moved" from "impostor".
      expected: entry.key.endsWith(' ') ? undefined : entry.peer,
    }).finally(() => limit.done())
    if (entry.peer !== undefined && entry.peer !== peer) {
      socket.destroy()
      if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
      void entry.pool.close().catch(() => undefined)
      throw new Moved('wrong-peer', `${address} is ${peer}, no longer ${entry.peer}`)
    }
    entry.peer = peer
    return socket
  }

  /** Gives up the least recently used entries that nobody is using. */
  #makeRoom(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size < this.#limits.maxPools) return
      if (entry.running > 0) continue
      this.#entries.delete(key)
      void entry.pool.destroy().catch(() => undefined)
    }
  }
}

/** Another peer answers at an address where no particular one was asked for. */
class Moved extends TransportError {}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}
