/**
 * The door of the transport: moving REAR requests and byte streams between authenticated nodes.
 */
export { FairTurns, type Turns } from './fair-turns.ts'
export { isInternal } from './internal-address.ts'
export { networkOf } from './network-of.ts'
export { admitAll } from './problem.ts'
export { WaitingPeers } from './waiting-bytes.ts'
export { bodyBytes } from './body-bytes.ts'
export { createPlainListener } from './plain-listener.ts'
export { createTlsTransport } from './tls-transport.ts'
export { DEFAULT_LIMITS, type TransportLimits } from './limits.ts'
export { StreamRefused } from './stream-refused.ts'
export type { TransportIdentity } from './tls-context.ts'
export { abortedBy, isTransportError, TransportError, type TransportErrorCode } from './transport-error.ts'
export type {
  Admission,
  IncomingStream,
  Listener,
  ListenOptions,
  OutgoingRequest,
  ReceivedResponse,
  RearHandler,
  RearRequest,
  RearResponse,
  RequestHead,
  StreamHandler,
  Transport,
  TransportPeer,
  TransportTarget,
} from './transport.ts'
