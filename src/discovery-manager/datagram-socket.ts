/** The port to UDP multicast. The real one is `multicast-socket.ts`; tests have one in memory. */

export interface MulticastGroup {
  /** IPv4 address of the group. */
  readonly group: string
  readonly port: number
  /** Address of the network interface to use; the system chooses unless given. */
  readonly interface?: string
}

export interface DatagramSocket {
  /** Sends to the group. @throws the system's error */
  send(data: Uint8Array): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

/**
 * Joins a group.
 * @param handlers.onMessage every datagram that comes in; what it throws must not reach the socket
 * @param handlers.onError the socket is of no use any more
 * @throws the system's error when the group cannot be joined
 */
export type OpenDatagramSocket = (
  group: MulticastGroup,
  handlers: {
    readonly onMessage: (data: Buffer, from: { readonly address: string; readonly port: number }) => void
    readonly onError: (error: Error) => void
  },
) => Promise<DatagramSocket>
