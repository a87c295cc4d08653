import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inTransit, ledgerEntries, poolFaults, storedPools } from '../../test/support/pools.ts'
import { StoreError, type ObjectStore } from '../kernel/object-store.ts'
import type { System } from '../kernel/system.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { addAmounts, sameAmounts, type Amounts } from '../quantity/amounts.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { cancel, release, allocate } from './ledger.ts'
import { PoolLedger, type HoldRequest } from './pool-ledger.ts'

const KEY = { namespace: 'default', name: 'compute' }
const CAPACITY = { cpu: '12', memory: '12Gi' }
/** Few, so that shards are full soon. */
const MOST = 3

/** A process was killed: nothing that it awaits comes back. */
class Killed extends Error {}

/** A clock that a test sets, on which nobody waits. */
function testSystem(): { readonly system: System; advance(ms: number): void } {
  let now = Date.UTC(2030, 0, 1)
  let seed = 1
  const system: System = {
    clock: {
      now: () => now,
      monotonic: () => now,
      after(_, callback) {
        queueMicrotask(callback)
        return { cancel: () => undefined }
      },
    },
    random: {
      bytes: (count) =>
        Uint8Array.from({ length: count }, () => (seed = (seed * 16_807) % 2_147_483_647) % 256),
    },
  }
  return { system, advance: (ms) => (now += ms) }
}

/** A pool, and processes that die on it one after the other. */
async function startPool(options: { readonly losing?: () => boolean } = {}) {
  const { system, advance } = testSystem()
  const { store: durable } = createMemoryStore({ system })
  let calls = 0
  let kill = (_writes: number): void => undefined
  let pool = await durable.create(PoolKind, {
    metadata: KEY,
    spec: {
      flavorType: 'k8slice',
      capacity: CAPACITY,
      partition: {},
      data: {},
      price: { amount: '', currency: '', period: '' },
    },
  })

  const faults = async (): Promise<void> => {
    for (const each of await storedPools(durable)) {
      // That more is issued than is wanted is mended by the next swap, not by what the test itself wrote.
      const found = poolFaults(each).filter((fault) => !fault.includes('too much'))
      expect(found).toEqual([])
    }
  }
  /** @returns the store as one process sees it until it is killed */
  const life = (): ObjectStore => {
    let writesLeft = Infinity
    let isAlive = true
    kill = (writes) => (writesLeft = writes)
    const alive = (): void => {
      calls++
      if (!isAlive) throw new Killed()
    }
    const write = async <T>(work: () => Promise<T>): Promise<T> => {
      alive()
      // Killed before the write, or after it.
      if (writesLeft === 0) isAlive = false
      alive()
      writesLeft--
      if (writesLeft === 0) isAlive = false
      const result = await work()
      await faults()
      alive()
      if (options.losing?.()) throw new StoreError('Unavailable', 'the answer was lost')
      return result
    }
    return {
      ...durable,
      get: async (kind, key) => {
        alive()
        const found = await durable.get(kind, key)
        alive()
        return found
      },
      create: (kind, object, how) => write(() => durable.create(kind, object, how)),
      update: (kind, object, how) => write(() => durable.update(kind, object, how)),
      delete: (kind, key, how) => write(() => durable.delete(kind, key, how)),
    }
  }
  let ledger: PoolLedger
  const begin = async (): Promise<void> => {
    ledger = new PoolLedger({ store: life(), system, poolOf: () => pool, entriesPerShard: MOST })
    for (const shard of (await durable.list(PoolShardKind)).items) ledger.index.apply(shard)
    await ledger.ensureFirst(pool)
  }
  await begin()
  return {
    durable,
    begin,
    advance,
    faults,
    get ledger() {
      return ledger
    },
    get pool(): Pool {
      return pool
    },
    get calls() {
      return calls
    },
    now: () => system.clock.now(),
    killAfter: (writes: number) => kill(writes),
    async want(capacity: Amounts) {
      pool = await durable.update(PoolKind, { ...pool, spec: { ...pool.spec, capacity } })
    },
    request: (id: string, amounts: Amounts, forMs = 60_000): HoldRequest => ({
      ...{ id, contractID: `contract-${id}`, buyer: 'b', flavorID: 'f', amounts },
      expiresAt: new Date(system.clock.now() + forMs).toISOString(),
    }),
    async rest() {
      await ledger.expire(pool)
      await ledger.bringInLine(pool)
      await ledger.tidy(pool)
      await ledger.bringInLine(pool)
      await ledger.tidy(pool)
    },
  }
}
type TestPool = Awaited<ReturnType<typeof startPool>>

const parts = (cpu: number): Amounts => ({ cpu: String(cpu), memory: `${cpu}Gi` })
const id = fc.integer({ min: 0, max: 30 }).map(String)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('hold' as const), id, cpu: fc.integer({ min: 1, max: 4 }) }),
  },
  fc.record({ do: fc.constant('hold all' as const), id }),
  fc.record({ do: fc.constant('hold many' as const), ids: fc.uniqueArray(id, { maxLength: 5 }) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('allocate' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  fc.record({ do: fc.constant('cancel' as const), id }),
  fc.record({ do: fc.constant('want' as const), cpu: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 40_000) }),
  fc.record({ do: fc.constant('rest' as const) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function take(test: TestPool, what: Step): Promise<unknown> {
  const { ledger, pool } = test
  switch (what.do) {
    case 'hold':
      return ledger.hold(pool, test.request(what.id, parts(what.cpu)))
    case 'hold many':
      return Promise.all(what.ids.map((each) => ledger.hold(pool, test.request(each, parts(1)))))
    case 'hold all':
      return ledger.hold(pool, test.request(what.id, ledger.totalsOf(pool).free))
    case 'allocate':
      return ledger.changeEntry(what.id, (shard) =>
        allocate(shard, what.id, { expiresAt: '2040-01-01T00:00:00Z' }, test.now()),
      )
    case 'release':
      return ledger.changeEntry(what.id, (shard) => release(shard, what.id))
    case 'cancel':
      return ledger.changeEntry(what.id, (shard) => cancel(shard, what.id))
    case 'want':
      await test.want(parts(what.cpu))
      return ledger.bringInLine(test.pool)
    case 'wait':
      test.advance(what.ms)
      return ledger.expire(pool)
    case 'rest':
      return test.rest()
  }
}

/** At rest everything has arrived, and adds up to what is wanted or sold. */
async function expectAtRest(test: TestPool): Promise<void> {
  await test.rest()
  const [stored] = await storedPools(test.durable)
  expect(poolFaults(stored!)).toEqual([])
  expect(inTransit(stored!.shards)).toEqual({})
  for (const { status } of stored!.shards) {
    expect(status).not.toHaveProperty('outgoing')
    expect(status).not.toHaveProperty('received')
    expect(status.entries.length).toBeLessThanOrEqual(MOST)
  }
  const capacity = stored!.shards.reduce<Amounts>((sum, { status }) => addAmounts(sum, status.capacity), {})
  const sold = stored!.shards
    .flatMap(({ status }) => status.entries)
    .reduce<Amounts>((sum, { amounts }) => addAmounts(sum, amounts), {})
  for (const [resource, wanted] of Object.entries(test.pool.spec.capacity)) {
    const whole = { [resource]: capacity[resource] ?? '0' }
    const enough =
      sameAmounts(whole, { [resource]: wanted }) || sameAmounts(whole, { [resource]: sold[resource] ?? '0' })
    expect(enough, resource).toBe(true)
  }
  const { free } = test.ledger.totalsOf(test.pool)
  expect(await test.ledger.hold(test.pool, test.request('everything', free))).toBeUndefined()
  await test.ledger.changeEntry('everything', (shard) => release(shard, 'everything'))
}

describe('the ledger of a pool in shards', () => {
  it('adds up after every write, whatever happens and wherever the process is killed', async () => {
    const killed = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined })
    const life = fc.tuple(fc.array(step, { maxLength: 12 }), killed)
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 4 }), async (lives) => {
        const test = await startPool()
        for (const [steps, writes] of lives) {
          if (writes !== undefined) test.killAfter(writes)
          try {
            for (const each of steps) {
              const before = new Map((await ledgerEntries(test.durable)).map((entry) => [entry.id, entry]))
              const result = await take(test, each)
              const after = new Map((await ledgerEntries(test.durable)).map((entry) => [entry.id, entry]))
              // Who was told that he holds it is in the ledger; nobody else's entry went but by its time.
              if (each.do === 'hold' && result === undefined) expect(after.has(each.id)).toBe(true)
              for (const [name, entry] of before) {
                const isOver = entry.state === 'held' && Date.parse(entry.expiresAt) <= test.now()
                const isMine = 'id' in each && each.id === name
                if (!isOver && !isMine) expect(after.get(name), name).toEqual(entry)
              }
            }
          } catch (error) {
            if (!(error instanceof Killed)) throw error
          }
          await test.begin()
          await test.faults()
        }
        await expectAtRest(test)
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  it('takes a write whose answer was lost for what it is: nobody is refused because of it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 15 }),
        fc.array(fc.boolean(), { minLength: 1 }),
        async (steps, fates) => {
          let turn = 0
          let inARow = 0
          const losing = (): boolean => {
            const lost = fates[turn++ % fates.length]! && inARow < 3
            inARow = lost ? inARow + 1 : 0
            return lost
          }
          const test = await startPool()
          const lossy = await startPool({ losing })
          // The same steps come to the same end.
          for (const each of steps) {
            const one = await take(test, each)
            const other = await take(lossy, each)
            if (each.do === 'hold' || each.do === 'hold many') expect(other).toEqual(one)
          }
          expect((await ledgerEntries(lossy.durable)).map((entry) => entry.id).toSorted()).toEqual(
            (await ledgerEntries(test.durable)).map((entry) => entry.id).toSorted(),
          )
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  it('gives all that is free to who asks for it, however it is scattered and whoever buys meanwhile', async () => {
    const test = await startPool()
    for (let index = 0; index < 11; index++) {
      expect(await test.ledger.hold(test.pool, test.request(`t${index}`, parts(1)))).toBeUndefined()
    }
    const shards = (await test.durable.list(PoolShardKind)).items.length
    expect(shards).toBeGreaterThan(3)
    for (const index of [0, 4, 8]) {
      await test.ledger.changeEntry(`t${index}`, (shard) => release(shard, `t${index}`))
    }
    // Four are free in four shards.
    const [all, ...others] = await Promise.all([
      test.ledger.hold(test.pool, test.request('all', parts(4))),
      ...['x', 'y', 'z'].map((each) => test.ledger.hold(test.pool, test.request(each, parts(1)))),
    ])
    const got = others.filter((refusal) => refusal === undefined).length
    expect(all === undefined ? got === 0 : got === 3).toBe(true)
    for (const each of ['all', 'x', 'y', 'z']) {
      await test.ledger.changeEntry(each, (shard) => release(shard, each))
    }
    expect(await test.ledger.hold(test.pool, test.request('again', parts(4)))).toBeUndefined()
    await test.faults()
  })

  it('sells exactly what there is to a thousand who come at once', async () => {
    const test = await startPool()
    await test.want(parts(40))
    await test.ledger.bringInLine(test.pool)
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        test.ledger.hold(test.pool, test.request(`t${index}`, parts(1))),
      ),
    )
    expect(results.filter((refusal) => refusal === undefined)).toHaveLength(40)
    for (const refusal of results.filter((each) => each !== undefined)) {
      expect(refusal).toMatchObject({
        code: 'insufficient-capacity',
        numbers: { 'cpu.wanted': '1', 'cpu.free': '0' },
      })
    }
    expect(await ledgerEntries(test.durable)).toHaveLength(40)
    await expectAtRest(test)
  })

  it('brings what is given back together, and lets shards go that have nothing any more', async () => {
    const test = await startPool()
    for (let index = 0; index < 12; index++) {
      await test.ledger.hold(test.pool, test.request(`t${index}`, parts(1)))
    }
    expect((await test.durable.list(PoolShardKind)).items).toHaveLength(4)
    for (let index = 0; index < 12; index++) {
      await test.ledger.changeEntry(`t${index}`, (shard) => release(shard, `t${index}`))
    }
    expect(test.ledger.isScattered(test.pool)).toBe(true)
    await test.rest()
    expect(test.ledger.isScattered(test.pool)).toBe(false)
    expect((await test.durable.list(PoolShardKind)).items).toHaveLength(1)
    expect(test.ledger.totalsOf(test.pool).free).toEqual(CAPACITY)
  })

  it('is not confused by another process that moves the same', async () => {
    const test = await startPool()
    for (let index = 0; index < 8; index++) {
      await test.ledger.hold(test.pool, test.request(`t${index}`, parts(1)))
    }
    for (const index of [0, 1, 5]) {
      await test.ledger.changeEntry(`t${index}`, (shard) => release(shard, `t${index}`))
    }
    const first = test.ledger
    await test.begin()
    for (let round = 0; round < 10; round++) {
      const held = await Promise.all([
        first.hold(test.pool, test.request(`a${round}`, parts(7))),
        test.ledger.hold(test.pool, test.request(`b${round}`, parts(7))),
        first.tidy(test.pool).catch(() => undefined),
        test.ledger.tidy(test.pool).catch(() => undefined),
      ])
      await test.faults()
      const entries = await ledgerEntries(test.durable)
      expect(entries.filter(({ id: each }) => /^[ab]/.test(each)).length).toBeLessThanOrEqual(1)
      expect(held.slice(0, 2).filter((refusal) => refusal === undefined).length).toBeLessThanOrEqual(1)
      for (const shard of (await test.durable.list(PoolShardKind)).items) {
        first.index.apply(shard)
        test.ledger.index.apply(shard)
      }
      for (const each of [`a${round}`, `b${round}`]) {
        await test.ledger.changeEntry(each, (shard) => release(shard, each))
      }
    }
  })
})
