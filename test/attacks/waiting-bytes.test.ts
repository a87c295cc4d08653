/** Attacks on memory: one caller has a node keep as much as it can, over real TLS. What is kept is counted by the node. */
import { connect, type TLSSocket } from 'node:tls'
import { describe } from 'vitest'
import { silentLog } from '../../src/kernel/log.ts'
import { realSystem, sleep } from '../../src/kernel/system.ts'
import { Mux } from '../../src/rear/mux/mux.ts'
import { FIRST_WINDOW_BYTES } from '../../src/rear/mux/mux-stream.ts'
import { Problem } from '../../src/rear/problem.ts'
import { createRearApp, type Route } from '../../src/rear/route.ts'
import { SESSION_PROTOCOL } from '../../src/rear/transport/session-protocol.ts'
import { createTlsTransport, type RearHandler, type TransportLimits } from '../../src/rear/transport/index.ts'
import { testIdentity } from '../support/identities.ts'
import { attack, failed, succeeded, type Tried } from './support/attack.ts'

const MIB = 1 << 20
/** What one stranger with one connection may cost. */
const MOST = 4 * MIB
const NO_LIMITS: Partial<TransportLimits> = {
  maxWaitingBytes: 1 << 30,
  maxWaitingBytesOfPeer: 1 << 30,
  maxRequestsOfStranger: 1 << 20,
  maxPipelined: 1 << 20,
}

/** Bytes that handlers have in their hands, or have answered with. */
interface Kept {
  bytes: number
}

interface Stranger {
  /** One connection. */
  open(protocol: typeof SESSION_PROTOCOL | 'http/1.1'): Promise<TLSSocket>
}

/** Of which the window of a stream takes a part, and the rest waits here. */
const ANSWER = 300 << 10

/** Whom nobody accepted may use one route alone, like HELLO; it is never done with it. */
function app(kept: Kept, isAdmitting: boolean): RearHandler {
  const route = (path: string, access: Route['access'], handle: Route['handle']): Route => ({
    ...{ method: 'POST', path, operationId: path, summary: '', access, handle },
    ...{ request: {} as never, maxBodyBytes: MIB, responses: {} },
  })
  const serve = createRearApp(
    [
      route('/hello', 'anyone', () => new Promise(() => undefined)),
      route('/large', 'anyone', async () => ({ status: 200, body: 'x'.repeat(ANSWER) })),
      route('/sell', 'accepted', () => new Promise(() => undefined)),
    ],
    {
      authorize: (_, access) =>
        access === 'anyone' ? undefined : new Problem('peer-not-accepted', 'not accepted'),
      isStranger: () => true,
      log: silentLog,
    },
  )
  const handle: RearHandler = (request) => {
    kept.bytes += request.body?.length ?? 0
    return serve(request)
  }
  return isAdmitting ? Object.assign(handle, { admit: serve.admit }) : handle
}

async function withStranger(
  { limits = {}, admits = true }: { readonly limits?: Partial<TransportLimits>; readonly admits?: boolean },
  flood: (stranger: Stranger, kept: Kept) => Promise<void>,
): Promise<Tried> {
  const kept: Kept = { bytes: 0 }
  const identity = testIdentity('server', realSystem)
  const transport = createTlsTransport({ identity, system: realSystem, log: silentLog, limits })
  const sockets: TLSSocket[] = []
  try {
    const listener = await transport.listen({
      ...{ host: '127.0.0.1', port: 0, handler: app(kept, admits), onStream: () => undefined },
    })
    const { certificate: cert, privateKey: key } = testIdentity('stranger', realSystem)
    const port = Number(listener.address.split(':')[1])
    await flood(
      {
        open(protocol) {
          const socket = connect({ port, cert, key, rejectUnauthorized: false, ALPNProtocols: [protocol] })
          sockets.push(socket)
          socket.on('error', () => undefined)
          return new Promise((resolve) => socket.once('secureConnect', () => resolve(socket)))
        },
      },
      kept,
    )
    const saw = `${Math.round(kept.bytes / 1_024)} KiB kept`
    return kept.bytes > MOST ? succeeded(saw) : failed(saw)
  } finally {
    for (const socket of sockets) socket.destroy()
    await transport.close()
  }
}

/** @param quiet what to count answers in that are left unread */
async function manyRequests(
  stranger: Stranger,
  { path, bytes, count, quiet }: { path: string; bytes: number; count: number; quiet?: Kept },
): Promise<void> {
  const mux = new Mux(await stranger.open(SESSION_PROTOCOL), {
    ...{ clock: realSystem.clock, peer: 'server', maxStreams: 1_000 },
    ...{ pingIntervalMs: 60_000, idleTimeoutMs: 60_000, onClose: () => undefined },
  })
  const headers = { 'content-type': 'application/json' }
  const sent = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stream = mux.open({ kind: 'request', method: 'POST', path, headers }, (head) => {
      if (quiet && (head as { status: number }).status === 200) quiet.bytes += ANSWER - FIRST_WINDOW_BYTES
      resolve()
    })
    if (!quiet) stream.resume()
    stream.once('close', resolve)
    stream.end(json(bytes), resolve)
    return promise
  })
  // Each body is sent to its end, or refused.
  await Promise.all(sent)
  await settled(mux)
  mux.close()
}

/** Until the node has worked on all that was sent: a ping of ours would be answered behind it. */
async function settled(mux: Mux): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await new Promise<void>((resolve) => {
      const stream = mux.open({ kind: 'request', method: 'GET', path: '/nowhere', headers: {} }, () =>
        resolve(),
      )
      stream.end()
      stream.resume()
    })
    await sleep(realSystem.clock, 300)
  }
}

const json = (bytes: number): string => JSON.stringify('x'.repeat(Math.max(0, bytes - 2)))

describe('a stranger with one connection', () => {
  const bodies = (stranger: Stranger): Promise<void> =>
    manyRequests(stranger, { path: '/hello', bytes: 500 << 10, count: 100 })
  attack('begins many requests with large bodies', {
    defended: () => withStranger({}, bodies),
    stoppedBy: /^[0-9]+ KiB kept$/,
    control: () => withStranger({ limits: NO_LIMITS }, bodies),
  })

  const notForIt = (stranger: Stranger): Promise<void> =>
    manyRequests(stranger, { path: '/sell', bytes: 500 << 10, count: 100 })
  attack('has bodies read for what it may not ask', {
    defended: () => withStranger({ limits: NO_LIMITS }, notForIt),
    stoppedBy: /^0 KiB kept$/,
    control: () => withStranger({ limits: NO_LIMITS, admits: false }, notForIt),
  })

  const unread = (stranger: Stranger, quiet: Kept): Promise<void> =>
    manyRequests(stranger, { path: '/large', bytes: 2, count: 500, quiet })
  attack('asks again and again, and reads no answer', {
    defended: () => withStranger({}, unread),
    stoppedBy: /^[0-9]+ KiB kept$/,
    control: () => withStranger({ limits: NO_LIMITS }, unread),
  })

  const pipelined = async (stranger: Stranger): Promise<void> => {
    const socket = await stranger.open('http/1.1')
    const body = json(500 << 10)
    const head = `POST /hello HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    for (let index = 0; index < 50; index++) socket.write(head + body)
    socket.resume()
    await sleep(realSystem.clock, 1_500)
  }
  attack('sends one HTTP/1.1 request behind the other without waiting', {
    defended: () => withStranger({}, pipelined),
    stoppedBy: /^[0-9]+ KiB kept$/,
    control: () => withStranger({ limits: NO_LIMITS }, pipelined),
  })
})

describe('strangers with many connections', () => {
  const many = async (stranger: Stranger): Promise<void> => {
    await Promise.all(
      Array.from({ length: 20 }, () =>
        manyRequests(stranger, { path: '/hello', bytes: 500 << 10, count: 3 }),
      ),
    )
  }
  const perPeer = { maxWaitingBytesOfPeer: 3 * MIB }
  attack('have more kept than one peer may, each a little', {
    defended: () => withStranger({ limits: perPeer }, many),
    stoppedBy: /^[0-9]+ KiB kept$/,
    control: () => withStranger({ limits: { maxWaitingBytesOfPeer: 1 << 30 } }, many),
  })
})
