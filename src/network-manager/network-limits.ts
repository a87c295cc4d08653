/** How much and how long the Network Manager allows, where nothing else is said. */

export interface NetworkManagerLimits {
  /** Streams that may be open at a time under one contract. */
  readonly maxStreamsPerContract: number
  /** For a request, and for opening a stream, in milliseconds. */
  readonly callTimeoutMs: number
  /** For opening a way through relays, in milliseconds. */
  readonly relayTimeoutMs: number
  /** Between two probes of a way, in milliseconds. */
  readonly probeIntervalMs: number
  /** How long a probe may take, in milliseconds. */
  readonly probeTimeoutMs: number
  /** When to try again to listen on a local port that was taken, in milliseconds. */
  readonly portRetryMs: number
  /** Between two records of the traffic of a contract, in milliseconds. */
  readonly trafficIntervalMs: number
}

export const DEFAULT_NETWORK_LIMITS: NetworkManagerLimits = {
  maxStreamsPerContract: 1_024,
  callTimeoutMs: 30_000,
  relayTimeoutMs: 10_000,
  probeIntervalMs: 10_000,
  probeTimeoutMs: 5_000,
  portRetryMs: 5_000,
  trafficIntervalMs: 5_000,
}
