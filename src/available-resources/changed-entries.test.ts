import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerEntry, PoolShard } from '../objects/pool-shard.ts'
import { changedEntries } from './changed-entries.ts'
import { ShardIndex } from './shard-index.ts'

const entry = (id: number, active = false): LedgerEntry => ({
  id: `t${id}`,
  state: active ? 'allocated' : 'held',
  contractID: `contract-${id}`,
  buyer: 'b',
  flavorID: 'f',
  amounts: { cpu: '1' },
  expiresAt: '2030-01-01T00:00:00Z',
  ...(active && { active }),
})
/** As a store that is far away gives it: nothing is the very same object. */
const copy = <T>(value: T): T => structuredClone(value)

function shardOf(revision: number, entries: readonly LedgerEntry[], name = 's'): PoolShard {
  const owner = { apiVersion: 'v', kind: 'Pool', name: 'p', uid: 'pool', controller: true }
  return {
    ...{ apiVersion: 'tributary.io/v1alpha1', kind: 'PoolShard' },
    metadata: {
      ...{
        namespace: 'default',
        name,
        uid: name,
        resourceVersion: '1',
        generation: 1,
        creationTimestamp: '',
      },
      ownerReferences: [owner],
    },
    spec: { poolName: 'p' },
    status: {
      revision,
      capacity: { cpu: '10' },
      free: { cpu: String(10 - entries.length) },
      entries: [...entries],
    },
  }
}

const ledger = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { selector: ([id]) => id })
  .map((all) => all.map(([id, active]) => entry(id, active)))
const said = (entries: readonly LedgerEntry[]) => new Set(entries.map((each) => JSON.stringify(each)))

describe('what changed in a ledger', () => {
  it('is what only one of both versions says, also when both are fresh copies', () => {
    fc.assert(
      fc.property(ledger, ledger, (before, after) => {
        const { gone, come } = changedEntries(before, copy(after))
        const [old, now] = [said(before), said(after)]
        expect(said(gone)).toEqual(new Set([...old].filter((each) => !now.has(each))))
        expect(said(come)).toEqual(new Set([...now].filter((each) => !old.has(each))))
      }),
    )
  })
})

describe('the index of shards', () => {
  it('leads to every entry by transaction, contract and allocation, and sums them up', () => {
    fc.assert(
      fc.property(fc.array(ledger, { minLength: 1 }), (versions) => {
        const index = new ShardIndex()
        versions.forEach((entries, revision) => index.apply(copy(shardOf(revision, entries))))
        // What the informer tells late changes nothing.
        index.apply(copy(shardOf(0, versions[0]!)))
        const last = new Map(versions.at(-1)!.map((each) => [each.id, each]))
        for (let id = 0; id < 10; id++) {
          for (const name of [`t${id}`, `contract-${id}`, `allocation-${id}`]) {
            expect(index.placeOf(name)?.entry).toEqual(versions.length > 0 ? last.get(`t${id}`) : undefined)
          }
        }
        const holds = [...last.values()].filter(({ state }) => state === 'held').length
        expect(index.totalsOf('pool')).toEqual({
          capacity: { cpu: '10' },
          free: { cpu: String(10 - last.size) },
          holds,
          allocations: last.size - holds,
        })
        index.applyDeleted(shardOf(99, []))
        for (let id = 0; id < 10; id++) expect(index.placeOf(`t${id}`)).toBeUndefined()
      }),
    )
  })

  it('does not take up again what this process removed, however late the informer is', () => {
    const index = new ShardIndex()
    index.apply(shardOf(1, [entry(1)]))
    index.remove({ namespace: 'default', name: 's' }, 's')
    index.apply(shardOf(1, [entry(1)]))
    expect(index.placeOf('t1')).toBeUndefined()
    expect(index.shardsOf('pool')).toEqual([])
  })

  it('knows the other one when an entry is in two shards and goes from one', () => {
    const index = new ShardIndex()
    index.apply(shardOf(1, [entry(1)], 'a'))
    index.apply(shardOf(1, [entry(1)], 'b'))
    index.apply(shardOf(2, [], 'b'))
    expect(index.placeOf('t1')?.shard.name).toBe('a')
    index.apply(shardOf(2, [], 'a'))
    expect(index.placeOf('t1')).toBeUndefined()
  })
})
