/** One pool with very many contracts: what it costs does not grow with them. */
import { describe, expect, it } from 'vitest'
import { poolFaults, storedPools } from '../../test/support/pools.ts'
import type { ObjectStore } from '../kernel/object-store.ts'
import { realSystem } from '../kernel/system.ts'
import { PoolShardKind } from '../objects/pool-shard.ts'
import { PoolKind, type Pool } from '../objects/pool.ts'
import { createMemoryStore } from '../store/memory/index.ts'
import { allocate, release } from './ledger.ts'
import { PoolLedger, type HoldRequest } from './pool-ledger.ts'

const CONTRACTS = 100_000
const AT_A_TIME = 400
/** So many of them are bought, too: their entries are the largest. */
const BOUGHT = 10_000
const MOST_BYTES = 1.5 * 1024 * 1024
const WHOLE = { cpu: '1000', memory: '1000Gi', pods: String(CONTRACTS + 10) }
const PART = { cpu: '1m', memory: '1Mi', pods: '1' }

const request = (index: number, amounts = PART): HoldRequest => ({
  id: `transaction-${String(index).padStart(64, '0')}`,
  contractID: `contract-${String(index).padStart(64, '0')}`,
  buyer: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  flavorID: 'example.org-k8slice-12345678-zzzz',
  amounts,
  expiresAt: '2090-01-01T00:00:00Z',
})
const SIGNATURE = { expiresAt: '2091-01-01T00:00:00Z', buyerSignature: 's'.repeat(260) }

describe('a pool with 100,000 contracts', () => {
  it('holds them in objects of a bounded size, and the next one costs no more than the first', async () => {
    const { store: memory } = createMemoryStore({ system: realSystem })
    let calls = 0
    const counted =
      <A extends unknown[], R>(call: (...args: A) => R) =>
      (...args: A): R => {
        calls++
        return call(...args)
      }
    const store = {
      ...memory,
      get: counted(memory.get),
      list: counted(memory.list),
      create: counted(memory.create),
      update: counted(memory.update),
      delete: counted(memory.delete),
    } as ObjectStore
    const pool: Pool = await memory.create(PoolKind, {
      metadata: { namespace: 'default', name: 'compute' },
      spec: {
        flavorType: 'k8slice',
        capacity: WHOLE,
        partition: {},
        data: {},
        price: { amount: '', currency: '', period: '' },
      },
    })
    const open = (): PoolLedger => new PoolLedger({ store, system: realSystem, poolOf: () => pool })
    let ledger = open()
    await ledger.ensureFirst(pool)
    const buy = async (index: number): Promise<void> => {
      const wanted = request(index)
      const refusal = await ledger.hold(pool, wanted)
      if (refusal) throw new Error(refusal.detail)
      if (index >= BOUGHT && index < CONTRACTS) return
      await ledger.changeEntry(wanted.id, (shard) => allocate(shard, wanted.id, SIGNATURE, 0))
    }
    for (let from = 0; from < CONTRACTS; from += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => buy(from + index)))
    }

    const [stored] = await storedPools(memory)
    expect(poolFaults(stored!)).toEqual([])
    const sizes = stored!.shards.map((shard) => Buffer.byteLength(JSON.stringify(shard)))
    expect(Math.max(...sizes)).toBeLessThan(MOST_BYTES / 3)
    expect(stored!.shards.reduce((sum, { status }) => sum + status.entries.length, 0)).toBe(CONTRACTS)

    // A restart knows all of them, by any of their names.
    ledger = open()
    for (const shard of (await memory.list(PoolShardKind)).items) ledger.index.apply(shard)
    expect(ledger.index.totalsOf(pool.metadata.uid)).toMatchObject({
      holds: CONTRACTS - BOUGHT,
      allocations: BOUGHT,
    })
    for (const index of [0, CONTRACTS / 2, CONTRACTS - 1]) {
      const { id, contractID } = request(index)
      expect(ledger.index.placeOf(id)?.entry.contractID).toBe(contractID)
      expect(ledger.index.placeOf(contractID)?.entry.id).toBe(id)
    }
    await ledger.tidy(pool)

    calls = 0
    // All shards are full: another one is opened, once for as many contracts as it takes.
    await buy(CONTRACTS)
    expect(calls).toBeLessThanOrEqual(10)
    calls = 0
    await buy(CONTRACTS + 1)
    expect(calls).toBe(2)
    const { id } = request(7)
    await ledger.changeEntry(id, (shard) => release(shard, id))
    expect(calls).toBeLessThanOrEqual(3)
    // What was given back is elsewhere than the rest: to have all is a few swaps more.
    const { free } = ledger.totalsOf(pool)
    expect(free['pods']).toBe('9')
    expect(await ledger.hold(pool, request(CONTRACTS + 2, { ...PART, ...free }))).toBeUndefined()
    expect(calls).toBeLessThanOrEqual(12)
    expect(poolFaults((await storedPools(memory))[0]!)).toEqual([])
  }, 600_000)
})
