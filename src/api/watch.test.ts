import { describe, expect, it } from 'vitest'
import { type Stream, serve, type TestApi, widget, WIDGETS } from '../../test/support/control-api.ts'

const MERGE = { 'content-type': 'application/merge-patch+json' }

async function events(stream: Stream, count: number): Promise<string[]> {
  const result: string[] = []
  while (result.length < count) {
    const event = await stream.next()
    if (event === undefined) break
    result.push(
      `${event.type} ${event.object?.metadata?.name ?? event.object?.rows?.[0]?.cells[0] ?? ''}`.trim(),
    )
  }
  return result
}

async function label({ call }: TestApi, name: string, labels: object): Promise<void> {
  await call('PATCH', `${WIDGETS}/${name}`, { metadata: { labels } }, MERGE)
}

describe('watches', () => {
  it('from a version give every change after it', async () => {
    const { call, stream } = await serve()
    await call('POST', WIDGETS, widget('a'))
    const { json } = await call('GET', WIDGETS)
    const watch = await stream(`${WIDGETS}?watch=true&resourceVersion=${json.metadata.resourceVersion}`)
    await call('POST', WIDGETS, widget('b'))
    await call('PATCH', `${WIDGETS}/a`, { spec: { replicas: 2 } }, MERGE)
    await call('PATCH', `${WIDGETS}/a`, {}, MERGE)
    await call('DELETE', `${WIDGETS}/b`)
    expect(await events(watch, 3)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b'])
    watch.close()
  })

  it('without a version begin with what is there', async () => {
    const { call, stream } = await serve()
    await call('POST', WIDGETS, widget('a'))
    for (const query of ['watch=1', 'watch=true&resourceVersion=0']) {
      const watch = await stream(`${WIDGETS}?${query}`)
      expect(await events(watch, 1)).toEqual(['ADDED a'])
      watch.close()
    }
  })

  it('of one object are possible', async () => {
    const { call, stream } = await serve()
    await call('POST', WIDGETS, widget('a'))
    const watch = await stream(`${WIDGETS}/b?watch=true`)
    await call('POST', WIDGETS, widget('b'))
    expect(await events(watch, 1)).toEqual(['ADDED b'])
    watch.close()
  })

  it('mark the end of the initial events for clients that ask', async () => {
    const { call, stream } = await serve()
    await call('POST', WIDGETS, widget('a'))
    const watch = await stream(
      `${WIDGETS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
    )
    expect(await events(watch, 1)).toEqual(['ADDED a'])
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'Widget',
        metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    })
    watch.close()
  })

  it('of a selection tell when an object comes into it and when it leaves', async () => {
    const test = await serve()
    const { call, stream } = test
    await call('POST', WIDGETS, widget('in', { replicas: 1 }, { labels: { on: 'yes' } }))
    await call('POST', WIDGETS, widget('out'))
    const { json } = await call('GET', WIDGETS)
    const selector = 'labelSelector=on%3Dyes'
    const watch = await stream(
      `${WIDGETS}?watch=true&${selector}&resourceVersion=${json.metadata.resourceVersion}`,
    )
    await label(test, 'out', { other: 'x' })
    await label(test, 'out', { on: 'yes' })
    await label(test, 'in', { on: 'no' })
    await label(test, 'in', { other: 'x' })
    await call('DELETE', `${WIDGETS}/in`)
    await call('DELETE', `${WIDGETS}/out`)
    expect(await events(watch, 3)).toEqual(['ADDED out', 'DELETED in', 'DELETED out'])
    watch.close()
  })

  it('of a selection do not leave a client with an object that left it before the watch began', async () => {
    const test = await serve()
    const { call, stream } = test
    await call('POST', WIDGETS, widget('a', { replicas: 1 }, { labels: { on: 'yes' } }))
    const { json } = await call('GET', WIDGETS)
    await label(test, 'a', { on: 'no' })
    const selector = 'labelSelector=on%3Dyes'
    const watch = await stream(
      `${WIDGETS}?watch=true&${selector}&resourceVersion=${json.metadata.resourceVersion}`,
    )
    expect(await events(watch, 1)).toEqual(['DELETED a'])
    watch.close()
  })

  it('as tables have their columns in the first event only', async () => {
    const { call, stream } = await serve()
    await call('POST', WIDGETS, widget('a'))
    await call('POST', WIDGETS, widget('b'))
    const watch = await stream(`${WIDGETS}?watch=true`, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    })
    const [first, second] = [await watch.next(), await watch.next()]
    expect(first.object).toMatchObject({
      kind: 'Table',
      rows: [{ cells: ['a', 1, null, null, expect.any(String)] }],
    })
    expect(first.object.columnDefinitions).toHaveLength(5)
    expect(second.object.columnDefinitions).toEqual([])
    watch.close()
  })

  it('end after timeoutSeconds', async () => {
    const { stream } = await serve()
    const watch = await stream(`${WIDGETS}?watch=true&timeoutSeconds=1`)
    expect(await watch.next()).toBeUndefined()
  })

  it('from a version that is forgotten are refused with 410', async () => {
    const { call, stream } = await serve({ historyLimit: 2 })
    for (const name of ['a', 'b', 'c', 'd']) await call('POST', WIDGETS, widget(name))
    const watch = await stream(`${WIDGETS}?watch=true&resourceVersion=1`)
    expect(watch.status).toBe(410)
    expect(await watch.next()).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' })
    expect(await call('GET', `${WIDGETS}?watch=true&resourceVersion=1000`)).toMatchObject({ status: 410 })
    expect(await call('GET', `${WIDGETS}?watch=true&resourceVersion=x`)).toMatchObject({ status: 400 })
  })

  it('that are refused while under way end with an ERROR event', async () => {
    const { store, stream } = await serve()
    const watch = await stream(`${WIDGETS}?watch=true`)
    await store.close()
    expect(await watch.next()).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 503 } })
    expect(await watch.next()).toBeUndefined()
  })

  it('are not served as YAML', async () => {
    const { call } = await serve()
    expect(
      await call('GET', `${WIDGETS}?watch=true`, undefined, { accept: 'application/yaml' }),
    ).toMatchObject({
      status: 406,
    })
  })

  it('are closed in the store when the client goes', async () => {
    const { store, stream } = await serve()
    let open = 0
    const { watch } = store
    Object.assign(store, {
      watch: async function* (...args: Parameters<typeof watch>) {
        open++
        try {
          yield* watch(...args)
        } finally {
          open--
        }
      },
    })
    const watches = await Promise.all(Array.from({ length: 5 }, () => stream(`${WIDGETS}?watch=true`)))
    expect(open).toBe(5)
    for (const each of watches) each.close()
    await expect.poll(() => open).toBe(0)
  })
})
