/**
 * A channel to the node at the other end of a contract: the Network Manager makes it, the
 * Virtual Fabric Manager and the fabrics use it. They do not know whether it is direct or relayed.
 */
import type { Duplex } from 'node:stream'

export interface ChannelRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With query. */
  readonly path: string
  /** Sent as JSON when present. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface Channel {
  /**
   * @returns the decoded JSON body (undefined when there is none)
   * @throws Problem when the other side refuses, TransportError when it cannot be reached
   */
  request(request: ChannelRequest): Promise<{ readonly status: number; readonly body: unknown }>
  /** Opens a byte stream with half-close in both directions. */
  openStream(path: string, signal: AbortSignal): Promise<Duplex>
}
