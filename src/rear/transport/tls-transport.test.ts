import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createIdentity, type Identity } from '../../privacy-and-security-manager/index.ts'
import { silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { testIdentity } from '../../../test/support/identities.ts'
import { Mux } from '../mux/mux.ts'
import { openSession } from './client-session.ts'
import {
  createTlsTransport,
  DEFAULT_LIMITS,
  type Listener,
  type ListenOptions,
  type RearHandler,
  type Transport,
  type TransportErrorCode,
  type TransportLimits,
  type Turns,
} from './index.ts'
import { LISTENER_PATIENCE_MS } from './limits.ts'
import { type Answer, SESSION_PROTOCOL } from './session-protocol.ts'

const alice = testIdentity('alice')
const bob = testIdentity('bob')
const carol = testIdentity('carol')
const never = new AbortController().signal

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

function transportOf(identity: Identity, limits: Partial<TransportLimits> = {}): Transport {
  const transport = createTlsTransport({
    identity,
    system: realSystem,
    log: silentLog,
    limits: { closeGraceMs: 50, ...limits },
  })
  closers.push(() => transport.close())
  return transport
}

function listen(
  identity: Identity,
  limits: Partial<TransportLimits> = {},
  options: Partial<ListenOptions> = {},
): Promise<Listener> {
  return transportOf(identity, limits).listen({
    host: '127.0.0.1',
    port: 0,
    handler: (request) =>
      Promise.resolve({
        status: 200,
        headers: {},
        body: JSON.stringify({ peer: request.peer, path: request.path }),
      }),
    onStream: ({ duplex }) => void duplex.pipe(duplex),
    ...options,
  })
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1))
}

async function serve<T extends Server>(server: T): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined)
    closers.push(() => socket.destroy())
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const credentials = (identity: Identity): { cert: string; key: string } => ({
  cert: identity.certificate,
  key: identity.privateKey,
})

function get(
  address: string,
  options: RequestOptions = {},
): Promise<{ status: number; type: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port: portOf(address), rejectUnauthorized: false, agent: false, ...options },
      (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode!, type: response.headers['content-type'], body }),
          reject,
        )
      },
    )
    request.on('error', reject)
    request.end()
  })
}

/** A session without the care that the transport takes: it opens what it is told, and keeps to no limit. */
async function sessionTo(address: string, identity?: { cert?: string; key?: string }): Promise<Mux> {
  const socket = tlsTo(address, SESSION_PROTOCOL, undefined, identity)
  await once(socket, 'secureConnect')
  const mux = new Mux(socket, {
    clock: realSystem.clock,
    peer: address,
    maxStreams: 1e9,
    pingIntervalMs: 1e9,
    idleTimeoutMs: 1e9,
    onClose: () => undefined,
  })
  closers.push(() => mux.close())
  return mux
}

/** @returns the answer to an opening */
async function openOn(mux: Mux, opening: unknown): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const stream = mux.open(opening, (head) => resolve(head as Answer))
  stream.end()
  stream.resume()
  stream.once('close', () => reject(stream.errored ?? new Error('closed')))
  return promise
}

const streamOpening = { kind: 'stream', path: '/', headers: {} }

/** Opens a plain TCP connection, writes, and resolves when the other side has closed it. */
async function poke(address: string, bytes: string | Buffer): Promise<string> {
  const socket = connectTcp(portOf(address), '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const gone = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  socket.write(bytes)
  await gone
  return Buffer.concat(chunks).toString('latin1')
}

async function expectAlive(address: string): Promise<void> {
  const response = await transportOf(alice).request(
    { address, id: bob.id },
    { method: 'GET', path: '/alive', signal: never },
  )
  expect(response.status).toBe(200)
}

function failsWith(code: TransportErrorCode): object {
  return expect.objectContaining({ name: 'TransportError', code }) as object
}

function ask(transport: Transport, address: string, id?: Identity['id']): ReturnType<Transport['request']> {
  return transport.request(id ? { address, id } : { address }, { method: 'GET', path: '/', signal: never })
}

async function requestSession(address: string): Promise<ReturnType<typeof openSession>> {
  const socket = tlsTo(address, SESSION_PROTOCOL)
  await once(socket, 'secureConnect')
  const session = openSession(socket, {
    clock: realSystem.clock,
    limits: DEFAULT_LIMITS,
    peer: address,
    onClose: () => undefined,
  })
  closers.push(() => session.close())
  return session
}

describe('who is let in', () => {
  it.each([
    ['no certificate', () => ({})],
    ['a certificate with a key of another type', ecCredentials],
    ['a certificate that somebody else signed', foreignCredentials],
  ])('answers 401 with a problem document to a caller with %s', async (_what, credentialsOf) => {
    const tls = credentialsOf()
    const handler = vi.fn<RearHandler>(() => Promise.resolve({ status: 200, headers: {}, body: undefined }))
    const onStream = vi.fn()
    const { address } = await listen(bob, {}, { handler, onStream })
    const response = await get(address, tls)
    expect(response).toMatchObject({ status: 401, type: 'application/problem+json' })
    expect(JSON.parse(response.body)).toMatchObject({ status: 401, code: 'not-authenticated' })
    const session = await sessionTo(address, tls)
    for (const kind of ['stream', 'request']) {
      const answer = await openOn(session, { kind, method: 'GET', path: '/', headers: {} })
      expect(answer).toMatchObject({ status: 401, detail: expect.stringContaining('certificate') as string })
    }
    expect(handler).not.toHaveBeenCalled()
    expect(onStream).not.toHaveBeenCalled()
    await expectAlive(address)
  })

  it('knows a caller again who tries to resume an earlier session', async () => {
    const { address } = await listen(bob)
    const visit = async (
      session?: Buffer,
    ): Promise<{ session?: Buffer; answer: string; reused: boolean }> => {
      const socket = connectTls({
        port: portOf(address),
        rejectUnauthorized: false,
        ...credentials(alice),
        ...(session && { session }),
      })
      let kept: Buffer | undefined
      socket.on('session', (ticket: Buffer) => (kept = ticket))
      await once(socket, 'secureConnect')
      const reused = socket.isSessionReused()
      socket.write('GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      const answer = await text(socket)
      const last = kept ?? socket.getSession()
      return { answer, reused, ...(last && { session: last }) }
    }
    const first = await visit()
    expect(first.answer).toContain(alice.id)
    const second = await visit(first.session)
    expect(second.answer).toContain(alice.id)
    expect(second.reused).toBe(false)
  })

  it('speaks nothing older than TLS 1.3', async () => {
    const { address } = await listen(bob)
    const old = get(address, { ...credentials(alice), maxVersion: 'TLSv1.2' })
    await expect(old).rejects.toThrow(/version|alert/i)
  })

  it('serves requests on sessions too, with the same limit for bodies', async () => {
    const { address } = await listen(bob, { maxRequestBytes: 1000 })
    const session = await requestSession(address)
    const request = { method: 'POST', path: '/x', signal: never }
    const small = await session.request({ ...request, body: Buffer.alloc(1000) })
    expect(small.status).toBe(200)
    expect(JSON.parse(small.body.toString())).toMatchObject({ path: '/x', peer: { id: alice.id } })
    expect((await session.request({ ...request, body: Buffer.alloc(100_000) })).status).toBe(413)
  })

  it('sends a body of several parts as one, on a session too', async () => {
    const parts = ['[', '"Zürich"', ',', '"🏔"', ']'].map((part) => Buffer.from(part))
    const handler: RearHandler = async () => ({ status: 200, headers: {}, body: parts })
    const { address } = await listen(bob, {}, { handler })
    const whole = Buffer.concat(parts)
    const answer = await transportOf(alice).request({ address }, { method: 'GET', path: '/', signal: never })
    expect(answer.body.toString()).toBe(whole.toString())
    expect(answer.headers['content-length']).toBe(String(whole.length))
    const session = await requestSession(address)
    expect((await session.request({ method: 'GET', path: '/', signal: never })).body.toString()).toBe(
      whole.toString(),
    )
  })

  it('takes only openings that it understands, and only paths', async () => {
    const onStream = vi.fn()
    const { address } = await listen(bob, {}, { onStream })
    const session = await sessionTo(address)
    for (const opening of [null, 7, {}, { ...streamOpening, kind: 'x' }, { ...streamOpening, path: 'x' }]) {
      expect(await openOn(session, opening)).toMatchObject({ status: 400 })
    }
    expect(onStream).not.toHaveBeenCalled()
  })
})

function ecCredentials(): { cert: string; key: string } {
  return { cert: EC_CERTIFICATE, key: EC_KEY }
}

/** The certificate names alice's key, but the signature on it is not hers. */
function foreignCredentials(): { cert: string; key: string } {
  const key = { ...alice.key, privateKey: bob.key.privateKey }
  const { certificate } = createIdentity({ key, system: realSystem, name: 'forged' })
  return { cert: certificate, key: alice.privateKey }
}

describe('what a listener survives', () => {
  it('plain HTTP, garbage and half a handshake on the TLS port', async () => {
    const { address } = await listen(bob)
    await poke(address, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await poke(address, Buffer.alloc(10_000, 0xff))
    await poke(address, Buffer.from(`16030100${'00'.repeat(1000)}`, 'hex'))
    await expectAlive(address)
  })

  it('connections that are reset at any moment', async () => {
    const { address } = await listen(bob)
    for (let index = 0; index < 20; index++) {
      const socket = connectTcp(portOf(address), '127.0.0.1')
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.resetAndDestroy()
    }
    for (let index = 0; index < 20; index++) {
      const tcp = connectTcp(portOf(address), '127.0.0.1')
      const socket = tlsTo(address, index % 2 ? SESSION_PROTOCOL : 'http/1.1', tcp)
      await once(socket, 'secureConnect')
      socket.write(index % 4 < 2 ? 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc' : 'xx')
      tcp.resetAndDestroy()
    }
    await expectAlive(address)
  })

  it.each(['http/1.1', SESSION_PROTOCOL])('garbage inside TLS where %s was agreed on', async (protocol) => {
    const { address } = await listen(bob)
    const socket = tlsTo(address, protocol)
    await once(socket, 'secureConnect')
    const gone = new Promise((resolve) => socket.once('close', resolve))
    socket.resume().write(Buffer.alloc(5000, 0xff))
    await gone
    await expectAlive(address)
  })

  it('callers that never finish what they begin: handshake, headers, body', async () => {
    const { address } = await listen(bob, {
      handshakeTimeoutMs: 100,
      headersTimeoutMs: 100,
      requestTimeoutMs: 200,
    })
    await poke(address, '') // resolves when the listener hangs up
    for (const beginning of [
      'GET / HTTP/1.1\r\nhost: x\r\nx-slow: ',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc',
    ]) {
      const socket = tlsTo(address, 'http/1.1')
      await once(socket, 'secureConnect')
      socket.write(beginning)
      expect(await text(socket)).toContain('408')
    }
    const session = await sessionTo(address)
    const answer = Promise.withResolvers<unknown>()
    session.open({ kind: 'request', method: 'POST', path: '/', headers: {} }, answer.resolve)
    expect(await answer.promise).toMatchObject({ status: 408 })
    await expectAlive(address)
  })

  it('callers that connect for a session and never open a stream', async () => {
    const { address } = await listen(bob, { idleTimeoutMs: -LISTENER_PATIENCE_MS + 50 })
    const socket = tlsTo(address, SESSION_PROTOCOL)
    await once(socket, 'secureConnect')
    await once(socket.resume(), 'close')
    await expectAlive(address)
  })

  it('a client that opens and resets streams without end', async () => {
    const { address } = await listen(bob)
    const session = await sessionTo(address)
    for (let index = 0; index < 3000; index++) {
      session.open(streamOpening, () => undefined).destroy()
      if (index % 100 === 0) expect(await openOn(session, streamOpening)).toMatchObject({ status: 200 })
    }
    await expectAlive(address)
  })

  it('streams that are reset before the handler has made up its mind: it is not called for ever more', async () => {
    const decide = Promise.withResolvers<void>()
    const onStream = vi.fn(() => decide.promise)
    const { address } = await listen(bob, { maxStreamsPerConnection: 10 }, { onStream })
    const session = await sessionTo(address)
    for (let index = 0; index < 50; index++) session.open(streamOpening, () => undefined).destroy()
    expect(await openOn(session, streamOpening)).toMatchObject({ status: 429 })
    // Each in its turn.
    await vi.waitFor(() => expect(onStream).toHaveBeenCalledTimes(10))
    decide.resolve()
    await vi.waitFor(async () => expect(await openOn(session, streamOpening)).toMatchObject({ status: 200 }))
  })

  it('who may not, and lets more wait than there is room for: each is told something', async () => {
    const handler: RearHandler = Object.assign(
      () => Promise.resolve({ status: 200, headers: {}, body: undefined }),
      {
        admit: () => ({ refusal: { status: 403, headers: {}, body: undefined } }),
      },
    )
    const take: Turns['take'] = (name, work) => {
      if (name !== 'handshakes') return false
      void work()
      return true
    }
    const { address } = await listen(bob, {}, { handler, turns: { take, spent: () => undefined } })
    const session = await sessionTo(address)
    const opening = { kind: 'request', method: 'GET', path: '/', headers: {} }
    expect(await openOn(session, opening)).toMatchObject({ status: 429 })
  })

  it('headers beyond the limit', async () => {
    const { address } = await listen(bob, { maxHeaderBytes: 4096 })
    const response = await get(address, { ...credentials(alice), headers: { 'x-long': 'x'.repeat(10_000) } })
    expect([400, 431]).toContain(response.status)
    await expectAlive(address)
  })

  it('an impossible answer of its own handler', async () => {
    const { address } = await listen(
      bob,
      {},
      {
        handler: ({ path }) =>
          Promise.resolve(
            path === '/alive'
              ? { status: 200, headers: {}, body: undefined }
              : { status: 200, headers: { 'x-bad': 'a\nb' }, body: 'x' },
          ),
      },
    )
    expect((await get(address, credentials(alice))).status).toBe(500)
    await expectAlive(address)
  })

  it('a body far beyond the limit, of any announced length', async () => {
    const { address } = await listen(bob, { maxRequestBytes: 1000 })
    const send = (headers: Record<string, string>): Promise<string> => {
      const socket = tlsTo(address, 'http/1.1')
      socket.write(
        `POST / HTTP/1.1\r\nhost: x\r\n${Object.entries(headers)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n`,
      )
      return text(socket)
    }
    expect(await send({ 'content-length': '99999999999' })).toContain('413')
    const socket = tlsTo(address, 'http/1.1')
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
    for (let index = 0; index < 10; index++) socket.write(chunk)
    expect(await text(socket).catch((error: unknown) => String(error))).toMatch(/413|ECONNRESET|EPIPE/)
    await expectAlive(address)
  })
})

function tlsTo(
  address: string,
  protocol: string,
  over?: Socket,
  identity: { cert?: string; key?: string } = credentials(alice),
): TLSSocket {
  const socket = connectTls({
    ...(over && { socket: over }),
    port: portOf(address),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: [protocol],
    ...identity,
  })
  socket.on('error', () => undefined)
  return socket
}

describe('what a caller makes of the other end', () => {
  it('timeout, when it accepts the connection and says nothing; others are not held up', async () => {
    const silent = await serve(createTcpServer())
    const { address } = await listen(bob)
    const transport = transportOf(alice, { connectTimeoutMs: 300 })
    let settled = false
    const dead = ask(transport, silent, carol.id).finally(() => (settled = true))
    dead.catch(() => undefined)
    const stream = transport.openStream({ address: silent }, { path: '/', signal: never })
    stream.catch(() => undefined)
    expect((await ask(transport, address, bob.id)).status).toBe(200)
    expect(settled).toBe(false)
    await expect(dead).rejects.toEqual(failsWith('timeout'))
    await expect(stream).rejects.toEqual(failsWith('timeout'))
  })

  it('tls, when it speaks plain HTTP', async () => {
    const address = await serve(createHttpServer((_request, response) => response.end('hello')))
    await expect(ask(transportOf(alice), address)).rejects.toEqual(failsWith('tls'))
  })

  it("wrong-peer, when it has a certificate that is no node's", async () => {
    const address = await serve(createTlsServer({ cert: EC_CERTIFICATE, key: EC_KEY }))
    await expect(ask(transportOf(alice), address)).rejects.toEqual(failsWith('wrong-peer'))
  })

  it('protocol, when it answers no HTTP', async () => {
    const server = createTlsServer(credentials(bob), (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('220 mail.example ready\r\n'))
    })
    const address = await serve(server)
    await expect(ask(transportOf(alice), address, bob.id)).rejects.toEqual(failsWith('protocol'))
    await expect(
      transportOf(alice).openStream({ address, id: bob.id }, { path: '/', signal: never }),
    ).rejects.toEqual(failsWith('protocol'))
  })

  it('too-large, when it answers more than is read', async () => {
    const { address } = await listen(
      bob,
      {},
      {
        handler: () => Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(100_001) }),
      },
    )
    const transport = transportOf(alice, { maxResponseBytes: 100_000 })
    await expect(ask(transport, address, bob.id)).rejects.toEqual(failsWith('too-large'))
  })

  it('unreachable, when it hangs up before it has answered', async () => {
    const server = createTlsServer(credentials(bob), (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.destroy())
    })
    const address = await serve(server)
    const request = { method: 'POST', path: '/', body: 'x', signal: never }
    await expect(transportOf(alice).request({ address }, request)).rejects.toEqual(failsWith('unreachable'))
  })

  it.each(['', 'nowhere', 'host:0', 'host:99999', 'a b:1', '::1:80'])(
    'unreachable, when %j is no address',
    async (address) => {
      await expect(ask(transportOf(alice), address)).rejects.toEqual(failsWith('unreachable'))
    },
  )

  it('somebody new, when another node moved in and nobody in particular was asked for', async () => {
    const transport = transportOf(alice)
    const first = await listen(bob)
    expect((await ask(transport, first.address)).peer).toBe(bob.id)
    expect((await ask(transport, first.address, bob.id)).peer).toBe(bob.id)
    await first.close()
    await listen(carol, {}, { port: portOf(first.address) })
    const request = { method: 'POST', path: '/', body: 'x', signal: never }
    expect((await transport.request({ address: first.address }, request)).peer).toBe(carol.id)
    await expect(ask(transport, first.address, bob.id)).rejects.toEqual(failsWith('wrong-peer'))
  })

  it('gone, when the network swallows everything while a stream is open', async () => {
    const { address } = await listen(bob)
    const proxy = await swallowingProxy(address)
    const transport = transportOf(alice, { pingIntervalMs: 30 })
    const duplex = await transport.openStream(
      { address: proxy.address, id: bob.id },
      { path: '/', signal: never },
    )
    duplex.write('x')
    await once(duplex, 'data')
    proxy.swallow()
    await gone(duplex)
    expect(duplex.errored).toEqual(failsWith('unreachable'))
  })

  it('closes stream connections that nobody uses', async () => {
    const { address } = await listen(bob)
    const proxy = await swallowingProxy(address)
    const transport = transportOf(alice, { idleTimeoutMs: 30 })
    const duplex = await transport.openStream({ address: proxy.address }, { path: '/', signal: never })
    duplex.end('x')
    expect(await text(duplex)).toBe('x')
    await vi.waitFor(() => expect(proxy.connections()).toBe(0), { timeout: 20_000 })
  })

  it('opens another connection when the first one carries all the streams that it may', async () => {
    const { address } = await listen(bob, { maxStreamsPerConnection: 5 })
    const proxy = await swallowingProxy(address)
    const transport = transportOf(alice)
    const streams: Duplex[] = []
    for (let index = 0; index < 12; index++) {
      streams.push(await transport.openStream({ address: proxy.address }, { path: '/', signal: never }))
    }
    expect(proxy.connections()).toBe(3)
    for (const stream of streams) stream.destroy()
  })

  it('unreachable, when it takes no streams at all', async () => {
    const { address } = await listen(bob, { maxStreamsPerConnection: 0 })
    await expect(transportOf(alice).openStream({ address }, { path: '/', signal: never })).rejects.toEqual(
      failsWith('unreachable'),
    )
  })
})

function gone(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => duplex.once('close', () => resolve()))
}

/** A TCP relay that can stop relaying without closing anything. */
async function swallowingProxy(
  target: string,
): Promise<{ address: string; swallow(): void; connections(): number }> {
  let swallowing = false
  let open = 0
  const server = createTcpServer((near) => {
    open++
    const far = connectTcp(portOf(target), '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => undefined)
      from.on('data', (chunk) => {
        if (!swallowing) to.write(chunk)
      })
      from.once('close', () => to.destroy())
    }
    near.once('close', () => open--)
  })
  return { address: await serve(server), swallow: () => (swallowing = true), connections: () => open }
}

/** Self-signed, P-256, good for a century; made for these tests and good for nothing else. */
const EC_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUfAynOjjG74A0Hf/XbWq2AAxlMW0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxMTMzMTVaGA8yMTI2MTAyOTExMzMx
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEfu
TMJaVUBHoASOKy+qdhPMXKHF7/HvDrAbsbFF/0fdnVahVC6/J/TebNSUClcqSJcQ
rc/Dx4rnx3LZ4oryuj+jUzBRMB0GA1UdDgQWBBRsAuShQQTFwLFQzBk6cLC1sJrR
QzAfBgNVHSMEGDAWgBRsAuShQQTFwLFQzBk6cLC1sJrRQzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCro3QPBEd5eCKKV8BM7wfo4SNzWCq5O8pP
ke77jEInRAIgG0uqNGl/OT2W4ddDFdQEWwmq15AQAbKmcJVKhTnujb0=
-----END CERTIFICATE-----
`
const EC_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiJWe6SS5wxpTonmY
9UwkFcMxgPE6prW8wEmaUK6ku8ihRANCAARH7kzCWlVAR6AEjisvqnYTzFyhxe/x
7w6wG7GxRf9H3Z1WoVQuvyf03mzUlApXKkiXEK3Pw8eK58dy2eKK8ro/
-----END PRIVATE KEY-----
`
