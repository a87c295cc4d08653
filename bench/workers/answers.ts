/** The floor of LIST: a bare HTTPS server, mutual TLS as a node has it, that sends the same bytes as the node. */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { loadMember } from '../lib/bench-domain.ts'
import { KeepAliveConnection } from '../lib/keep-alive-connection.ts'
import { cpuMs, serve } from '../lib/worker.ts'

let server: Server | undefined
const bodies = new Map<string, Buffer>()

/** What may be asked of it. */
export const answersMethods = {
  /** Learns from a node, which knows the caller, what to send. @returns the mean number of bytes */
  async learn({
    directory,
    port,
    prefix,
    paths,
    matches,
  }: {
    directory: string
    port: number
    /** Goes before each path here, to tell nodes apart. */
    prefix: string
    paths: readonly string[]
    matches: number
  }) {
    const { identity } = await loadMember(directory)
    const connection = await KeepAliveConnection.open(port, identity)
    let total = 0
    for (const path of paths) {
      const { status, body } = await connection.send(KeepAliveConnection.get(path))
      const count = status === 200 ? (JSON.parse(body.toString()) as unknown[]).length : -1
      if (count !== matches)
        throw new Error(`${path}: ${count} flavors instead of ${matches} (HTTP ${status})`)
      bodies.set(prefix + path, Buffer.from(body))
      total += body.length
    }
    connection.close()
    return total / paths.length
  },

  cpuMs,

  async listen({ directory }: { directory: string }) {
    const { identity } = await loadMember(directory)
    server = createServer(
      {
        cert: identity.certificate,
        key: identity.privateKey,
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      },
      (request, response) => {
        const body = bodies.get(request.url!)!
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        response.end(body)
      },
    )
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  },
}

serve(answersMethods, async () => {
  server?.close()
  server?.closeAllConnections()
})
