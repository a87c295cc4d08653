/** A port for a program that is told its port, where the test cannot ask it afterwards which one it got. */
import { type AddressInfo, createServer } from 'node:net'

/** @returns a TCP port of 127.0.0.1 that nobody listened on a moment ago */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
