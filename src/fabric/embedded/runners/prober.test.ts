import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { Prober } from './prober.ts'

const prober = new Prober()
afterAll(() => prober.stop())
const at = (port: number) => ({ host: '127.0.0.1', port })

it('probes TCP and HTTP', async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/good' ? 204 : 500
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { signal } = new AbortController()
  const http = (path: string) =>
    prober.probe({ kind: 'http', scheme: 'http', port, path, headers: {} }, at(port), signal)
  const tcp = () => prober.probe({ kind: 'tcp', port }, at(port), signal)
  expect(await http('/good')).toBeUndefined()
  expect(await http('/bad')).toContain('500')
  expect(await tcp()).toBeUndefined()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(await tcp()).toContain('ECONNREFUSED')
})

it('does not reset the connections of servers that greet', async () => {
  const errors: Error[] = []
  const server = createTcpServer((socket) => {
    socket.on('error', (error) => errors.push(error))
    socket.write('welcome'.repeat(1_000))
    socket.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (let count = 0; count < 50; count++) {
    const { signal } = new AbortController()
    expect(await prober.probe({ kind: 'tcp', port }, at(port), signal)).toBeUndefined()
  }
  // Resolves when every connection has ended.
  await new Promise((resolve) => server.close(resolve))
  expect(errors).toEqual([])
})
