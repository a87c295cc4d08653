/** Attacks on the time of a node, and on its connections: one who was accepted asks for so much that others get nothing. */
import { connect, type TLSSocket } from 'node:tls'
import { describe } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { type Clock, realSystem, sleep } from '../../src/kernel/system.ts'
import { Problem } from '../../src/rear/problem.ts'
import { createRearApp, type Route } from '../../src/rear/route.ts'
import {
  createTlsTransport,
  FairTurns,
  type Transport,
  type TransportLimits,
  type Turns,
} from '../../src/rear/transport/index.ts'
import { testIdentity } from '../support/identities.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const { clock } = realSystem
const server = testIdentity('server', realSystem)
const attacker = testIdentity('attacker', realSystem)
const honest = testIdentity('honest', realSystem)

/** Everybody begins as soon as he asks. */
const NO_TURNS: Turns = {
  take: (_, work) => {
    void work()
    return true
  },
  spent: () => undefined,
}

/** What a request costs the node, in milliseconds of its event loop. */
const WORK_MS = 0.5

function routes(): readonly Route[] {
  const route = (path: string, access: Route['access']): Route => ({
    ...{ method: 'POST', path, operationId: path, summary: '', access, request: {} as never, responses: {} },
    handle: async () => ({ status: 204 }),
  })
  return [route('/list', 'accepted'), route('/nothing', 'party')]
}

interface Defence {
  readonly limits?: Partial<TransportLimits>
}

async function whileServing<T>({ limits = {} }: Defence, then: (port: number) => Promise<T>): Promise<T> {
  const transports: Transport[] = []
  const open = (who: typeof honest, of: Partial<TransportLimits> = {}): Transport => {
    const transport = createTlsTransport({ identity: who, system: realSystem, log: silentLog, limits: of })
    transports.push(transport)
    return transport
  }
  try {
    const handler = createRearApp(routes(), {
      authorize: (_, access) => (access === 'party' ? new Problem('not-a-party', 'no party') : undefined),
      log: silentLog,
    })
    const { address } = await open(server, limits).listen({
      ...{ host: '127.0.0.1', port: 0, handler, onStream: () => undefined },
    })
    return await then(Number(address.split(':')[1]))
  } finally {
    await Promise.all(transports.map((transport) => transport.close()))
  }
}

const MOST_PER_HONEST = 3

/**
 * Thirty-two connections of one ask again as soon as they are answered; another asks for one thing after the other. Time is
 * what their work takes: how busy the machine is makes no difference.
 */
async function flood(turnsOf: (clock: Clock) => Turns): Promise<Tried> {
  let now = 0
  const after: Clock['after'] = (ms, callback) => {
    const handle = setImmediate(() => {
      now += ms
      callback()
    })
    return { cancel: () => clearImmediate(handle) }
  }
  const turns = turnsOf({ now: () => now, monotonic: () => now, after })
  const ask = (who: string): Promise<void> =>
    new Promise((resolve) => {
      turns.take(who, () => {
        now += WORK_MS
        // The answer arrives in a later turn.
        setImmediate(resolve)
        return undefined
      })
    })
  let got = 0
  let isOver = false
  const loops = Array.from({ length: 32 }, async () => {
    while (!isOver) {
      await ask('attacker')
      got++
    }
  })
  const count = 100
  for (let index = 0; index < count; index++) await ask('honest')
  const perHonest = got / count
  isOver = true
  await Promise.all(loops)
  const saw = `${perHonest.toFixed(1)} answers for each of the other's`
  return perHonest > MOST_PER_HONEST ? succeeded(saw) : failed(saw)
}

describe('one who is accepted', () => {
  attack('asks for all it can on many connections, and takes the time of an honest peer', {
    defended: () => flood((own) => new FairTurns(own)),
    stoppedBy: /^[0-9.]+ answers for each/,
    control: () => flood(() => NO_TURNS),
  })

  const allConnections = (defence: Defence): Promise<Tried> =>
    whileServing(defence, async (port) => {
      const sockets: TLSSocket[] = []
      const open = ({ certificate: cert, privateKey: key }: typeof honest): Promise<boolean> =>
        new Promise((resolve) => {
          const socket = connect({
            ...{ port, cert, key, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] },
          })
          sockets.push(socket)
          socket.on('error', () => undefined)
          socket.once('secureConnect', () => resolve(true))
          socket.once('close', () => resolve(false))
        })
      try {
        for (let index = 0; index < 40; index++) await open(attacker)
        await sleep(clock, 100)
        return (await open(honest)) ? failed('the other is let in') : succeeded('the other is not let in')
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    })
  const few = { maxConnections: 40, maxConnectionsOfPeer: 20 }
  attack('opens all connections that there are, so that nobody else gets one', {
    defended: () => allConnections({ limits: few }),
    stoppedBy: /let in/,
    control: () => allConnections({ limits: { ...few, maxConnectionsOfPeer: 1_000 } }),
  })

  const BODY = 64 << 20
  const endless = (defence: Defence): Promise<Tried> =>
    whileServing(defence, async (port) => {
      const { certificate: cert, privateKey: key } = attacker
      const socket = connect({
        ...{ port, cert, key, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] },
      })
      const sent = await new Promise<number>((resolve) => {
        let bytes = 0
        const chunk = Buffer.alloc(1 << 20)
        const write = (): void => {
          while (bytes < BODY) {
            bytes += chunk.length
            if (!socket.write(chunk)) return
          }
          resolve(bytes)
        }
        socket.on('error', () => resolve(bytes))
        socket.once('close', () => resolve(bytes))
        socket.on('drain', write)
        socket.resume()
        socket.once('secureConnect', () => {
          socket.write(
            `POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${BODY}\r\n\r\n`,
          )
          write()
        })
      })
      socket.destroy()
      const saw = `${sent >> 20} MiB taken`
      return sent >= BODY ? succeeded(saw) : failed(saw)
    })
  attack('sends a body without end to what it may not ask', {
    defended: () => endless({}),
    stoppedBy: /^[0-9]+ MiB taken$/,
    control: () => endless({ limits: { maxUnreadBytes: 1 << 30 } }),
  })
})
