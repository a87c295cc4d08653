/** One request and its answer, as the transport hands them over. Defined by the transport. */
export type { RearHandler, RearRequest, RearResponse, TransportPeer } from './transport/transport.ts'
