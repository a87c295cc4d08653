import { readFileSync, statSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AccessTokenKind } from '../../objects/access-token.ts'
import { serve, widget, WIDGETS } from '../../../test/support/control-api.ts'
import { PodKind, TEST_KINDS, WidgetKind } from '../../../test/support/control-api-kinds.ts'
import { serveSecurely } from '../../../test/support/secure-api.ts'
import { temporaryFolder } from '../../../test/cli/support/run.ts'

const CAN_I = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
const SECRET_WIDGETS = [
  ...TEST_KINDS.filter((kind) => kind !== WidgetKind),
  { ...WidgetKind, confidential: true },
]

const mayI = (verb: string, group: string, resource: string, subresource = '') => ({
  spec: { resourceAttributes: { verb, group, resource, subresource } },
})

describe('the socket', () => {
  it('is for the owner alone', async () => {
    const { socket } = await serve()
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
  })

  it('is elsewhere, in a folder of its own, where its path would be too long', async () => {
    const socket = join(temporaryFolder(), 'x'.repeat(100), 'control.sock')
    const { api, call } = await serve({ socket })
    expect(api.address.socket).not.toBe(socket)
    expect(statSync(dirname(api.address.socket)).mode & 0o777).toBe(0o700)
    expect(await call('GET', '/version')).toMatchObject({ status: 200 })
    const { socket: path } = api.address
    await api.stop()
    expect(() => statSync(dirname(path))).toThrow('ENOENT')
  })
})

describe('HTTPS', () => {
  it('shows a P-256 certificate of an authority that stays the same', async () => {
    const { authority, directory } = await serveSecurely()
    const issuer = new X509Certificate(authority)
    const server = new X509Certificate(readFileSync(join(directory, 'control', 'server.crt')))
    expect(issuer.ca).toBe(true)
    expect(server.verify(issuer.publicKey)).toBe(true)
    expect(server.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1')
    for (const file of ['server.key', 'authority.key'])
      expect(statSync(join(directory, 'control', file)).mode & 0o777).toBe(0o600)
  })

  it.each(['/api/v1', '/healthz', '/version', '/openapi/v3', '/nowhere', WIDGETS])(
    'answers %s to nobody without a token',
    async (path) => {
      const { call } = await serveSecurely()
      for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Basic YTpi' }]) {
        expect(await call('GET', path, undefined, headers as Record<string, string>, null)).toMatchObject({
          status: 401,
          json: { kind: 'Status', reason: 'Unauthorized', code: 401 },
        })
      }
    },
  )
})

describe('a token', () => {
  it('counts until it is revoked, and a watch under it ends then', async () => {
    const { call, tokens, tokenFor, watch } = await serveSecurely()
    const [{ name, token }, other] = [await tokenFor('viewer'), await tokenFor('viewer')]
    await call('POST', WIDGETS, widget('a'))
    const [ends, stays] = [
      await watch(`${WIDGETS}?watch=true`, token),
      await watch(`${WIDGETS}?watch=true`, other.token),
    ]
    for (const each of [ends, stays])
      expect(await each.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } })
    await tokens.revoke(name)
    expect(await ends.next()).toBeUndefined()
    // Not because all end: one under another token goes on.
    await call('POST', WIDGETS, widget('b'))
    expect(await stays.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } })
    expect(await call('GET', WIDGETS, undefined, {}, token)).toMatchObject({ status: 401 })
  })

  it('counts until it expires, and a watch under it ends then', async () => {
    const { call, tokenFor, watch } = await serveSecurely()
    const [{ token }, other] = [await tokenFor('viewer', 3_000), await tokenFor('viewer')]
    await call('POST', WIDGETS, widget('a'))
    const [ends, stays] = [
      await watch(`${WIDGETS}?watch=true`, token),
      await watch(`${WIDGETS}?watch=true`, other.token),
    ]
    for (const each of [ends, stays]) expect(await each.next()).toMatchObject({ type: 'ADDED' })
    expect(await ends.next()).toBeUndefined()
    await call('POST', WIDGETS, widget('b'))
    expect(await stays.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } })
    expect(await call('GET', WIDGETS, undefined, {}, token)).toMatchObject({ status: 401 })
  })

  it('is stored as its hash alone', async () => {
    const { tokenFor, local } = await serveSecurely()
    const { token } = await tokenFor('admin')
    const { items } = await local.store.list(AccessTokenKind)
    const [, , secret = ''] = token.split('_')
    expect(secret).toHaveLength(64)
    expect(JSON.stringify(items)).not.toContain(secret)
  })

  it('for a kubeconfig takes the place of the oldest of five', async () => {
    const { tokens } = await serveSecurely()
    const names: string[] = []
    for (let count = 0; count < 8; count++) {
      const { object } = await tokens.create({ role: 'admin', lifetimeMs: 60_000, purpose: 'kubeconfig' })
      names.push(object.metadata.name)
    }
    const left = (await tokens.list()).filter(({ spec }) => spec.purpose === 'kubeconfig')
    expect(left).toHaveLength(5)
    expect(left.map(({ metadata }) => metadata.name)).toContain(names.at(-1))
  })

  it('is made through the socket only', async () => {
    const { call, local } = await serveSecurely()
    const wanted = { role: 'viewer', expiresSeconds: 60 }
    expect(await call('POST', '/tributary/v1/tokens', wanted)).toMatchObject({ status: 403 })
    expect(await local.call('POST', '/tributary/v1/tokens', wanted)).toMatchObject({
      status: 201,
      json: { role: 'viewer', token: expect.stringMatching(/^tributary_/) },
    })
  })
})

describe('a viewer', () => {
  it('reads, and writes nothing', async () => {
    const { call, tokenFor } = await serveSecurely()
    const { token } = await tokenFor('viewer')
    await call('POST', WIDGETS, widget('a'))
    expect(await call('GET', `${WIDGETS}/a`, undefined, {}, token)).toMatchObject({ status: 200 })
    for (const [method, path] of [
      ['POST', WIDGETS],
      ['PUT', `${WIDGETS}/a`],
      ['PATCH', `${WIDGETS}/a`],
      ['DELETE', `${WIDGETS}/a`],
      ['DELETE', WIDGETS],
      ['PATCH', `${WIDGETS}/a/status`],
    ] as const) {
      expect(await call(method, path, widget('a'), {}, token)).toMatchObject({
        status: 403,
        json: { reason: 'Forbidden', message: expect.stringContaining('a viewer only looks') },
      })
    }
  })

  it('sees nothing of a confidential kind', async () => {
    const { call, tokenFor, watch } = await serveSecurely({ kinds: SECRET_WIDGETS })
    const [{ token }, admin] = [await tokenFor('viewer'), await tokenFor('admin')]
    await call('POST', WIDGETS, widget('a'))
    // There is something to be seen.
    expect(await (await watch(`${WIDGETS}?watch=true`, admin.token)).next()).toMatchObject({ type: 'ADDED' })
    expect(await watch(`${WIDGETS}?watch=true`, token)).toMatchObject({ status: 403 })
    for (const path of [WIDGETS, `${WIDGETS}/a`, `${WIDGETS}?watch=true`, `${WIDGETS}/a/status`])
      expect(await call('GET', path, undefined, {}, token)).toMatchObject({ status: 403 })
  })
})

describe('reviews', () => {
  it('say who one is', async () => {
    const { call, tokenFor } = await serveSecurely()
    const { name, token } = await tokenFor('viewer')
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    expect(await call('POST', path, {}, {}, token)).toMatchObject({
      status: 201,
      json: { status: { userInfo: { username: `tributary:token:${name}` } } },
    })
  })

  it('say what one may, as it then is', async () => {
    const { call, tokenFor } = await serveSecurely({ kinds: [...SECRET_WIDGETS] })
    const viewer = await tokenFor('viewer')
    const group = WidgetKind.group
    for (const [body, admin, other] of [
      [mayI('list', group, 'widgets'), true, false],
      [mayI('get', '', PodKind.plural), true, true],
      [mayI('create', '', PodKind.plural), true, false],
      // What there is not nobody may.
      [mayI('get', '', PodKind.plural, 'exec'), false, false],
      [mayI('get', '', PodKind.plural, 'status'), true, true],
      [mayI('create', '', PodKind.plural, 'status'), false, false],
      [mayI('get', 'no.such.group', 'things'), false, false],
      // Nobody: events.k8s.io is for reading alone.
      [mayI('*', '*', '*'), false, false],
      [mayI('*', group, 'widgets'), true, false],
    ] as const) {
      const answers = [await call('POST', CAN_I, body), await call('POST', CAN_I, body, {}, viewer.token)]
      expect([body, ...answers.map(({ json }) => json.status.allowed)]).toEqual([body, admin, other])
    }
  })
})
