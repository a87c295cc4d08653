/**
 * The Transport port: how a REAR request gets from one node to another.
 *
 * Implementations: `tls-transport.ts` (real) and the simulated network of the tests; one conformance suite,
 * `test/conformance/transport.ts`, runs on both. A transport authenticates the other end and moves bytes.
 * Whether that node may ask for what it asks, and what the bytes mean, is decided above.
 */
import type { Duplex } from 'node:stream'
import type { NodeId } from '../../objects/ids.ts'
import type { Turns } from './fair-turns.ts'

/** The authenticated other end of a connection. */
export interface TransportPeer {
  /** Proved by the TLS handshake. */
  readonly id: NodeId
  /** host:port that the connection comes from; not where the peer listens. */
  readonly address: string
}

export interface RearRequest {
  readonly method: string
  /** With the query; begins with `/`. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined when the request has none. */
  readonly body: Buffer | undefined
  /** The caller; undefined only on the plain listener, where nobody proves anything. */
  readonly peer: TransportPeer | undefined
  /** The address that the request comes from, without a port; undefined where it is not known. May be a getter, too. */
  readonly from?: string | undefined
  /**
   * Aborts when the caller is gone, so that nobody works for nothing. May be made when it is first read: who copies
   * a request names it, a spread may miss it.
   */
  readonly signal: AbortSignal
}

export interface RearResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Several parts belong one behind the other: sent as they are, without copying them together. */
  readonly body: Buffer | string | readonly Buffer[] | undefined
}

/** What is known of a request before its body is read. */
export type RequestHead = Pick<RearRequest, 'method' | 'path' | 'peer'>

/** What became of a head: the answer that it gets at once, or how much of its body is worth reading. */
export type Admission =
  | { readonly refusal: RearResponse }
  | {
      readonly maxBodyBytes: number
      /** The answer to a body that is larger. */
      readonly tooLarge: () => RearResponse
      /** Whether nobody vouches for the caller: all of those together get no more than one that was accepted. */
      readonly isStranger: boolean
    }

/** Answers a request. What it throws becomes a bare 500; answer with a problem document instead. */
export interface RearHandler {
  (request: RearRequest): Promise<RearResponse>
  /** Asked before a body is read; bodies up to the transport's limit are read of everybody where there is none. */
  readonly admit?: (head: RequestHead) => Admission
  /** Whether nobody vouches for the caller: all of those together have one turn. Nobody is one unless given. */
  readonly isStranger?: (peer: TransportPeer | undefined) => boolean
}

/** A byte stream that a peer opened towards us. */
export interface IncomingStream {
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly peer: TransportPeer
  /** Ends in each direction by itself (`end()`); `destroy()` resets both, and the other end sees an error. */
  readonly duplex: Duplex
}

/**
 * Takes or refuses a stream. To refuse, throw `StreamRefused` before touching the duplex. The stream is accepted
 * by the first read or write, or when the handler returns (its promise resolves), whichever comes first.
 */
export type StreamHandler = (stream: IncomingStream) => void | Promise<void>

/** Whom to talk to. */
export interface TransportTarget {
  /** host:port; an IPv6 host in brackets. */
  readonly address: string
  /** Who has to be there; when given, nothing is sent to anybody else. */
  readonly id?: NodeId
  /** Whether the address is only what somebody said: a name that resolves to this machine or its link is not dialled. */
  readonly isHearsay?: boolean
}

export interface OutgoingRequest {
  readonly method: string
  /** With the query; begins with `/`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
  /** Ends the attempt. A `TimeoutError` as its reason becomes `timeout`, any other `aborted`. */
  readonly signal: AbortSignal
}

export interface ReceivedResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Who answered, proved. */
  readonly peer: NodeId
}

export interface ListenOptions {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly handler: RearHandler
  readonly onStream: StreamHandler
  /** Shared with other listeners of the same node; its own unless given. */
  readonly turns?: Turns
}

export interface Listener {
  /** host:port, with the port that was given. */
  readonly address: string
  /** Stops accepting, lets running requests finish for a moment, then cuts everything. Idempotent. */
  close(): Promise<void>
}

export interface Transport {
  /** @throws TransportError `unreachable` when the address cannot be listened on */
  listen(options: ListenOptions): Promise<Listener>

  /**
   * Sends one request. Any HTTP status is a response, not an error.
   * @throws TransportError
   */
  request(target: TransportTarget, request: OutgoingRequest): Promise<ReceivedResponse>

  /**
   * Opens a byte stream; resolves when the other end has accepted it.
   * @param options.signal ends the opening; has no effect on a stream that is open
   * @throws StreamRefused when the other end does not want it
   * @throws TransportError
   */
  openStream(
    target: TransportTarget,
    options: {
      readonly path: string
      readonly headers?: Readonly<Record<string, string>>
      readonly signal: AbortSignal
    },
  ): Promise<Duplex>

  /** Closes all listeners, connections and streams. Idempotent. */
  close(): Promise<void>
}
