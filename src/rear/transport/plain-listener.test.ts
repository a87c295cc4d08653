import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it, describe } from 'vitest'
import { silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { createPlainListener, type Listener, type RearRequest } from './index.ts'

let listener: Listener
let seen: RearRequest[]

beforeEach(async () => {
  seen = []
  listener = await createPlainListener({
    host: '127.0.0.1',
    port: 0,
    system: realSystem,
    log: silentLog,
    limits: { maxRequestBytes: 1000, closeGraceMs: 50 },
    handler: (request) => {
      seen.push(request)
      return Promise.resolve(
        request.path === '/none'
          ? { status: 204, headers: { 'content-type': 'application/json' }, body: undefined }
          : { status: 200, headers: { 'content-type': 'application/json' }, body: '[]' },
      )
    },
  })
})
afterEach(() => listener.close())

function port(): number {
  return Number(listener.address.split(':').at(-1))
}

function post(body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: port(), method: 'POST', path: '/x' },
      (response) => {
        response.resume()
        resolve(response.statusCode!)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

describe('plain listener', () => {
  it('serves a request as a Go client sends it: brackets unescaped, connection closed, nobody authenticated', async () => {
    const socket = connect(port(), '127.0.0.1')
    socket.write(
      'GET /api/v2/flavors/k8slice?filter[cpu][range][min]=1 HTTP/1.1\r\nHost: x\r\n' +
        'User-Agent: Go-http-client/1.1\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n',
    )
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/\r\n\r\n\[\]$/)
    expect(seen[0]).toMatchObject({
      method: 'GET',
      path: '/api/v2/flavors/k8slice?filter[cpu][range][min]=1',
      peer: undefined,
      body: undefined,
    })
  })

  it('sends 204 with its content type and without a body', async () => {
    const socket = connect(port(), '127.0.0.1')
    socket.write('GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 204 /)
    expect(answer.toLowerCase()).toContain('content-type: application/json')
    expect(answer.toLowerCase()).not.toContain('content-length')
    expect(answer).toMatch(/\r\n\r\n$/)
  })

  it('limits bodies', async () => {
    expect(await post(Buffer.alloc(1000))).toBe(200)
    expect(await post(Buffer.alloc(1001))).toBe(413)
    expect(seen).toHaveLength(1)
  })

  it('cannot be made twice on one port, and says so', async () => {
    const again = createPlainListener({
      host: '127.0.0.1',
      port: port(),
      system: realSystem,
      log: silentLog,
      handler: () => Promise.reject(new Error('never called')),
    })
    await expect(again).rejects.toMatchObject({ name: 'TransportError', code: 'unreachable' })
  })
})
