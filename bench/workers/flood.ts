/**
 * An accepted peer that floods a node, in a process of its own: many connections, each of which asks for the next thing as
 * soon as it was answered, whatever the answer was.
 */
import { connect, type TLSSocket } from 'node:tls'
import { realSystem } from '../../src/kernel/system.ts'
import type { Identity } from '../../src/privacy-and-security-manager/index.ts'
import { configurationOf } from '../../src/rear/configured-amounts.ts'
import { Mux } from '../../src/rear/mux/mux.ts'
import { SESSION_PROTOCOL } from '../../src/rear/transport/session-protocol.ts'
import { createCaller, type Caller } from '../lib/caller.ts'
import { flavorMarket, PART } from '../lib/flavor-market.ts'
import { KeepAliveConnection, type HttpAnswer } from '../lib/keep-alive-connection.ts'
import { serve } from '../lib/worker.ts'

const CONNECTIONS = 64
/** Another address than that of honest callers, as attackers have. */
const FROM = '127.0.0.2'
const JSON_HEADERS = { 'content-type': 'application/json' }

interface Target {
  readonly port: number
  readonly flavorID: string
  readonly flavors: number
}

let caller: Caller | undefined
let target: Target | undefined
let ended = new AbortController()
let flooding: Promise<unknown> = Promise.resolve()
let answers = new Map<string, number>()

const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1)
const identity = (): Identity => caller!.member.identity
const random = (): string => Math.random().toString(36).slice(2)
/** A turn for others where an answer could come at once. */
const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

/** Over `CONNECTIONS` connections; `next` makes the requests, and may look at the answer before. */
async function requests(next: (status: number, body: Buffer) => Buffer): Promise<void> {
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (!ended.signal.aborted) {
        try {
          const connection = await KeepAliveConnection.open(target!.port, identity(), FROM)
          ended.signal.addEventListener('abort', () => connection.close(), { once: true })
          let answer: HttpAnswer = { status: 0, body: Buffer.alloc(0) }
          while (!ended.signal.aborted) {
            answer = await connection.send(next(answer.status, answer.body))
            count(String(answer.status))
          }
        } catch {
          count('lost')
          await breathe()
        }
      }
    }),
  )
}

function session(socket: TLSSocket): Mux {
  return new Mux(socket, {
    ...{ clock: realSystem.clock, peer: 'node', maxStreams: 1_000, onClose: () => undefined },
    ...{ pingIntervalMs: 60_000, idleTimeoutMs: 60_000 },
  })
}

function dial(protocol: string): Promise<TLSSocket> {
  const { certificate: cert, privateKey: key } = identity()
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', localAddress: FROM, port: target!.port, cert, key },
      ...{ rejectUnauthorized: false, ALPNProtocols: [protocol] },
    })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
    ended.signal.addEventListener('abort', () => socket.destroy(), { once: true })
  })
}

/** Every way to ask for much. */
const KINDS = {
  list: () => {
    const all = flavorMarket(target!.flavors, 'scattered')
      .queries(5_000)
      .map((path) => KeepAliveConnection.get(path))
    let asked = 0
    return requests(() => all[asked++ % all.length]!)
  },

  reserve: () =>
    requests((status, body) => {
      const held = status === 200 ? (JSON.parse(body.toString()) as { transactionID?: string }) : {}
      if (held.transactionID !== undefined)
        return KeepAliveConnection.request('DELETE', `/api/v2/transactions/${held.transactionID}`)
      return KeepAliveConnection.request('POST', '/api/v2/reservations', {
        ...{
          flavorID: target!.flavorID,
          buyerID: caller!.wireIdentity,
          configuration: configurationOf(PART),
          key: random(),
        },
      })
    }),

  purchase: () => {
    let transactionID = random()
    const reserve = KeepAliveConnection.request('POST', '/api/v2/reservations', {
      ...{
        flavorID: target!.flavorID,
        buyerID: caller!.wireIdentity,
        configuration: configurationOf(PART),
        key: random(),
      },
    })
    let asked = 0
    return requests((status, body) => {
      if (asked++ === 0) return reserve
      if (status === 200)
        transactionID = (JSON.parse(body.toString()) as { transactionID: string }).transactionID
      const signature = `eyJhbGciOiJFZERTQSJ9..${Buffer.from(random().repeat(20)).toString('base64url').slice(0, 86)}`
      return KeepAliveConnection.request('POST', `/api/v2/transactions/${transactionID}/purchase`, {
        signature,
      })
    })
  },

  advertise: async () => {
    const { body } = await caller!.call({ method: 'GET', path: '/api/v2/flavors/k8slice' })
    const known = (body as { flavorID: string }[]).slice(0, 300)
    let asked = 0
    await requests(() => {
      const flavors = known.map((flavor) => ({ ...flavor, flavorID: `${flavor.flavorID}-${asked++}` }))
      return KeepAliveConnection.request('POST', '/api/v2/advertisements', { flavors })
    })
  },

  'telemetry, ratings': () => {
    let asked = 0
    return requests(() =>
      asked++ % 2 === 0
        ? KeepAliveConnection.request('POST', `/api/v2/contracts/${random()}/telemetry`, {
            at: new Date().toISOString(),
          })
        : KeepAliveConnection.request('POST', '/api/v2/ratings', {
            ...{
              statement: { about: random(), author: random(), contractID: random(), score: 1 },
              contract: random().repeat(5_000),
            },
          }),
    )
  },

  traces: () =>
    requests(() =>
      KeepAliveConnection.get(
        `/api/v2/traces/${random()
          .padEnd(32, '0')
          .replaceAll(/[^0-9a-f]/g, 'a')}`,
      ),
    ),

  'streams, unfinished bodies': () =>
    loops(16, async () => {
      const mux = session(await dial(SESSION_PROTOCOL))
      while (!ended.signal.aborted && mux.usable) {
        const opened = Array.from({ length: 20 }, (_, index) => {
          const path = index % 2 === 0 ? '/api/v2/reservations' : `/streams/${random()}`
          const head = {
            kind: index % 2 === 0 ? 'request' : 'stream',
            method: 'POST',
            path,
            headers: JSON_HEADERS,
          }
          const answered = Promise.withResolvers<void>()
          const stream = mux.open(head, () => answered.resolve())
          stream.once('close', () => answered.resolve())
          stream.resume()
          stream.write('{"flavorID":')
          if (index % 2 === 0) answered.resolve()
          return { stream, answered: answered.promise }
        })
        await Promise.all(opened.map(({ answered }) => answered))
        for (const { stream } of opened) stream.destroy()
        count('opened')
        await breathe()
      }
    }),

  connections: () =>
    loops(CONNECTIONS, async () => {
      const socket = await dial('http/1.1')
      count('handshake')
      socket.destroy()
    }),
} satisfies Record<string, () => Promise<void>>

export type FloodKind = keyof typeof KINDS

async function loops(many: number, once: () => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: many }, async () => {
      while (!ended.signal.aborted) {
        try {
          await once()
        } catch {
          count('lost')
          await breathe()
        }
      }
    }),
  )
}

/** What may be asked of it. */
export const floodMethods = {
  async open(
    options: Target & { readonly directory: string; readonly address: string; readonly id: string },
  ) {
    target = options
    caller = await createCaller(options.directory, options)
  },

  start({ kind }: { kind: FloodKind }) {
    ended = new AbortController()
    answers = new Map()
    flooding = KINDS[kind]()
  },

  /** @returns how often it got what */
  async end() {
    ended.abort()
    await flooding
    return Object.fromEntries(answers)
  },
}

serve(floodMethods, async () => {
  ended.abort()
  await caller?.close()
})
