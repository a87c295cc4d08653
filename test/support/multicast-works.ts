/** Whether this machine does IPv4 multicast, and where; loopback is preferred. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { openMulticastSocket } from '../../src/discovery-manager/index.ts'

/** @returns a UDP port that nobody uses now */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** @returns the address of an interface on which what is sent to a group comes back; undefined when there is none */
export async function multicastInterface(): Promise<string | undefined> {
  const others = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const addresses = others.filter(({ family }) => family === 'IPv4').map((each) => each.address)
  for (const address of ['127.0.0.1', ...addresses]) if (await worksOn(address)) return address
  console.warn('no interface of this machine does IPv4 multicast: tests of it are left out')
  return undefined
}

async function worksOn(address: string): Promise<boolean> {
  const heard = Promise.withResolvers<boolean>()
  AbortSignal.timeout(1_000).addEventListener('abort', () => heard.resolve(false))
  try {
    const socket = await openMulticastSocket(
      { group: '239.255.77.77', port: await freeUdpPort(), interface: address },
      { onMessage: () => heard.resolve(true), onError: () => heard.resolve(false) },
    )
    await socket.send(Buffer.from('probe')).catch(() => heard.resolve(false))
    const works = await heard.promise
    await socket.close()
    return works
  } catch {
    return false
  }
}
