/**
 * What both ends of an HTTP/2 connection need: larger windows, a pulse while streams are open, an end when idle.
 */
import type { Http2Session, Http2Stream } from 'node:http2'
import type { Clock, Timer } from '../../kernel/system.ts'
import type { TransportLimits } from './limits.ts'

/** Pings that may go unanswered before the other end counts as dead. */
const MISSED_PINGS = 2

/**
 * Watches over a session until it closes. A dead peer with open streams is found out by pings; a session
 * without streams is closed after the idle time.
 */
export function watchSession(
  session: Http2Session,
  options: { readonly clock: Clock; readonly limits: TransportLimits },
  idleTimeoutMs: number = options.limits.idleTimeoutMs,
): { readonly openStreams: number; add(stream: Http2Stream): void } {
  const { clock, limits } = options
  let open = 0
  let idle: Timer | undefined
  let pulse: Timer | undefined
  let missed = 0

  const rest = (): void => {
    pulse?.cancel()
    pulse = undefined
    idle?.cancel()
    idle = clock.after(idleTimeoutMs, () => session.close())
  }
  const beat = (): void => {
    pulse = clock.after(limits.pingIntervalMs, () => {
      if (session.destroyed) return
      if (missed >= MISSED_PINGS) {
        session.destroy()
        return
      }
      missed++
      session.ping(() => (missed = 0))
      beat()
    })
  }
  const add = (stream: Http2Stream): void => {
    if (open++ === 0) {
      idle?.cancel()
      missed = 0
      beat()
    }
    stream.once('close', () => {
      if (--open === 0 && !session.destroyed) rest()
    })
  }

  const widen = (): void => {
    if (!session.destroyed) session.setLocalWindowSize(limits.connectionWindowBytes)
  }
  if (session.connecting) session.once('connect', widen)
  else widen()
  session.on('error', () => undefined) // its streams close, and `close` follows
  session.on('stream', add)
  session.once('close', () => {
    idle?.cancel()
    pulse?.cancel()
  })
  rest()
  return {
    get openStreams() {
      return open
    },
    add,
  }
}
