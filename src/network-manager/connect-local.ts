/**
 * Connects to a port of a workload on this machine (or wherever the fabric says that it runs).
 */
import { connect, type Socket } from 'node:net'
import type { Reach } from '../fabric/reach.ts'

/**
 * @param signal ends the attempt
 * @returns a connected socket whose directions end by themselves
 * @throws Error of Node (`ECONNREFUSED`, …), or the signal's reason
 */
export async function connectLocal(reach: Reach, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  if ('path' in reach && (await reach.isUp?.(signal)) === false) {
    signal.throwIfAborted()
    throw Object.assign(new Error('nothing accepts connections there'), { code: 'ECONNREFUSED' })
  }
  return connectTo(reach, signal)
}

function connectTo(reach: Reach, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const socket = connect({
      ...('path' in reach ? { path: reach.path } : reach),
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
    })
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
