/**
 * What one peer may cost us. Every number has a default that suits a supernode; tests make them small.
 */
export interface TransportLimits {
  /** Largest request body, in bytes; a larger one gets 413. */
  readonly maxRequestBytes: number
  /**
   * What all requests of one connection may have together that are not answered, or whose answer is not read yet: heads,
   * bodies and answers, in bytes; more get 429.
   */
  readonly maxWaitingBytes: number
  /** The same for all connections of one peer; all that nobody vouches for count as one. */
  readonly maxWaitingBytesOfPeer: number
  /** How much of a body is read and thrown away, when its head was refused, so that its sender sees why; in bytes. */
  readonly maxUnreadBytes: number
  /** Largest answer that a client reads, in bytes. */
  readonly maxResponseBytes: number
  /** Largest header section, in bytes. */
  readonly maxHeaderBytes: number
  /** Time from connect to the end of the TLS handshake, for callers. Milliseconds, as all below. */
  readonly handshakeTimeoutMs: number
  /** Time for the headers of a request to arrive. */
  readonly headersTimeoutMs: number
  /** Time for a whole request to arrive. */
  readonly requestTimeoutMs: number
  /** Time to establish a connection, TLS included. */
  readonly connectTimeoutMs: number
  /** An unused connection is closed after this time. */
  readonly idleTimeoutMs: number
  /** How often the other end of open streams is asked whether it lives; two missed answers end the connection. */
  readonly pingIntervalMs: number
  /** How long running requests may go on after `close`. */
  readonly closeGraceMs: number
  /** Open connections of a listener. */
  readonly maxConnections: number
  /** The same of one peer; all that nobody vouches for count as one. */
  readonly maxConnectionsOfPeer: number
  /** Connections that a client opens to one peer for requests; more requests wait. */
  readonly connectionsPerPeer: number
  /** Peers to which a client keeps idle connections. */
  readonly maxPools: number
  /** Open streams of one connection. */
  readonly maxStreamsPerConnection: number
  /** Requests at a time on one connection of somebody for whom nobody vouches. */
  readonly maxRequestsOfStranger: number
  /** Requests that one HTTP/1.1 connection may have begun before the first is answered (pipelining). */
  readonly maxPipelined: number
}

export const DEFAULT_LIMITS: TransportLimits = {
  maxRequestBytes: 1 << 20,
  maxWaitingBytes: 2 << 20,
  maxWaitingBytesOfPeer: 8 << 20,
  maxUnreadBytes: 2 << 20,
  maxResponseBytes: 16 << 20,
  maxHeaderBytes: 16 << 10,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  pingIntervalMs: 15_000,
  closeGraceMs: 1_000,
  maxConnections: 10_000,
  maxConnectionsOfPeer: 1_024,
  connectionsPerPeer: 16,
  maxPools: 1_024,
  maxStreamsPerConnection: 1_024,
  maxRequestsOfStranger: 16,
  maxPipelined: 16,
}

/** Listeners keep an idle connection this much longer than callers do (milliseconds), so that it is callers who close. */
export const LISTENER_PATIENCE_MS = 5_000
