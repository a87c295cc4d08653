/**
 * The door of the transport: moving REAR requests and byte streams between authenticated nodes.
 */
export { isInternal } from './internal-address.ts'
export { bodyBytes } from './body-bytes.ts'
export { createPlainListener } from './plain-listener.ts'
export { createTlsTransport } from './tls-transport.ts'
export { DEFAULT_LIMITS, type TransportLimits } from './limits.ts'
export { StreamRefused } from './stream-refused.ts'
export type { TransportIdentity } from './tls-context.ts'
export { abortedBy, isTransportError, TransportError, type TransportErrorCode } from './transport-error.ts'
export type {
  IncomingStream,
  Listener,
  ListenOptions,
  OutgoingRequest,
  ReceivedResponse,
  RearHandler,
  RearRequest,
  RearResponse,
  StreamHandler,
  Transport,
  TransportPeer,
  TransportTarget,
} from './transport.ts'
