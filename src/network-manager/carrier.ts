/**
 * What a channel rides on: something that takes requests and streams to one certain node.
 */
import type { Duplex } from 'node:stream'
import type { OutgoingRequest, Transport, TransportTarget } from '../rear/transport/index.ts'

export interface Carrier {
  /** @throws TransportError */
  request(request: OutgoingRequest): Promise<{ readonly status: number; readonly body: Buffer }>
  /** @throws TransportError, StreamRefused */
  openStream(options: { readonly path: string; readonly signal: AbortSignal }): Promise<Duplex>
}

/** @returns the way to a node that can be reached without help. */
export function directCarrier(transport: Transport, target: TransportTarget): Carrier {
  return {
    request: (request) => transport.request(target, request),
    openStream: (options) => transport.openStream(target, options),
  }
}
