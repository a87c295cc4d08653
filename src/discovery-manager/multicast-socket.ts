/** UDP multicast over the real network: TTL 1, so that nothing leaves the local one. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { OpenDatagramSocket } from './datagram-socket.ts'

export const openMulticastSocket: OpenDatagramSocket = async (where, { onMessage, onError }) => {
  const { group, port, interface: address } = where
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    const done = once(socket, 'close')
    socket.close()
    await done
  }
  try {
    const bound = once(socket, 'listening')
    socket.bind(port)
    await bound
    socket.addMembership(group, address)
    if (address !== undefined) socket.setMulticastInterface(address)
    socket.setMulticastTTL(1)
    // Other nodes may run on this very machine.
    socket.setMulticastLoopback(true)
  } catch (error) {
    await close()
    throw error
  }
  socket.unref()
  socket.on('message', onMessage)
  socket.on('error', onError)
  return {
    send: (data) =>
      new Promise((resolve, reject) => {
        socket.send(data, port, group, (error) => (error ? reject(error) : resolve()))
      }),
    close,
  }
}
