/**
 * Connects to a port of a workload on this machine (or wherever the fabric says that it runs).
 */
import { connect, type Socket } from 'node:net'

/**
 * @param signal ends the attempt
 * @returns a connected socket whose directions end by themselves
 * @throws Error of Node (`ECONNREFUSED`, …), or the signal's reason
 */
export function connectLocal(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true })
    const onAbort = (): void => fail(signal.reason as Error)
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      reject(error)
    }
    socket.once('error', fail)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', fail)
      // Whoever takes the socket may not listen yet; `close` tells in any case.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}
