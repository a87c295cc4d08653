import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { PoolKind, type Pool, type PoolStatus } from '../objects/pool.ts'
import { openSqliteStore } from '../store/sqlite/index.ts'
import { ledgerOf, renew } from './ledger.ts'
import { PoolWriter } from './pool-writer.ts'

const KEY = { namespace: 'default', name: 'compute' }

describe('the writer of pools', () => {
  let directory: string
  let store: ObjectStore
  let commits: number
  let writer: PoolWriter

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tributary-pools-'))
    store = (
      await openSqliteStore({
        path: join(directory, 'state.db'),
        system: realSystem,
        log: silentLog,
        onCommit: () => commits++,
      })
    ).store
    writer = new PoolWriter(store)
    await store.create(PoolKind, {
      metadata: KEY,
      spec: {
        flavorType: 'k8slice',
        capacity: { cpu: '4' },
        partition: {},
        data: {},
        price: { amount: '4', currency: 'EUR', period: 'hour' },
      },
    })
    commits = 0
  })
  afterEach(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })

  const revision = (pool: Pool | undefined): number => ledgerOf(pool!).revision

  it('writes once what is asked for meanwhile, in the order of the calls, and says so when it is durable', async () => {
    const order: number[] = []
    const changes = Array.from({ length: 40 }, (_, index) =>
      writer.change(KEY, (pool) => {
        expect(revision(pool)).toBe(index)
        order.push(index)
        return renew(pool)
      }),
    )
    const pools = await Promise.all(changes)
    expect(order).toEqual([...order].toSorted((a, b) => a - b))
    expect(commits).toBe(2)
    pools.forEach((pool, index) => expect(revision(pool)).toBeGreaterThan(index))
    expect(revision(await store.get(PoolKind, KEY))).toBe(40)
  })

  it('decides again when somebody else wrote between, and loses nothing', async () => {
    const other = (): Promise<unknown> => mutateStatus(store, PoolKind, KEY, renew)
    const all: Promise<unknown>[] = []
    for (let index = 0; index < 20; index++) all.push(writer.change(KEY, renew), other())
    await Promise.all(all)
    expect(revision(await store.get(PoolKind, KEY))).toBe(40)
  })

  it('fails only what failed', async () => {
    const refuse = (): PoolStatus => {
      throw new Error('no')
    }
    const outcomes = await Promise.allSettled([
      writer.change(KEY, renew),
      writer.change(KEY, renew),
      writer.change(KEY, refuse),
      writer.change(KEY, () => undefined),
      writer.change(KEY, renew),
      writer.change({ namespace: 'default', name: 'nowhere' }, renew),
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
    expect(revision(await store.get(PoolKind, KEY))).toBe(3)
  })

  it('fails all when the pool cannot be written', async () => {
    const changes = [writer.change(KEY, renew), writer.change(KEY, renew)]
    const settled = Promise.allSettled(changes)
    await Promise.resolve()
    await store.close()
    const outcomes = await settled
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'Unavailable' } })
  })
})
