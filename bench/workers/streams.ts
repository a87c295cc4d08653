/** The reading end of the data path: asks for bytes on many connections at once and counts what comes. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { loadMember } from '../lib/bench-domain.ts'
import { cpuMs, serve } from '../lib/worker.ts'

/** Asks for `bytes` on a connection of its own. Resolves when all are here. */
function pull(socket: Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = bytes
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      missing -= chunk.length
      if (missing > 0) return
      socket.destroy()
      resolve()
    })
    socket.on('close', () => reject(new Error(`${missing} bytes did not come`)))
    socket.write(`${bytes}\n`)
  })
}

/** What may be asked of it. */
export const streamsMethods = {
  cpuMs,

  /**
   * @param options.directory of a member, for TLS from here on
   * @returns how long it took, in milliseconds
   */
  async pull(options: { port: number; streams: number; bytes: number; directory?: string }): Promise<number> {
    const { port, streams, bytes, directory } = options
    const member = directory === undefined ? undefined : await loadMember(directory)
    const open = (): Socket => {
      if (!member) return connect({ host: '127.0.0.1', port, noDelay: true })
      const { certificate: cert, privateKey: key } = member.identity
      return connectTls({
        host: '127.0.0.1',
        port,
        cert,
        key,
        minVersion: 'TLSv1.3',
        // Certificates are self-signed; who serves is not what is measured.
        rejectUnauthorized: false,
      })
    }
    const start = performance.now()
    await Promise.all(Array.from({ length: streams }, () => pull(open(), Math.ceil(bytes / streams))))
    return performance.now() - start
  },
}

serve(streamsMethods)
