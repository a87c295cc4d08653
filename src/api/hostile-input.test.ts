import fc from 'fast-check'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { deployment, DEPLOYMENTS, serve, widget, WIDGETS } from '../../test/support/control-api.ts'

const TYPES = [
  'application/json',
  'application/yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'text/plain',
  '',
]

/** Values that look like parts of objects and patches. */
const key = fc.constantFrom(
  'metadata',
  'spec',
  'status',
  'name',
  'namespace',
  'labels',
  'replicas',
  'template',
  'containers',
  'kind',
  'op',
  'path',
  'value',
  'from',
  '$patch',
  '$setElementOrder/containers',
  '$retainKeys',
  '$deleteFromPrimitiveList/x',
  'constructor',
  'prototype',
  'toString',
  'finalizers',
  'ownerReferences',
  'parts',
  'source',
  'resourceVersion',
)
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.double(),
      fc.constantFrom('a', 'delete', 'replace', '/spec/replicas'),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
}))

describe('whatever is sent', () => {
  it('gets an answer that is no internal error, and kills nothing', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a'))
    await call('POST', DEPLOYMENTS, deployment('d', [{ name: 'c' }]))
    const paths = [
      WIDGETS,
      `${WIDGETS}/a`,
      `${WIDGETS}/a/status`,
      DEPLOYMENTS,
      `${DEPLOYMENTS}/d`,
      `${DEPLOYMENTS}/d/scale`,
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'GET'),
        fc.constantFrom(...paths),
        fc.constantFrom(...TYPES),
        fc.oneof(
          anything.map((value) => Buffer.from(JSON.stringify(value))),
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        ),
        async (method, path, type, body) => {
          const answer = await call(method, path, body, { 'content-type': type })
          expect(answer.status).toBeLessThan(500)
        },
      ),
      { numRuns: 400 },
    )
    // They may have been changed or deleted by now; the server is there.
    expect((await call('GET', WIDGETS)).status).toBe(200)
  })

  it('in a path or a query gets an answer that is no internal error', async () => {
    const { call } = await serve()
    const segment = fc.oneof(
      fc.constantFrom(
        'api',
        'apis',
        'v1',
        'namespaces',
        'default',
        'widgets',
        'pods',
        '%',
        '%zz',
        '%00',
        '%2F',
        '..',
        '',
        '%ff',
        '__proto__',
        '*',
        ':x',
      ),
      fc.stringMatching(/^[!-"$-~]{0,20}$/),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { maxLength: 8 }),
        fc.dictionary(
          fc.constantFrom(
            'watch',
            'limit',
            'continue',
            'labelSelector',
            'fieldSelector',
            'dryRun',
            'pretty',
            'includeObject',
          ),
          fc.string(),
        ),
        async (segments, query) => {
          // A real watch would last for ever.
          const text = new URLSearchParams({ ...query, timeoutSeconds: '1', watch: 'false' }).toString()
          const answer = await call('GET', `/${segments.join('/')}?${text}`)
          expect(answer.status).toBeLessThan(500)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('over a raw socket kills nothing', async () => {
    const { socket: path, call } = await serve()
    const piece = fc.oneof(
      fc.constantFrom(
        'GET ',
        'POST ',
        WIDGETS,
        ' HTTP/1.1\r\n',
        'Host: localhost\r\n',
        'Content-Length: 5\r\n',
        'Transfer-Encoding: chunked\r\n',
        '\r\n',
        '{}',
        'Expect: 100-continue\r\n',
        'Upgrade: websocket\r\nConnection: Upgrade\r\n',
      ),
      fc.string({ unit: 'binary', maxLength: 30 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const socket = connect({ path })
        socket.on('error', () => undefined)
        socket.resume()
        socket.end(pieces.join(''), 'latin1')
        await new Promise((resolve) => socket.once('close', resolve))
      }),
      { numRuns: 100 },
    )
    expect(await call('GET', WIDGETS)).toMatchObject({ status: 200 })
  })

  it('does not pollute prototypes', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, '{"metadata":{"name":"a","labels":{"__proto__":"x"}},"spec":{"replicas":1}}')
    await call(
      'POST',
      WIDGETS,
      '{"metadata":{"name":"a"},"spec":{"replicas":1,"constructor":{"prototype":{"polluted":1}}}}',
    )
    await call('PATCH', `${WIDGETS}/a`, '{"__proto__":{"polluted":1}}', {
      'content-type': 'application/merge-patch+json',
    })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
