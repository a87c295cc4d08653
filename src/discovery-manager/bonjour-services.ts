/**
 * DNS-SD over mDNS on the real network, with `bonjour-service`.
 *
 * The library decodes whatever anybody sends, remembers all of it and lets errors fly: its socket is given to it
 * with a guard before it, and its browser is made anew for every question.
 */
import { createSocket, type Socket } from 'node:dgram'
import type { EventEmitter } from 'node:events'
import bonjour from 'bonjour-service'
import type { System } from '../kernel/system.ts'
import type { OpenLocalServices } from './local-services.ts'
import { RateGate } from '../kernel/rate-gate.ts'

/** DNS-SD: `_tributary._tcp`. */
const SERVICE_TYPE = 'tributary'
/** mDNS messages are no longer than an Ethernet frame carries, or somewhat more with jumbo frames. */
const MOST_BYTES = 9_000
const RATE = { perSecond: 200, burst: 500 }
/** Services that one question finds; the library remembers them all. */
const MOST_FOUND = 1_000
const GOODBYE_MS = 500

/**
 * @param options.interface address of the network interface; all of them unless given
 * @param options.port of mDNS; another one makes a local network of its own
 */
export function bonjourServices(options: {
  readonly system: System
  readonly interface?: string
  readonly port?: number
}): OpenLocalServices {
  const { system, ...network } = options
  return ({ onFound, onError }) => {
    const socket = guardedSocket(system)
    const directory = new bonjour.Bonjour({ socket, bind: '0.0.0.0', ...network } as never, onError)
    // Not in the library's types, and without a handler its errors end the process.
    const { mdns } = (directory as unknown as { server: { mdns: EventEmitter } }).server
    mdns.on('error', onError)
    let browser: { stop(): void } | undefined
    let closing: Promise<void> | undefined
    return {
      publish({ name, port, txt }) {
        directory.publish({ name, type: SERVICE_TYPE, port, txt, probe: false })
      },
      browse() {
        browser?.stop()
        let found = 0
        browser = directory.find({ type: SERVICE_TYPE }, ({ name, port, txt, addresses, referer }) => {
          if (++found > MOST_FOUND) return browser?.stop()
          onFound({
            name,
            port,
            txt: (txt ?? {}) as Record<string, unknown>,
            addresses: addresses ?? [],
            sender: referer?.address,
          })
        })
      },
      close() {
        closing ??= (async () => {
          browser?.stop()
          await called(system, (done) => directory.unpublishAll(done))
          await called(system, (done) => directory.destroy(done))
        })()
        return closing
      },
    }
  }
}

/** A broken socket never calls back: it is waited for so long and no longer. */
function called(system: System, action: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = system.clock.after(GOODBYE_MS, resolve)
    const done = (): void => {
      timer.cancel()
      resolve()
    }
    try {
      action(done)
    } catch {
      done()
    }
  })
}

type Listener = (...parameters: unknown[]) => void

/** What one message makes the library throw ends with that message. */
function guardedSocket(system: System): Socket {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.unref()
  const gate = new RateGate(system, RATE)
  const guarded =
    (listener: Listener): Listener =>
    (message, from) => {
      if ((message as Buffer).length > MOST_BYTES || !gate.pass()) return
      try {
        listener(message, from)
      } catch {
        // Nobody can be told: who sent it is not known, and what it was meant to be neither.
      }
    }
  const on = socket.on.bind(socket) as (event: string, listener: Listener) => Socket
  return Object.assign(socket, {
    on: (event: string, listener: Listener) => on(event, event === 'message' ? guarded(listener) : listener),
  }) as Socket
}
