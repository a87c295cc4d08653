import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../kernel/log.ts'
import { mutate, StoreError, type ObjectStore } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { PoolShardKind, type PoolShard, type PoolShardStatus } from '../objects/pool-shard.ts'
import { openSqliteStore } from '../store/sqlite/index.ts'
import { hold } from './ledger.ts'
import { ShardIndex } from './shard-index.ts'
import { ShardWriter } from './shard-writer.ts'

const KEY = { namespace: 'default', name: 'compute-0' }

describe('the writer of shards', () => {
  let directory: string
  let store: ObjectStore
  let commits: number
  let index: ShardIndex
  let writer: ShardWriter

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tributary-shards-'))
    const opened = await openSqliteStore({
      path: join(directory, 'state.db'),
      system: realSystem,
      log: silentLog,
      onCommit: () => commits++,
    })
    store = opened.store
    index = new ShardIndex()
    writer = new ShardWriter({ store, system: realSystem, index })
    await store.create(PoolShardKind, {
      metadata: KEY,
      spec: { poolName: 'compute' },
      status: { revision: 0, capacity: { cpu: '4' }, free: { cpu: '4' }, entries: [] },
    })
    commits = 0
  })
  afterEach(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })

  let made = 0
  /** Puts one more entry in; each time another one. */
  const more = (shard: PoolShardStatus): PoolShardStatus => {
    const id = `t${made++}`
    const entry = { id, contractID: `contract-${id}`, buyer: 'b', flavorID: 'f', amounts: { cpu: '1m' } }
    const outcome = hold(shard, { ...entry, expiresAt: '2090-01-01T00:00:00Z' }, 0)
    return 'ledger' in outcome ? outcome.ledger : shard
  }
  const count = (shard: PoolShard | undefined): number => shard!.status.entries.length

  it('writes once what is asked for meanwhile, in the order of the calls, and says so when it is durable', async () => {
    const order: number[] = []
    const changes = Array.from({ length: 40 }, (_, call) =>
      writer.change(KEY, (shard) => {
        expect(shard.entries).toHaveLength(call)
        order.push(call)
        return more(shard)
      }),
    )
    const shards = await Promise.all(changes)
    expect(order).toEqual([...order].toSorted((a, b) => a - b))
    expect(commits).toBe(2)
    shards.forEach((shard, call) => expect(count(shard)).toBeGreaterThan(call))
    const stored = await store.get(PoolShardKind, KEY)
    expect(count(stored)).toBe(40)
    expect(stored!.status.revision).toBe(2)
    expect(index.get(KEY)).toEqual(stored)
  })

  it('decides again when somebody else wrote between, and loses nothing', async () => {
    const other = (): Promise<unknown> =>
      mutate(store, PoolShardKind, KEY, (shard) => {
        const status = more(shard.status)
        return { ...shard, status: { ...status, revision: status.revision + 1 } }
      })
    const all: Promise<unknown>[] = []
    for (let round = 0; round < 20; round++) all.push(writer.change(KEY, more), other())
    await Promise.all(all)
    expect(count(await store.get(PoolShardKind, KEY))).toBe(40)
  })

  it('says that nothing changes, hence refuses, only of what is stored', async () => {
    await writer.change(KEY, more)
    await mutate(store, PoolShardKind, KEY, (shard) => ({
      ...shard,
      status: { ...shard.status, entries: [], free: { cpu: '4' }, revision: shard.status.revision + 1 },
    }))
    // What is known still has the entry.
    expect(count(index.get(KEY))).toBe(1)
    const seen: number[] = []
    await writer.change(KEY, (shard) => {
      seen.push(shard.entries.length)
      return undefined
    })
    expect(seen.at(-1)).toBe(0)
  })

  it('fails only what failed', async () => {
    const refuse = (): PoolShardStatus => {
      throw new Error('no')
    }
    const outcomes = await Promise.allSettled([
      writer.change(KEY, more),
      writer.change(KEY, more),
      writer.change(KEY, refuse),
      writer.change(KEY, () => undefined),
      writer.change(KEY, more),
      writer.change({ namespace: 'default', name: 'nowhere' }, more),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ])
    expect(outcomes[5]).toMatchObject({ value: undefined })
    expect(count(await store.get(PoolShardKind, KEY))).toBe(3)
  })

  it('fails all when the shard cannot be written', async () => {
    const changes = [writer.change(KEY, more), writer.change(KEY, more)]
    const settled = Promise.allSettled(changes)
    await Promise.resolve()
    await store.close()
    const outcomes = await settled
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'Unavailable' } })
  })

  it('looks again at what is stored when the answer of a write was lost', async () => {
    let lost = 0
    const update = store.update.bind(store)
    const lossy: ObjectStore = {
      ...store,
      update: async (kind, object, options) => {
        const stored = await update(kind, object, options)
        if (lost++ < 2) throw new StoreError('Unavailable', 'no answer')
        return stored
      },
    }
    const entry = { id: 'mine', contractID: 'c', buyer: 'b', flavorID: 'f', amounts: { cpu: '4' } }
    const tries = new ShardWriter({ store: lossy, system: realSystem, index })
    let refused = false
    const shard = await tries.change(KEY, (before) => {
      const outcome = hold(before, { ...entry, expiresAt: '2090-01-01T00:00:00Z' }, 0)
      refused = !('ledger' in outcome)
      return 'ledger' in outcome ? outcome.ledger : undefined
    })
    // All that there was is his, by the write whose answer he never got.
    expect(refused).toBe(false)
    expect(shard!.status.entries).toMatchObject([{ id: 'mine' }])
    expect(lost).toBe(1)
  })
})
