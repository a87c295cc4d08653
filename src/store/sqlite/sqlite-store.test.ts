import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PLAIN, WIDGET, type Widget, widget } from '../../../test/support/widget.ts'
import { silentLog } from '../../kernel/log.ts'
import { mutate, type ObjectStore, StoreError } from '../../kernel/object-store.ts'
import { realSystem } from '../../kernel/system.ts'
import { openSqliteStore, type SqliteStoreOptions } from './index.ts'

const WRITER = fileURLToPath(new URL('../../../test/support/sqlite-writer.ts', import.meta.url))

let folder: string
let path: string
const opened: ObjectStore[] = []

async function openStore(options: Partial<SqliteStoreOptions> = {}): Promise<ObjectStore> {
  const { store } = await openSqliteStore({ path, system: realSystem, log: silentLog, ...options })
  opened.push(store)
  return store
}

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  return error as StoreError
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-store-'))
  path = join(folder, 'below', 'state.db')
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
  await rm(folder, { recursive: true })
})

describe('a reopened store', () => {
  it('has every object as it was, and goes on counting versions', async () => {
    const first = await openStore()
    const a = await first.create(WIDGET, widget('a', 1, { labels: { x: 'y' } }))
    const a2 = await first.update(WIDGET, { ...a, status: { phase: 'Up' } }, { subresource: 'status' })
    const b = await first.create(WIDGET, widget('b', 1, { namespace: 'other' }))
    await first.create(WIDGET, widget('c'))
    await first.create(PLAIN, { metadata: { name: 'p' }, data: { x: '1' } })
    await first.delete(WIDGET, { name: 'c' })
    const list = await first.list(WIDGET)
    await first.close()

    const second = await openStore()
    expect(await second.list(WIDGET)).toEqual(list)
    expect(await second.get(WIDGET, { name: 'a' })).toEqual(a2)
    expect(await second.get(WIDGET, { namespace: 'other', name: 'b' })).toEqual(b)
    expect((await second.list(PLAIN)).items).toHaveLength(1)
    expect(Object.isFrozen((await second.get(WIDGET, { name: 'a' }))!.spec)).toBe(true)
    // The last change was a removal: no row tells its version, the counter must.
    const d = await second.create(WIDGET, widget('d'))
    expect(Number(d.metadata.resourceVersion)).toBe(Number(list.resourceVersion) + 1)
  })

  it('expires watches from before, and serves those from its start', async () => {
    const first = await openStore()
    const a = await first.create(WIDGET, widget('a'))
    await first.create(WIDGET, widget('b'))
    const { resourceVersion: end } = await first.list(WIDGET)
    await first.close()

    const second = await openStore()
    const { signal } = new AbortController()
    const old = second.watch(WIDGET, { fromVersion: a.metadata.resourceVersion, signal })
    expect(await failureOf(old[Symbol.asyncIterator]().next())).toMatchObject({ code: 'Expired' })
    const fresh = second.watch(WIDGET, { fromVersion: end, signal })[Symbol.asyncIterator]()
    const next = fresh.next()
    await second.create(WIDGET, widget('c'))
    expect((await next).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'c' } } })
  })

  it('expires watches from a version that it never reached, as after restoring a backup', async () => {
    const store = await openStore()
    const watch = store.watch(WIDGET, { fromVersion: '12345', signal: new AbortController().signal })
    expect(await failureOf(watch[Symbol.asyncIterator]().next())).toMatchObject({ code: 'Expired' })
  })
})

describe('durability', () => {
  it('a process killed with SIGKILL while writing loses nothing that it had acknowledged', async () => {
    for (const prefix of ['first', 'second', 'third']) {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, path, prefix], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const dead = once(child, 'close')
      const acknowledged: (readonly [name: string, version: string])[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        const [name, version] = line.split(' ')
        // What a kill cut in two was not acknowledged.
        if (name && version) acknowledged.push([name, version])
        if (acknowledged.length === 200) child.kill('SIGKILL')
      }
      await dead
      expect(child.signalCode).toBe('SIGKILL')
      expect(acknowledged.length).toBeGreaterThanOrEqual(200)

      const store = await openStore()
      let highest = 0
      for (const [name, version] of acknowledged) {
        const object = await store.get(WIDGET, { name })
        expect(object?.metadata.resourceVersion, name).toBe(version)
        expect(object?.spec.size).toBe(Number(name.split('-')[2]))
        highest = Math.max(highest, Number(version))
      }
      expect(Number((await store.list(WIDGET)).resourceVersion)).toBeGreaterThanOrEqual(highest)
      await store.close()
    }
  })

  it('writes of one turn share one commit, in the order of their calls', async () => {
    const commits: number[] = []
    const store = await openStore({ onCommit: (changes) => commits.push(changes) })
    const created = await Promise.all(
      Array.from({ length: 100 }, (_, index) => store.create(WIDGET, widget(`w${index}`, index))),
    )
    expect(commits).toEqual([100])
    const versions = created.map(({ metadata }) => Number(metadata.resourceVersion))
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))

    // Judged against what was asked for before in the same turn.
    const first = created[0]!
    const outcomes = await Promise.allSettled([
      store.update(WIDGET, { ...first, spec: { size: 1_000 } }),
      store.update(WIDGET, { ...first, spec: { size: 2_000 } }),
      store.delete(WIDGET, { name: 'w1' }),
      store.create(WIDGET, widget('w1', 3_000)),
      store.create(WIDGET, widget('w2', 4_000)),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
    ])
    expect(commits).toEqual([100, 3])
    await store.close()
    const again = await openStore()
    expect((await again.get(WIDGET, { name: 'w0' }))!.spec.size).toBe(1_000)
    expect((await again.get(WIDGET, { name: 'w1' }))!.spec.size).toBe(3_000)
  })

  it('a deferrable write waits for the next that is not, and not for long when there is none', async () => {
    const commits: number[] = []
    const store = await openStore({ onCommit: (changes) => commits.push(changes) })
    const deferrable = store.create(WIDGET, widget('a'), { deferrable: true })
    await new Promise((resolve) => setImmediate(resolve))
    expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
    expect(commits).toEqual([])
    await store.create(WIDGET, widget('b'))
    expect(commits).toEqual([2])
    const { metadata } = await deferrable
    expect(await store.get(WIDGET, { name: 'a' })).toMatchObject({ metadata })

    await Promise.all([
      store.delete(WIDGET, { name: 'a' }, { deferrable: true }),
      mutate(store, WIDGET, { name: 'b' }, (each) => ({ ...each, spec: { size: 2 } }), { deferrable: true }),
    ])
    expect(commits).toEqual([2, 2])
    expect((await store.list(WIDGET)).items).toMatchObject([{ spec: { size: 2 } }])
    // One that is refused does not wait either.
    const third = store.create(WIDGET, widget('c'), { deferrable: true })
    expect((await failureOf(store.create(WIDGET, widget('c')))).code).toBe('AlreadyExists')
    await third
    const last = store.create(WIDGET, widget('d'), { deferrable: true })
    await store.close()
    await last
    expect(commits).toEqual([2, 2, 1, 1])
  })

  it('a write is seen by nobody before it is durable', async () => {
    let committed = false
    const store = await openStore({
      onCommit() {
        committed = true
      },
    })
    const { resourceVersion } = await store.list(WIDGET)
    const watch = store.watch(WIDGET, { fromVersion: resourceVersion, signal: new AbortController().signal })
    const told = watch[Symbol.asyncIterator]()
      .next()
      .then(() => committed)
    const write = store.create(WIDGET, widget('a')).then(() => committed)
    expect(await store.get(WIDGET, { name: 'a' })).toBeUndefined()
    expect((await store.list(WIDGET)).items).toEqual([])
    expect(committed).toBe(false)
    expect(await write).toBe(true)
    expect(await told).toBe(true)
    expect(await store.get(WIDGET, { name: 'a' })).toBeDefined()
  })

  it('close makes durable what was still on its way', async () => {
    const store = await openStore()
    const writes = [store.create(WIDGET, widget('a')), store.create(WIDGET, widget('b'))]
    await store.close()
    await Promise.all(writes)
    expect((await (await openStore()).list(WIDGET)).items).toHaveLength(2)
  })
})

describe('a full disk', () => {
  it('rejects all writes of the turn, leaves everything as it was, and heals when there is room', async () => {
    const store = await openStore({ maxBytes: 200_000 })
    const big = (name: string, bytes: number) => ({
      metadata: { name },
      spec: { size: 1, deep: { filling: 'x'.repeat(bytes) } },
    })
    const kept = await store.create(WIDGET, big('kept', 50_000))
    const small = await store.create(WIDGET, widget('small', 1))
    const before = await store.list(WIDGET)
    const watch = store.watch(WIDGET, {
      fromVersion: before.resourceVersion,
      signal: new AbortController().signal,
    })
    const nextEvent = watch[Symbol.asyncIterator]().next()

    const outcomes = await Promise.allSettled([
      store.update(WIDGET, { ...small, spec: { size: 2 } }),
      store.create(WIDGET, big('too-big', 500_000)),
      store.create(WIDGET, widget('small')),
    ])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { name: 'StoreError', code: 'Unavailable' },
      })
      const { reason } = outcome as PromiseRejectedResult
      expect((reason as StoreError).message).toContain('disk is full')
      expect((reason as StoreError).cause).toBeInstanceOf(Error)
    }
    expect(await store.list(WIDGET)).toEqual(before)

    // The version that could not be written is free again, and so is the name.
    const updated = await store.update(WIDGET, { ...small, spec: { size: 3 } })
    expect(Number(updated.metadata.resourceVersion)).toBe(Number(before.resourceVersion) + 1)
    expect((await nextEvent).value).toEqual({ type: 'MODIFIED', object: updated })
    expect(await failureOf(store.create(WIDGET, big('second', 140_000)))).toMatchObject({
      code: 'Unavailable',
    })
    await store.delete(WIDGET, { name: kept.metadata.name })
    await store.create(WIDGET, big('second', 140_000))

    await store.close()
    const { items } = await (await openStore()).list(WIDGET)
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['second', 'small'])
    expect(items[1]!.spec.size).toBe(3)
  })
})

describe('the database file', () => {
  it('belongs to one process: another is refused at once, and let in when the first has died', async () => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, path, 'x'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    await once(child.stdout, 'data')
    child.stdout.resume()
    try {
      const error = await failureOf(openStore())
      expect(error.code).toBe('Unavailable')
      expect(error.message).toContain('in use by another process')
      expect(error.message).toContain(path)
      expect(error.cause).toBeInstanceOf(Error)
    } finally {
      child.kill('SIGKILL')
      await closed
    }
    const store = await openStore()
    expect((await store.list(WIDGET)).items.length).toBeGreaterThan(0)
  })

  it('belongs to one store within a process, too', async () => {
    const first = await openStore()
    expect(await failureOf(openStore())).toMatchObject({ code: 'Unavailable' })
    await first.create(WIDGET, widget('a'))
    // The refused attempt must not have loosened the first one's hold on the file.
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, path, 'x'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.stdout.once('data', () => child.kill('SIGKILL'))
    const [exitCode] = (await once(child, 'close')) as [number | null]
    expect(exitCode).toBe(1)
    expect(errors).toContain('in use by another process')
  })

  it('is readable by its owner only', async () => {
    await openStore()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600)
  })

  it('that is not a database is refused with its path', async () => {
    path = join(folder, 'text')
    await writeFile(path, 'This is no database. '.repeat(200))
    const error = await failureOf(openStore())
    expect(error.code).toBe('Unavailable')
    expect(error.message).toContain(path)
    expect(error.message).toContain('not a database')
  })

  it('that was damaged is refused', async () => {
    const store = await openStore()
    await Promise.all(Array.from({ length: 500 }, (_, index) => store.create(WIDGET, widget(`w${index}`))))
    await store.close()
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(8_192, 0xa5), 0, 8_192, 20_480)
    await file.close()
    const error = await failureOf(openStore())
    expect(error.code).toBe('Unavailable')
    expect(error.message).toContain('damaged')
  })

  it('of another program, or of a later version of this one, is left alone', async () => {
    path = join(folder, 'foreign.db')
    const foreign = new DatabaseSync(path)
    foreign.exec('CREATE TABLE songs (title TEXT)')
    foreign.close()
    expect((await failureOf(openStore())).message).toContain('another program')

    path = join(folder, 'later.db')
    await (await openStore()).close()
    const later = new DatabaseSync(path)
    later.exec('PRAGMA user_version = 99')
    later.close()
    expect((await failureOf(openStore())).message).toContain('format 99')
  })

  it('in a place that cannot be written is refused', async () => {
    path = join(folder, 'file', 'state.db')
    await writeFile(join(folder, 'file'), '')
    expect(await failureOf(openStore())).toMatchObject({ code: 'Unavailable' })
  })
})

describe('a large object', () => {
  /** Much larger than what changes of it. */
  const large = (name: string) => ({
    metadata: { name },
    spec: {
      size: 0,
      deep: { items: Array.from({ length: 1_000 }, (_, id) => ({ id, text: 'x'.repeat(50) })) },
    },
  })
  interface Items {
    readonly items: readonly { readonly id: number; readonly text: string }[]
  }
  const itemsOf = (object: Widget | undefined) => (object!.spec.deep as unknown as Items).items
  /** What the closed file has. */
  const written = (): { readonly changes: number; readonly edited: number; readonly whole: number } => {
    const database = new DatabaseSync(path)
    const row = database
      .prepare(
        `SELECT (SELECT count(*) FROM changes) AS changes, (SELECT coalesce(sum(length(edits)), 0) FROM changes) AS edited,
           (SELECT coalesce(max(length(json)), 0) FROM objects) AS whole`,
      )
      .get()
    database.close()
    return row as never
  }
  const change = (store: ObjectStore, size: number): Promise<Widget | undefined> =>
    mutate(store, WIDGET, { name: 'a' }, (object) => {
      const items = itemsOf(object).map((each) => (each.id === size ? { id: size, text: 'changed' } : each))
      return { ...object, spec: { size, deep: { items: [...items, { id: -size, text: 'new' }] } as never } }
    })

  it('is written by what changes of it, and is the same when it is read again', async () => {
    const store = await openStore()
    await store.create(WIDGET, large('a'))
    await store.create(WIDGET, widget('small'))
    for (let size = 1; size <= 20; size++) await change(store, size)
    const last = await store.get(WIDGET, { name: 'a' })
    expect(itemsOf(last)).toHaveLength(1_020)
    await store.close()
    expect(written().changes).toBe(20)
    expect(written().edited).toBeLessThan(20 * 500)

    // Several lives, each going on where the one before it ended.
    const second = await openStore()
    expect(await second.get(WIDGET, { name: 'a' })).toEqual(last)
    const changed = await change(second, 21)
    await second.close()
    expect(written().changes).toBe(21)
    expect(await (await openStore()).get(WIDGET, { name: 'a' })).toEqual(changed)
  })

  it('is written whole again before its changes are longer than itself', async () => {
    const store = await openStore()
    await store.create(WIDGET, large('a'))
    for (let size = 1; size <= 600; size++) await change(store, size)
    const last = await store.get(WIDGET, { name: 'a' })
    await store.close()
    const { changes, edited, whole } = written()
    expect(changes).toBeLessThan(600)
    expect(edited).toBeLessThanOrEqual(whole)
    const again = await openStore()
    expect(await again.get(WIDGET, { name: 'a' })).toEqual(last)
    // What has become small is written as small things are.
    await mutate(again, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size: 1 } }))
    for (let size = 2; size < 600; size++)
      await mutate(again, WIDGET, { name: 'a' }, (object) => ({ ...object, spec: { size } }))
    await again.close()
    expect(itemsOf(last).length).toBeGreaterThan(1_000)
    const end = await openStore()
    expect((await end.get(WIDGET, { name: 'a' }))!.spec).toEqual({ size: 599 })
  })

  it('leaves nothing behind when it is deleted, and may come again under its name', async () => {
    const store = await openStore()
    await store.create(WIDGET, large('a'))
    await change(store, 1)
    await store.delete(WIDGET, { name: 'a' })
    await store.create(WIDGET, large('a'))
    await change(store, 2)
    await Promise.all([store.delete(WIDGET, { name: 'a' }), store.create(WIDGET, { ...large('a') })])
    const last = await change(store, 3)
    await store.close()
    const again = await openStore()
    expect(await again.get(WIDGET, { name: 'a' })).toEqual(last)
    await again.delete(WIDGET, { name: 'a' })
    await again.close()
    expect(written()).toEqual({ changes: 0, edited: 0, whole: 0 })
  })

  it('is as it was after changes that found no room', async () => {
    const store = await openStore({ maxBytes: 400_000 })
    await store.create(WIDGET, large('a'))
    await change(store, 1)
    const outcomes = await Promise.allSettled([
      change(store, 2),
      store.create(WIDGET, {
        metadata: { name: 'big' },
        spec: { size: 1, deep: { filling: 'x'.repeat(500_000) } },
      }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const last = await change(store, 3)
    await store.close()
    expect(written().changes).toBe(2)
    expect(await (await openStore()).get(WIDGET, { name: 'a' })).toEqual(last)
  })

  it('in a file from before there were changes is read, and changed', async () => {
    const store = await openStore()
    await store.create(WIDGET, large('a'))
    await store.close()
    const earlier = new DatabaseSync(path)
    earlier.exec('DROP TABLE changes; PRAGMA user_version = 1')
    earlier.close()
    const again = await openStore()
    const last = await change(again, 1)
    await again.close()
    expect(written().changes).toBe(1)
    expect(await (await openStore()).get(WIDGET, { name: 'a' })).toEqual(last)
  })

  it('whose changes do not fit it is damage', async () => {
    const store = await openStore()
    await store.create(WIDGET, large('a'))
    await change(store, 1)
    await store.close()
    const database = new DatabaseSync(path)
    database.exec(`UPDATE changes SET edits = '[["set",["nowhere","at","all"],1]]'`)
    database.close()
    expect((await failureOf(openStore())).message).toContain('damaged')
  })
})

it('a watch of thousands of changes in one commit brings them all', async () => {
  const store = await openStore()
  const { resourceVersion } = await store.list(WIDGET)
  await Promise.all(
    Array.from({ length: 5_000 }, (_, index) => store.create(WIDGET, widget(`w${index}`, index))),
  )
  await mutate(store, WIDGET, { name: 'w0' }, (object) => ({ ...object, spec: { size: -1 } }))
  let count = 0
  for await (const event of store.watch(WIDGET, {
    fromVersion: resourceVersion,
    signal: new AbortController().signal,
  })) {
    count++
    if (event.type === 'MODIFIED') break
  }
  expect(count).toBe(5_001)
})
