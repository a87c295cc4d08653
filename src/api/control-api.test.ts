import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { StoreError, type ObjectStore } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { InvalidObject } from './index.ts'
import { deployment, DEPLOYMENTS, serve, widget, WIDGETS } from '../../test/support/control-api.ts'
import { WidgetKind } from '../../test/support/control-api-kinds.ts'
import { serveSecurely } from '../../test/support/secure-api.ts'

const GADGETS = '/apis/test.example.com/v1alpha1/gadgets'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

describe('objects', () => {
  it('are created, read, replaced, and deleted', async () => {
    const { call } = await serve()
    const created = await call('POST', WIDGETS, widget('a'))
    expect(created).toMatchObject({
      status: 201,
      json: { metadata: { name: 'a', namespace: 'default', generation: 1 }, spec: { replicas: 1 } },
    })
    expect((await call('GET', `${WIDGETS}/a`)).json).toEqual(created.json)
    const replaced = await call('PUT', `${WIDGETS}/a`, { ...created.json, spec: { replicas: 2 } })
    expect(replaced).toMatchObject({
      status: 200,
      json: { metadata: { generation: 2 }, spec: { replicas: 2 } },
    })
    const deleted = await call('DELETE', `${WIDGETS}/a`)
    expect(deleted.json).toMatchObject({ status: 'Success', details: { uid: created.json.metadata.uid } })
    expect(await call('GET', `${WIDGETS}/a`)).toMatchObject({
      status: 404,
      json: { kind: 'Status', reason: 'NotFound', code: 404, details: { name: 'a', kind: 'widgets' } },
    })
  })

  it('are written and read as YAML, too', async () => {
    const { call } = await serve()
    const yaml = { 'content-type': 'application/yaml', accept: 'application/yaml' }
    const created = await call('POST', WIDGETS, 'metadata: {name: a}\nspec: {replicas: 3}', yaml)
    expect(created.headers['content-type']).toBe('application/yaml')
    expect(parseYaml(created.text)).toMatchObject({ kind: 'Widget', spec: { replicas: 3 } })
  })

  it('get a name from generateName', async () => {
    const { call } = await serve()
    const body = { metadata: { generateName: 'w-' }, spec: { replicas: 1 } }
    const names = await Promise.all(
      [1, 2, 3].map(async () => (await call('POST', WIDGETS, body)).json.metadata.name),
    )
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(name).toMatch(/^w-[a-z0-9]{5}$/)
  })

  it('do not change version when an update or a patch changes nothing', async () => {
    const { call } = await serve()
    const { json } = await call('POST', WIDGETS, widget('a'))
    const { resourceVersion } = json.metadata
    expect((await call('PUT', `${WIDGETS}/a`, json)).json.metadata.resourceVersion).toBe(resourceVersion)
    expect((await call('PATCH', `${WIDGETS}/a`, {}, MERGE)).json.metadata.resourceVersion).toBe(
      resourceVersion,
    )
  })

  it('refuse an update of an older version, and take one without a version', async () => {
    const { call } = await serve()
    const { json: old } = await call('POST', WIDGETS, widget('a'))
    await call('PATCH', `${WIDGETS}/a`, { spec: { replicas: 5 } }, MERGE)
    expect(await call('PUT', `${WIDGETS}/a`, old)).toMatchObject({
      status: 409,
      json: { reason: 'Conflict' },
    })
    expect(
      await call(
        'PATCH',
        `${WIDGETS}/a`,
        { metadata: { resourceVersion: old.metadata.resourceVersion } },
        MERGE,
      ),
    ).toMatchObject({ status: 409 })
    expect(await call('PUT', `${WIDGETS}/a`, widget('a', { replicas: 6 }))).toMatchObject({
      status: 200,
      json: { spec: { replicas: 6 }, metadata: { uid: old.metadata.uid } },
    })
  })

  it('lose no patch when many are made at once', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a'))
    const keys = Array.from({ length: 15 }, (_, index) => `k${index}`)
    await Promise.all(
      keys.map((key) => call('PATCH', `${WIDGETS}/a`, { metadata: { labels: { [key]: 'x' } } }, MERGE)),
    )
    const { json } = await call('GET', `${WIDGETS}/a`)
    expect(Object.keys(json.metadata.labels).sort()).toEqual(keys.sort())
  })

  it('are not stored in a dry run', async () => {
    const { call } = await serve()
    expect(await call('POST', `${WIDGETS}?dryRun=All`, widget('a'))).toMatchObject({ status: 201 })
    expect(await call('GET', `${WIDGETS}/a`)).toMatchObject({ status: 404 })
    await call('POST', WIDGETS, widget('a'))
    expect(await call('PATCH', `${WIDGETS}/a?dryRun=All`, { spec: { replicas: 9 } }, MERGE)).toMatchObject({
      json: { spec: { replicas: 9 } },
    })
    await call('DELETE', `${WIDGETS}/a?dryRun=All`)
    expect((await call('GET', `${WIDGETS}/a`)).json.spec.replicas).toBe(1)
  })

  it('keep what the server says of them, whatever a client sends', async () => {
    const { call } = await serve()
    const metadata = {
      uid: 'mine',
      generation: 7,
      creationTimestamp: '2000-01-01T00:00:00Z',
      resourceVersion: '99',
    }
    const { json } = await call('POST', WIDGETS, widget('a', { replicas: 1 }, metadata))
    expect(json.metadata).not.toMatchObject({ uid: 'mine' })
    expect(json.metadata).not.toMatchObject({ creationTimestamp: '2000-01-01T00:00:00Z' })
    expect(json.metadata).toMatchObject({ generation: 1 })
    const patch = { metadata: { creationTimestamp: null, generation: 7 } }
    expect((await call('PATCH', `${WIDGETS}/a`, patch, MERGE)).json.metadata).toEqual(json.metadata)
  })

  it.each([
    ['another name', widget('b'), 400],
    ['another namespace', widget('a', { replicas: 1 }, { namespace: 'other' }), 400],
    ['another kind', { ...widget('a'), kind: 'Gadget' }, 400],
    ['another uid', widget('a', { replicas: 1 }, { uid: 'other' }), 409],
    ['a list for a body', [], 400],
    ['metadata that is a string', { metadata: 'x', spec: { replicas: 1 } }, 400],
  ])('refuse an update with %s', async (_title, body, status) => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a'))
    expect(await call('PUT', `${WIDGETS}/a`, body)).toMatchObject({ status, json: { kind: 'Status' } })
  })
})

describe('status', () => {
  it('is written through its subresource only', async () => {
    const { call } = await serve()
    const withStatus = { ...widget('a'), status: { phase: 'Up' } }
    const created = await call('POST', WIDGETS, withStatus)
    expect(created.json.status).toBeUndefined()
    const patched = await call(
      'PATCH',
      `${WIDGETS}/a/status`,
      { spec: { replicas: 9 }, status: { phase: 'Up' } },
      MERGE,
    )
    expect(patched.json).toMatchObject({
      spec: { replicas: 1 },
      status: { phase: 'Up' },
      metadata: { generation: 1 },
    })
    const updated = await call('PUT', `${WIDGETS}/a`, widget('a', { replicas: 2 }))
    expect(updated.json).toMatchObject({ spec: { replicas: 2 }, status: { phase: 'Up' } })
    expect(await call('PATCH', `${WIDGETS}/a/status`, { status: { phase: 3 } }, MERGE)).toMatchObject({
      status: 422,
    })
  })

  it('is written with the rest where there is no subresource', async () => {
    const { call } = await serve()
    await call('POST', GADGETS, { metadata: { name: 'g' } })
    await call('PATCH', `${GADGETS}/g`, { status: { a: 1 } }, MERGE)
    expect((await call('GET', `${GADGETS}/g`)).json.status).toEqual({ a: 1 })
    expect(await call('GET', `${GADGETS}/g/status`)).toMatchObject({ status: 404 })
  })
})

describe('validation', () => {
  it('answers 422 with a cause for each wrong field', async () => {
    const { call } = await serve()
    const answer = await call('POST', WIDGETS, widget('a', { replicas: 'x', color: 'green' }))
    expect(answer).toMatchObject({
      status: 422,
      json: {
        reason: 'Invalid',
        message: expect.stringContaining(
          'Widget.test.example.com "a" is invalid: [spec.replicas: Invalid value',
        ),
        details: { causes: [{ field: 'spec.replicas' }, { field: 'spec.color' }] },
      },
    })
  })

  it('says once what is wrong with a label', async () => {
    const { call } = await serve()
    const { status, json } = await call('POST', WIDGETS, widget('a', { replicas: 1 }, { labels: { a: 1 } }))
    expect(status).toBe(422)
    expect(json.details.causes).toMatchObject([{ field: 'metadata.labels.a' }])
    expect(json.message).toBe(
      'Widget.test.example.com "a" is invalid: metadata.labels.a: Invalid value: 1: must be string',
    )
  })

  it('treats unknown fields as fieldValidation says', async () => {
    const { call } = await serve()
    const body = widget('a', { replicas: 1, colour: 'red' })
    const strict = await call('POST', `${WIDGETS}?fieldValidation=Strict`, body)
    expect(strict).toMatchObject({ status: 400, json: { reason: 'BadRequest' } })
    expect(strict.json.message).toContain(
      'strict decoding error: unknown field "spec.colour" (did you mean "color"?)',
    )
    const warn = await call('POST', `${WIDGETS}?fieldValidation=Warn`, body)
    expect(warn.headers['warning']).toContain(String.raw`299 - "unknown field \"spec.colour\"`)
    expect(warn.json.spec).toEqual({ replicas: 1 })
    await call('DELETE', `${WIDGETS}/a`)
    const ignore = await call('POST', `${WIDGETS}?fieldValidation=Ignore`, body)
    expect(ignore).toMatchObject({ status: 201, json: { spec: { replicas: 1 } } })
    expect(ignore.headers['warning']).toBeUndefined()
  })

  it('lets admission refuse and change objects', async () => {
    const { call } = await serve({
      admit(_kind, object, operation) {
        const { spec } = object as { spec: { replicas: number } }
        if (spec.replicas > 10)
          throw new InvalidObject([{ field: 'spec.replicas', message: 'Forbidden: too many' }])
        return { ...(object as object), spec: { ...spec, color: operation === 'CREATE' ? 'red' : 'blue' } }
      },
    })
    expect((await call('POST', WIDGETS, widget('a'))).json.spec.color).toBe('red')
    expect(await call('PATCH', `${WIDGETS}/a`, { spec: { replicas: 11 } }, MERGE)).toMatchObject({
      status: 422,
      json: { details: { causes: [{ field: 'spec.replicas', message: 'Forbidden: too many' }] } },
    })
    expect((await call('PATCH', `${WIDGETS}/a`, { spec: { replicas: 2 } }, MERGE)).json.spec.color).toBe(
      'blue',
    )
  })
})

describe('patches', () => {
  it('of all three formats apply to built-in kinds, two of them to others', async () => {
    const { call } = await serve()
    await call('POST', DEPLOYMENTS, deployment('d', [{ name: 'a' }, { name: 'b' }]))
    await call('POST', WIDGETS, widget('a'))
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' }
    const patch = { spec: { template: { spec: { containers: [{ name: 'a', image: 'x' }] } } } }
    expect(
      (await call('PATCH', `${DEPLOYMENTS}/d`, patch, strategic)).json.spec.template.spec.containers,
    ).toEqual([{ name: 'a', image: 'x' }, { name: 'b' }])
    expect(await call('PATCH', `${WIDGETS}/a`, {}, strategic)).toMatchObject({ status: 415 })
    const json = { 'content-type': 'application/json-patch+json' }
    expect(
      await call('PATCH', `${WIDGETS}/a`, [{ op: 'replace', path: '/spec/replicas', value: 4 }], json),
    ).toMatchObject({ status: 200, json: { spec: { replicas: 4 } } })
    expect(
      await call('PATCH', `${WIDGETS}/a`, [{ op: 'test', path: '/spec/replicas', value: 5 }], json),
    ).toMatchObject({
      status: 422,
    })
  })

  it('of server-side apply are refused clearly', async () => {
    const { call } = await serve()
    const answer = await call('PATCH', `${WIDGETS}/a`, 'a: 1', {
      'content-type': 'application/apply-patch+yaml',
    })
    expect(answer).toMatchObject({ status: 415, json: { reason: 'UnsupportedMediaType' } })
    expect(answer.json.message).toContain('server-side apply is not supported')
  })

  it('cannot make an object larger than it may be', async () => {
    const { call } = await serve({ maxBodyBytes: 2000 })
    await call('POST', WIDGETS, widget('a', { replicas: 1, size: 'x'.repeat(1500) }))
    const patch = Array.from({ length: 5 }, (_, i) => ({
      op: 'copy',
      from: '/spec/size',
      path: `/metadata/annotations/a${i}`,
    }))
    const answer = await call(
      'PATCH',
      `${WIDGETS}/a`,
      [{ op: 'add', path: '/metadata/annotations', value: {} }, ...patch],
      { 'content-type': 'application/json-patch+json' },
    )
    expect(answer).toMatchObject({ status: 413 })
  })
})

describe('deletion', () => {
  it('waits for finalizers', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a', { replicas: 1 }, { finalizers: ['x/y'] }))
    const deleted = await call('DELETE', `${WIDGETS}/a`)
    expect(deleted.json.metadata.deletionTimestamp).toBeTypeOf('string')
    await call('PATCH', `${WIDGETS}/a`, { metadata: { finalizers: null } }, MERGE)
    expect(await call('GET', `${WIDGETS}/a`)).toMatchObject({ status: 404 })
  })

  it('honours preconditions', async () => {
    const { call } = await serve()
    const { json } = await call('POST', WIDGETS, widget('a'))
    expect(await call('DELETE', `${WIDGETS}/a`, { preconditions: { uid: 'other' } })).toMatchObject({
      status: 409,
    })
    const preconditions = { uid: json.metadata.uid, resourceVersion: json.metadata.resourceVersion }
    expect(await call('DELETE', `${WIDGETS}/a`, { preconditions })).toMatchObject({ status: 200 })
  })

  it('of a collection takes what is selected', async () => {
    const { call } = await serve()
    for (const name of ['a', 'b', 'c']) {
      await call('POST', WIDGETS, widget(name, { replicas: 1 }, { labels: { gone: String(name !== 'b') } }))
    }
    expect(await call('DELETE', `${WIDGETS}?labelSelector=gone%3Dtrue`)).toMatchObject({ status: 200 })
    expect((await call('GET', WIDGETS)).json.items.map((item: any) => item.metadata.name)).toEqual(['b'])
  })

  it('with propagationPolicy Orphan makes dependents forget their owner', async () => {
    const { call } = await serve()
    const { json: owner } = await call('POST', WIDGETS, widget('owner'))
    const reference = {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name: 'owner',
      uid: owner.metadata.uid,
    }
    await call('POST', WIDGETS, widget('child', { replicas: 1 }, { ownerReferences: [reference] }))
    await call('DELETE', `${WIDGETS}/owner`, { propagationPolicy: 'Orphan' })
    const { json: child } = await call('GET', `${WIDGETS}/child`)
    expect(child.metadata.ownerReferences ?? []).toEqual([])
  })
})

describe('lists', () => {
  it('are of one namespace or of all, in order', async () => {
    const { call } = await serve()
    for (const [namespace, name] of [
      ['x', 'b'],
      ['x', 'a'],
      ['default', 'c'],
    ] as const) {
      await call('POST', `/apis/test.example.com/v1alpha1/namespaces/${namespace}/widgets`, widget(name))
    }
    const names = async (path: string): Promise<string[]> =>
      (await call('GET', path)).json.items.map(
        (item: any) => `${item.metadata.namespace}/${item.metadata.name}`,
      )
    expect(await names('/apis/test.example.com/v1alpha1/widgets')).toEqual(['default/c', 'x/a', 'x/b'])
    expect(await names('/apis/test.example.com/v1alpha1/namespaces/x/widgets')).toEqual(['x/a', 'x/b'])
    expect(await names('/apis/test.example.com/v1alpha1/widgets?fieldSelector=metadata.name%3Da')).toEqual([
      'x/a',
    ])
  })

  it('come in pages, also of a selection', async () => {
    const { call } = await serve()
    for (let index = 0; index < 10; index++) {
      await call(
        'POST',
        WIDGETS,
        widget(`w${index}`, { replicas: 1 }, { labels: { even: String(index % 2 === 0) } }),
      )
    }
    for (const [selector, expected] of [
      ['', 10],
      ['&labelSelector=even%3Dtrue', 5],
    ] as const) {
      const names: string[] = []
      let token = ''
      do {
        const { json } = await call(
          'GET',
          `${WIDGETS}?limit=2${selector}&continue=${encodeURIComponent(token)}`,
        )
        expect(json.items.length).toBeLessThanOrEqual(2)
        names.push(...json.items.map((item: any) => item.metadata.name))
        token = json.metadata.continue ?? ''
      } while (token !== '')
      expect(new Set(names).size).toBe(expected)
      expect(names).toHaveLength(expected)
    }
  })

  it('refuse bad parameters', async () => {
    const { call } = await serve()
    for (const query of ['limit=x', 'continue=garbage', 'labelSelector=a+b', 'fieldSelector=a', 'limit=-1']) {
      expect(await call('GET', `${WIDGETS}?${query}`)).toMatchObject({ status: 400 })
    }
    // A field that the kind cannot be selected by is refused where Kubernetes refuses it.
    for (const query of ['fieldSelector=spec.replicas%3D1', 'watch=true&fieldSelector=spec.replicas%3D1']) {
      const answer = await call('GET', `${WIDGETS}?${query}`)
      expect(answer).toMatchObject({ status: 400, json: { reason: 'BadRequest' } })
      expect(answer.json.message).toBe('field label not supported: spec.replicas')
    }
    expect(await call('GET', `${WIDGETS}?includeObject=All`, undefined, TABLE)).toMatchObject({ status: 400 })
  })

  it('are tables with the columns of the kind', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a', { replicas: 3, color: 'red' }))
    const { json } = await call('GET', WIDGETS, undefined, TABLE)
    expect(json).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' })
    expect(json.columnDefinitions.map((column: any) => [column.name, column.priority])).toEqual([
      ['Name', 0],
      ['Replicas', 0],
      ['Ready', 0],
      ['Color', 1],
      ['Age', 0],
    ])
    expect(json.rows).toMatchObject([
      {
        cells: ['a', 3, null, 'red', expect.stringMatching(/^\d+s$/)],
        object: { kind: 'PartialObjectMetadata' },
      },
    ])
    const full = await call('GET', `${WIDGETS}/a?includeObject=Object`, undefined, TABLE)
    expect(full.json.rows[0].object.spec.replicas).toBe(3)
    const none = await call('GET', `${WIDGETS}?includeObject=None`, undefined, TABLE)
    expect(none.json.rows[0].object).toBeUndefined()
  })

  it('are metadata only, if so asked', async () => {
    const { call } = await serve()
    await call('POST', WIDGETS, widget('a'))
    const accept = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' }
    const { json } = await call('GET', WIDGETS, undefined, accept)
    expect(json.kind).toBe('PartialObjectMetadataList')
    expect(Object.keys(json.items[0]).sort()).toEqual(['apiVersion', 'kind', 'metadata'])
  })

  it('of events are empty where nobody records events', async () => {
    const { call } = await serve()
    for (const path of ['/api/v1/events', '/apis/events.k8s.io/v1/namespaces/default/events']) {
      expect(await call('GET', path)).toMatchObject({ status: 200, json: { kind: 'EventList', items: [] } })
      expect(await call('DELETE', path)).toMatchObject({ status: 405 })
    }
  })
})

describe('scale', () => {
  it('reads and sets replicas', async () => {
    const { call } = await serve()
    await call('POST', DEPLOYMENTS, deployment('d'))
    const scale = await call('GET', `${DEPLOYMENTS}/d/scale`)
    expect(scale.json).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { selector: 'app=d' } })
    await call('PATCH', `${DEPLOYMENTS}/d/scale`, { spec: { replicas: 4 } }, MERGE)
    expect((await call('GET', `${DEPLOYMENTS}/d`)).json.spec.replicas).toBe(4)
    expect(await call('PUT', `${DEPLOYMENTS}/d/scale`, scale.json)).toMatchObject({ status: 409 })
    expect(await call('PATCH', `${DEPLOYMENTS}/d/scale`, { spec: { replicas: -1 } }, MERGE)).toMatchObject({
      status: 422,
    })
    expect(await call('GET', `${WIDGETS}/a/scale`)).toMatchObject({ status: 404 })
  })
})

describe('pod logs', () => {
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } }
  const PODS = '/api/v1/namespaces/default/pods'

  it('are passed through with their options', async () => {
    const { call } = await serve({
      async *podLogs(key, { container, follow, tailLines }) {
        yield `${key.name} ${container} ${follow} ${tailLines}\n`
      },
    })
    await call('POST', PODS, pod)
    const answer = await call('GET', `${PODS}/p/log?container=c&tailLines=7`)
    expect(answer).toMatchObject({ status: 200, text: 'p c false 7\n' })
    expect(await call('GET', `${PODS}/q/log`)).toMatchObject({ status: 404 })
    expect(await call('GET', `${PODS}/p/log?tailLines=x`)).toMatchObject({ status: 400 })
    expect(await call('GET', `${PODS}/p/log?previous=true`)).toMatchObject({ status: 400 })
  })

  it('fail with a status when they fail at once', async () => {
    const { call } = await serve({
      // eslint-disable-next-line require-yield
      async *podLogs() {
        throw new StoreError('Unavailable', 'the provider cannot be reached')
      },
    })
    await call('POST', PODS, pod)
    expect(await call('GET', `${PODS}/p/log`)).toMatchObject({ status: 503 })
  })
})

describe('discovery', () => {
  it('lists groups, versions and resources in the legacy form', async () => {
    const { call } = await serve()
    expect((await call('GET', '/api')).json).toMatchObject({ versions: ['v1'] })
    const { json } = await call('GET', '/apis')
    expect(json.groups.map((group: any) => group.name)).toContain('test.example.com')
    expect((await call('GET', '/apis/test.example.com')).json).toMatchObject({
      preferredVersion: { version: 'v1alpha1' },
    })
    const list = (await call('GET', '/apis/test.example.com/v1alpha1')).json
    expect(list.resources.map((resource: any) => resource.name)).toEqual([
      'widgets',
      'widgets/status',
      'gadgets',
    ])
    expect(await call('GET', '/apis/none.example.com')).toMatchObject({ status: 404 })
    expect(await call('GET', '/apis/test.example.com/v9')).toMatchObject({ status: 404 })
  })

  it('lists all in one document in the aggregated form', async () => {
    const { call } = await serve()
    const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const answer = await call('GET', '/apis', undefined, { accept: `${type},application/json` })
    expect(answer.headers['content-type']).toBe(type)
    const apps = answer.json.items.find((group: any) => group.metadata.name === 'apps')
    expect(apps.versions[0].resources[0]).toMatchObject({
      resource: 'deployments',
      scope: 'Namespaced',
      subresources: [{ subresource: 'status' }, { subresource: 'scale', responseKind: { kind: 'Scale' } }],
    })
  })

  it('describes every kind with OpenAPI, and the group it is in', async () => {
    const { call } = await serve()
    const { json: index } = await call('GET', '/openapi/v3')
    const url = index.paths['apis/test.example.com/v1alpha1'].serverRelativeURL
    const { json: document } = await call('GET', url)
    expect(document.components.schemas['com.example.test.v1alpha1.Widget']).toMatchObject({
      properties: {
        spec: { properties: { replicas: { type: 'integer' }, color: { enum: ['red', 'blue'] } } },
      },
      'x-kubernetes-group-version-kind': [{ group: 'test.example.com', version: 'v1alpha1', kind: 'Widget' }],
    })
    expect(await call('GET', '/openapi/v3/apis/none/v1')).toMatchObject({ status: 404 })
  })
})

describe('errors', () => {
  it('of the store are told with the right reason', async () => {
    const inner = createMemoryStore({ system: realSystem }).store
    const store: ObjectStore = {
      ...inner,
      list: () => Promise.reject(new StoreError('Unavailable', 'the disk is full')),
      get: () => Promise.reject(new Error('secret detail')),
    }
    const { call } = await serve({ store })
    expect(await call('GET', WIDGETS)).toMatchObject({
      status: 503,
      json: { reason: 'ServiceUnavailable', message: 'the disk is full' },
      headers: { 'retry-after': '1' },
    })
    const internal = await call('GET', `${WIDGETS}/a`)
    expect(internal).toMatchObject({ status: 500, json: { reason: 'InternalError' } })
    expect(internal.text).not.toContain('secret')
  })

  it.each([
    ['POST', `${WIDGETS}/a`, 405],
    ['PUT', WIDGETS, 405],
    ['POST', '/apis/test.example.com/v1alpha1/widgets', 405],
    ['POST', '/apis', 405],
    ['GET', '/apis/test.example.com/v1alpha1/widgets/a', 404],
    ['GET', '/apis/test.example.com/v1alpha1/namespaces/x/gadgets/a', 404],
    ['GET', '/apis/test.example.com/v1alpha1/nothings', 404],
    ['GET', '/nowhere', 404],
  ])('%s %s is %i', async (method, path, status) => {
    const { call } = await serve()
    expect(await call(method, path, method === 'GET' ? undefined : widget('a'))).toMatchObject({
      status,
      json: { kind: 'Status', status: 'Failure', code: status },
    })
  })

  it('say when only an unknown format is accepted or sent', async () => {
    const { call } = await serve()
    const protobuf = 'application/vnd.kubernetes.protobuf'
    expect(await call('GET', WIDGETS, undefined, { accept: protobuf })).toMatchObject({ status: 406 })
    expect(await call('GET', WIDGETS, undefined, { accept: `${protobuf},application/json` })).toMatchObject({
      status: 200,
    })
    expect(await call('POST', WIDGETS, 'k8s', { 'content-type': protobuf })).toMatchObject({ status: 415 })
  })

  it('say that a body is too large', async () => {
    const { call } = await serve({ maxBodyBytes: 100 })
    expect(await call('POST', WIDGETS, widget('a', { replicas: 1, size: 'x'.repeat(200) }))).toMatchObject({
      status: 413,
      json: { reason: 'RequestEntityTooLarge' },
    })
  })

  it('say that an object is larger than the store takes', async () => {
    const { store } = createMemoryStore({ system: realSystem, objectBytes: 1_000 })
    const { call } = await serve({ store })
    await call('POST', WIDGETS, widget('small'))
    const size = 'x'.repeat(1_000)
    for (const answer of [
      await call('POST', WIDGETS, widget('a', { replicas: 1, size })),
      await call('PATCH', `${WIDGETS}/small`, { spec: { size } }, MERGE),
    ]) {
      expect(answer).toMatchObject({
        status: 413,
        json: { kind: 'Status', code: 413, reason: 'RequestEntityTooLarge', details: { kind: 'widgets' } },
      })
      expect(answer.json.message).toContain('1000')
    }
  })
})

describe('extra routes', () => {
  it('get parameters, query and decoded body, and answer in any form', async () => {
    const { call } = await serve({
      extra: [
        {
          method: 'POST',
          path: '/tributary/v1/echo/:name',
          access: 'viewer',
          handler: async ({ params, query, body }) => ({ status: 201, body: { params, query, body } }),
        },
        {
          method: 'GET',
          path: '/metrics',
          access: 'viewer',
          handler: async () => ({ status: 200, body: 'a 1\n' }),
        },
        {
          method: 'GET',
          path: '/tributary/v1/stream',
          access: 'viewer',
          handler: async () => ({
            status: 200,
            headers: { 'Content-Type': 'text/event-stream' },
            body: (async function* () {
              yield 'one'
              yield Buffer.from('two')
            })(),
          }),
        },
        {
          method: 'GET',
          path: '/readyz',
          access: 'viewer',
          handler: async () => ({ status: 503, body: 'not yet' }),
        },
      ],
    })
    expect(await call('POST', '/tributary/v1/echo/x?a=b', { c: 1 })).toMatchObject({
      status: 201,
      json: { params: { name: 'x' }, query: { a: 'b' }, body: { c: 1 } },
    })
    expect((await call('GET', '/metrics')).text).toBe('a 1\n')
    const stream = await call('GET', '/tributary/v1/stream')
    expect(stream.text).toBe('onetwo')
    expect(stream.headers['content-type']).toBe('text/event-stream')
    expect(await call('GET', '/readyz')).toMatchObject({ status: 503, text: 'not yet' })
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200, text: 'ok' })
  })
})

describe('the component', () => {
  it('starts and stops twice without harm, and starts again', async () => {
    const { api, call } = await serve()
    await api.start()
    expect(await call('GET', '/version')).toMatchObject({ status: 200 })
    await api.stop()
    await api.stop()
    expect(() => api.address).toThrow()
    await api.start()
    expect(api.address.socket).toMatch(/control\.sock$/)
  })

  it('ends watches when it stops', async () => {
    const { api, stream } = await serve()
    const watch = await stream(`${WIDGETS}?watch=true`)
    await api.stop()
    expect(await watch.next().catch(() => undefined)).toBeUndefined()
  })

  it('reports a port that is taken', async () => {
    const { port } = await serveSecurely()
    await expect(serveSecurely({}, { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE')
  })
})

describe('web pages', () => {
  it('of other origins and names are refused', async () => {
    const { call, port } = await serveSecurely()
    const get = async (headers: Record<string, string>): Promise<number> =>
      (await call('GET', WIDGETS, undefined, headers)).status
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'tributary.localhost']) {
      expect([host, await get({ host })]).toEqual([host, 200])
    }
    for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`, '10.0.0.1', 'localhost.evil']) {
      expect([host, await get({ host })]).toEqual([host, 403])
    }
    for (const origin of [`https://localhost:${port}`, `https://127.0.0.1:${port}`]) {
      expect([origin, await get({ origin })]).toEqual([origin, 200])
    }
    for (const origin of [
      'null',
      'https://evil.example',
      'http://localhost:1',
      `http://localhost.evil:${port}`,
      'x',
    ]) {
      expect([origin, await get({ origin })]).toEqual([origin, 403])
    }
  })

  it('are refused on extra routes, too', async () => {
    const { call } = await serveSecurely({
      extra: [
        {
          method: 'GET',
          path: '/metrics',
          access: 'viewer',
          handler: async () => ({ status: 200, body: '' }),
        },
      ],
    })
    for (const path of ['/metrics', '/healthz', '/nowhere', '/openapi/v3']) {
      expect(await call('GET', path, undefined, { origin: 'https://evil.example' })).toMatchObject({
        status: 403,
      })
    }
  })

  it('reach a name that was allowed', async () => {
    const { call } = await serveSecurely({ allowedHosts: ['node-a'] })
    expect(await call('GET', WIDGETS, undefined, { host: 'node-a:7000' })).toMatchObject({ status: 200 })
  })
})

describe('raw sockets', () => {
  it('that send garbage get an error, and harm nobody', async () => {
    const { socket: path, call } = await serve()
    for (const garbage of [
      '\x16\x03\x01garbage',
      'GET\r\n\r\n',
      `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(20_000)}\r\n`,
    ]) {
      const socket = connect({ path })
      socket.on('error', () => undefined)
      socket.write(garbage, 'latin1')
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
    }
    expect(await call('GET', WIDGETS)).toMatchObject({ status: 200 })
  })
})

it('stores what the store says, not what it says itself', async () => {
  const { call, store } = await serve()
  const { json } = await call('POST', WIDGETS, widget('a'))
  expect(await store.get(WidgetKind, { namespace: 'default', name: 'a' })).toEqual(json)
})
