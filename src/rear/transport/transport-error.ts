/**
 * The error family of transports: what went wrong between two nodes, before any REAR meaning.
 */

/**
 * - `unreachable`: nobody there, or the connection was lost
 * - `timeout`: not in the given time
 * - `wrong-peer`: somebody else is there, or somebody who does not prove who he is
 * - `tls`: the handshake failed; often the other end speaks no TLS
 * - `protocol`: it answers, but not in the protocol that was agreed on
 * - `too-large`: the answer exceeds the limit
 * - `aborted`: the caller gave up, or the peer reset the stream
 */
export type TransportErrorCode =
  'unreachable' | 'timeout' | 'wrong-peer' | 'tls' | 'protocol' | 'too-large' | 'aborted'

export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly code: TransportErrorCode

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** @returns whether `error` is a `TransportError` with one of the codes. */
export function isTransportError(
  error: unknown,
  ...codes: readonly TransportErrorCode[]
): error is TransportError {
  return error instanceof TransportError && (codes.length === 0 || codes.includes(error.code))
}

/** Why a signal ended what was going on with `address`. */
export function abortedBy(signal: AbortSignal, address: string): TransportError {
  const cause: unknown = signal.reason
  return cause instanceof Error && cause.name === 'TimeoutError'
    ? new TransportError('timeout', `${address}: ${cause.message}`, { cause })
    : new TransportError('aborted', `given up on ${address}`, { cause })
}

const TLS_CODES = /^(EPROTO|ERR_SSL_|ERR_TLS_|ERR_OSSL_)/
const PROTOCOL_CODES =
  /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|UND_ERR_INVALID_ARG)/

/** @returns `error` as a `TransportError` about `address`, told apart by the codes of Node and undici. */
export function toTransportError(error: unknown, address: string): TransportError {
  if (error instanceof TransportError) return error
  const { code, message } = describe(error)
  const options = { cause: error }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new TransportError('too-large', `the answer of ${address} is too large`, options)
  }
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new TransportError('timeout', `${address} does not answer`, options)
  }
  if (TLS_CODES.test(code)) {
    return new TransportError('tls', `no TLS connection with ${address}: ${message}`, options)
  }
  if (PROTOCOL_CODES.test(code) || (error instanceof Error && error.name === 'HTTPParserError')) {
    return new TransportError('protocol', `${address} violated HTTP: ${message}`, options)
  }
  return new TransportError('unreachable', `cannot reach ${address}: ${message}`, options)
}

function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  // Several addresses of one host were tried: the first failure speaks for all.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  const told = first instanceof Error ? first : error
  return { code: (told as NodeJS.ErrnoException).code ?? '', message: told.message }
}
