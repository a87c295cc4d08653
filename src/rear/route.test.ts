import Type from 'typebox'
import { describe, expect, it } from 'vitest'
import { silentLog, type Log } from '../kernel/log.ts'
import type { NodeId } from '../objects/ids.ts'
import type { RearRequest, RearResponse } from './transport/index.ts'
import { Problem } from './problem.ts'
import { createRearApp, type RearAppOptions, type Route, type RouteAccess, type RouteCall } from './route.ts'
import { bodyBytes } from './transport/index.ts'
import { WireReserveRequestSchema } from './wire/dealing.ts'
import { parseSelectorQuery } from './wire/selector-query.ts'

const peer = { id: 'did:key:zPeer' as NodeId, address: '192.0.2.9:4711' }

function request(method: string, path: string, more: Partial<RearRequest> = {}): RearRequest {
  return { method, path, headers: {}, body: undefined, peer, signal: new AbortController().signal, ...more }
}

function route(more: Partial<Route> & Pick<Route, 'method' | 'path'>): Route {
  return {
    operationId: `${more.method} ${more.path}`,
    summary: 'A test',
    access: 'anyone',
    responses: { 200: { description: 'Done' } },
    handle: async () => ({ status: 200 }),
    ...more,
  }
}

function app(routes: readonly Route[], options: Partial<RearAppOptions> = {}) {
  const serve = createRearApp(routes, { authorize: () => undefined, log: silentLog, ...options })
  return async (asked: RearRequest): Promise<RearResponse & { readonly json: any }> => {
    const response = await serve(asked)
    const text = bodyBytes(response.body).toString()
    return { ...response, json: text === '' ? undefined : JSON.parse(text) }
  }
}

/** A log that keeps what it is told as an error. */
function keepingLog(): { readonly log: Log; readonly errors: unknown[] } {
  const errors: unknown[] = []
  const log: Log = {
    ...silentLog,
    error: (line: unknown) => void errors.push(line),
    warn: () => {},
    child: () => log,
  }
  return { log, errors }
}

const json = (body: unknown): Partial<RearRequest> => ({
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
})

describe('finding the route', () => {
  const seen: RouteCall[] = []
  const note = (name: string) => async (call: RouteCall) => {
    seen.push(call)
    return { status: 200, body: { name } }
  }
  const serve = app([
    route({ method: 'GET', path: '/flavors/{flavorID}', handle: note('one') }),
    route({ method: 'GET', path: '/flavors/k8slice', handle: note('typed') }),
    route({ method: 'POST', path: '/flavors/{flavorID}/buy', handle: note('buy') }),
  ])

  it('literal segments win over parameters, whatever the order of the table', async () => {
    expect((await serve(request('GET', '/flavors/k8slice?a=1'))).json).toEqual({ name: 'typed' })
    expect(seen.at(-1)?.rawQuery).toBe('a=1')
    expect((await serve(request('GET', '/flavors/a%2Fb'))).json).toEqual({ name: 'one' })
    expect(seen.at(-1)?.params).toEqual({ flavorID: 'a/b' })
  })

  it.each([
    ['GET', '/flavors/', 404, 'route-not-found'],
    ['GET', '/flavors', 404, 'route-not-found'],
    ['GET', '/flavors//buy', 404, 'route-not-found'],
    ['GET', '/flavors/x/buy', 405, 'method-not-allowed'],
    ['HEAD', '/flavors/x', 405, 'method-not-allowed'],
    ['GET', '/flavors/%ff', 400, 'bad-request'],
  ])('%s %s is %i %s', async (method, path, status, code) => {
    const response = await serve(request(method, path))
    expect(response).toMatchObject({ status, headers: { 'content-type': 'application/problem+json' } })
    expect(response.json).toMatchObject({ status, code, type: `urn:tributary:problem:${code}` })
    if (status === 405) expect(response.headers['allow']).toBe(path.endsWith('buy') ? 'POST' : 'GET')
  })

  it('a table with a contradiction is refused at once', () => {
    const one = route({ method: 'GET', path: '/a/{x}' })
    expect(() => app([one, route({ method: 'GET', path: '/a/{y}' })])).toThrow(/two routes/)
    expect(() => app([one, route({ method: 'PUT', path: '/b', operationId: one.operationId })])).toThrow(
      /two routes/,
    )
  })
})

describe('who may', () => {
  it('is asked with the access of the route, before the body is looked at', async () => {
    const asked: RouteAccess[] = []
    const serve = app(
      [route({ method: 'POST', path: '/reserve', access: 'accepted', request: Type.Object({}) })],
      {
        authorize: (who, access) => {
          asked.push(access)
          return who ? undefined : new Problem('not-authenticated', 'who are you?')
        },
      },
    )
    const broken = { body: Buffer.from('{'), headers: { 'content-type': 'image/png' } }
    expect(await serve(request('POST', '/reserve', { ...broken, peer: undefined }))).toMatchObject({
      status: 401,
    })
    expect(await serve(request('POST', '/reserve', broken))).toMatchObject({ status: 415 })
    expect(asked).toEqual(['accepted', 'accepted'])
  })
})

describe('bodies', () => {
  let received: unknown
  const serve = app(
    [
      route({
        method: 'POST',
        path: '/reservations',
        request: WireReserveRequestSchema,
        handle: async ({ body }) => {
          received = body
          return { status: 200, body }
        },
      }),
      route({
        method: 'POST',
        path: '/optional',
        request: Type.Object({ n: Type.Optional(Type.Integer({ minimum: 1 })) }),
        bodyOptional: true,
        handle: async ({ body }) => ({ status: 200, body }),
      }),
    ],
    { maxBodyBytes: 1000 },
  )
  const good = { flavorID: 'f', buyerID: { ID: 'b', IP: '', domain: '' } }

  it('are read tolerantly and validated', async () => {
    const response = await serve(
      request('POST', '/reservations', json({ FlavorID: 'f', Buyer: { nodeID: 'b' } })),
    )
    expect(response.status).toBe(200)
    expect(received).toEqual(good)
  })

  it('may have parameters in their media type, or none at all', async () => {
    for (const headers of [{ 'content-type': 'application/json; charset=utf-8' }, {}] as const) {
      expect((await serve(request('POST', '/reservations', { ...json(good), headers }))).status).toBe(200)
    }
  })

  it('may be absent only where that is allowed', async () => {
    expect((await serve(request('POST', '/optional'))).json).toEqual({})
    expect((await serve(request('POST', '/reservations'))).json).toMatchObject({ code: 'malformed-body' })
  })

  it.each([
    ['not JSON', { body: Buffer.from('{"a":') }, 400, 'malformed-body', '$'],
    ['too deep', { body: Buffer.from('['.repeat(500)) }, 400, 'malformed-body', '$'],
    ['a member missing', json({ buyerID: good.buyerID }), 400, 'malformed-body', '$.flavorID'],
    [
      'a configuration of no known type',
      json({ ...good, configuration: { type: 'x', data: {} } }),
      422,
      'wrong-configuration',
      '$.configuration.type',
    ],
  ])('refused when %s, and the member is named', async (_title, more, status, code, path) => {
    const response = await serve(request('POST', '/reservations', more))
    expect(response.json).toMatchObject({ status, code, errors: [{ path }] })
  })

  it('refused when a rule of the schema is broken that the codec does not know', async () => {
    const response = await serve(request('POST', '/optional', json({ n: 0 })))
    expect(response.json).toMatchObject({ code: 'malformed-body', errors: [{ path: '$.n' }] })
  })

  it('refused when too large', async () => {
    const response = await serve(request('POST', '/reservations', json({ ...good, key: 'k'.repeat(1000) })))
    expect(response.json).toMatchObject({ status: 413, code: 'body-too-large' })
  })
})

describe('what handlers answer', () => {
  const answer = (handle: Route['handle'], options: Partial<RearAppOptions> = {}) =>
    app([route({ method: 'GET', path: '/', handle })], options)

  it('JSON that was encoded before is sent as it is', async () => {
    const serve = answer(async () => ({
      status: 200,
      encoded: [Buffer.from('[ '), Buffer.from('1]')],
      headers: { etag: '"1"' },
    }))
    const response = await serve(request('GET', '/'))
    expect(bodyBytes(response.body).toString()).toBe('[ 1]')
    expect(response.headers).toEqual({ 'content-type': 'application/json', etag: '"1"' })
  })

  it('no body is no body, and null is null', async () => {
    const none = await answer(async () => ({ status: 204 }))(request('GET', '/'))
    expect(none).toMatchObject({ status: 204, headers: {}, body: undefined })
    const nothing = await answer(async () => ({ status: 200, body: null }))(request('GET', '/'))
    expect(nothing.body).toBe('null')
  })

  it('a problem is told with its extensions and headers', async () => {
    const serve = answer(async () => {
      throw new Problem('too-many-requests', 'slow down', {
        headers: { 'retry-after': '3' },
        extensions: { limit: 5, status: 999 },
      })
    })
    const response = await serve(request('GET', '/'))
    expect(response).toMatchObject({ status: 429, headers: { 'retry-after': '3' } })
    expect(response.json).toMatchObject({
      code: 'too-many-requests',
      detail: 'slow down',
      limit: 5,
      status: 429,
    })
  })

  it('a bad selector is told with the filter and the reason', async () => {
    const serve = answer(async ({ rawQuery }) => ({
      status: 200,
      body: parseSelectorQuery('k8slice', rawQuery),
    }))
    expect((await serve(request('GET', '/?filter[cpu][match]=x'))).json).toMatchObject({
      status: 400,
      code: 'bad-selector',
      reason: 'bad-quantity',
      filter: 'cpu',
    })
  })

  it('internal error is hidden from the caller and told to the log', async () => {
    const { log, errors } = keepingLog()
    const secret = new Error('password is 1234')
    const serve = answer(
      async () => {
        throw secret
      },
      { log },
    )
    const response = await serve(request('GET', '/'))
    expect(response.status).toBe(500)
    expect(JSON.stringify(response)).not.toContain('1234')
    expect(errors).toEqual([expect.objectContaining({ err: secret })])
  })

  it('a request that was given up is not a fault', async () => {
    const { log, errors } = keepingLog()
    const controller = new AbortController()
    const serve = answer(
      async ({ signal }) => {
        controller.abort()
        signal.throwIfAborted()
        return { status: 200 }
      },
      { log },
    )
    expect((await serve(request('GET', '/', { signal: controller.signal }))).status).toBe(503)
    expect(errors).toEqual([])
  })
})
