import { describe, expect, it, vi } from 'vitest'
import { freeUdpPort, multicastInterface } from '../../test/support/multicast-works.ts'
import { openMulticastSocket } from './multicast-socket.ts'

const address = await multicastInterface()

describe.skipIf(address === undefined)('the real multicast socket', () => {
  it('carries a datagram from one node to another, and to itself', async () => {
    const group = { group: '239.255.77.78', port: await freeUdpPort(), interface: address! }
    const heard: string[][] = [[], []]
    const sockets = await Promise.all(
      heard.map((list) =>
        openMulticastSocket(group, {
          onMessage: (data) => list.push(data.toString()),
          onError: (error) => list.push(error.message),
        }),
      ),
    )
    await sockets[0]!.send(Buffer.from('{"domain":"example.org"}'))
    await vi.waitFor(() =>
      expect(heard).toEqual([['{"domain":"example.org"}'], ['{"domain":"example.org"}']]),
    )
    await Promise.all(sockets.map((socket) => socket.close()))
    await sockets[0]!.close()
  })

  it('fails to open where the group is none', async () => {
    const handlers = { onMessage: () => undefined, onError: () => undefined }
    const group = { group: '127.0.0.1', port: await freeUdpPort(), interface: address! }
    await expect(openMulticastSocket(group, handlers)).rejects.toThrow()
  })
})
