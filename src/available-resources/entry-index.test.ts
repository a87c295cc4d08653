import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerEntry, Pool } from '../objects/pool.ts'
import { changedEntries, EntryIndex } from './entry-index.ts'

const entry = (id: number): LedgerEntry => ({
  id: `t${id}`,
  state: 'held',
  contractID: `contract-${id}`,
  buyer: 'b',
  flavorID: 'f',
  amounts: {},
  expiresAt: '',
})
const ENTRIES = Array.from({ length: 10 }, (_, id) => entry(id))
const poolOf = (entries: readonly LedgerEntry[], name = 'p'): Pool =>
  ({
    metadata: { namespace: 'default', name },
    status: { revision: 0, entries, free: {} },
  }) as unknown as Pool

describe('what changed in a ledger', () => {
  const some = fc
    .uniqueArray(fc.integer({ min: 0, max: 9 }))
    .map((indexes) => indexes.map((index) => ENTRIES[index]!))

  it('is what only one of both versions has', () => {
    fc.assert(
      fc.property(some, some, (old, now) => {
        const { gone, come } = changedEntries({ type: 'updated', object: poolOf(now), before: poolOf(old) })
        expect(new Set(gone)).toEqual(new Set(old.filter((each) => !now.includes(each))))
        expect(new Set(come)).toEqual(new Set(now.filter((each) => !old.includes(each))))
      }),
    )
  })

  it('leads to the pool of every entry, by transaction, contract and allocation', () => {
    fc.assert(
      fc.property(fc.array(some, { minLength: 1 }), (versions) => {
        const index = new EntryIndex()
        let before: Pool | undefined
        for (const entries of versions) {
          const object = poolOf(entries)
          index.apply(before ? { type: 'updated', object, before } : { type: 'added', object })
          before = object
        }
        const last = new Set(versions.at(-1))
        for (const each of ENTRIES) {
          const expected = last.has(each)
            ? { pool: { namespace: 'default', name: 'p' }, contractID: each.contractID }
            : undefined
          const allocation = each.contractID.replace('contract-', 'allocation-')
          for (const id of [each.id, each.contractID, allocation]) expect(index.placeOf(id)).toEqual(expected)
        }
        index.apply({ type: 'deleted', object: before! })
        for (const each of ENTRIES) expect(index.placeOf(each.id)).toBeUndefined()
      }),
    )
  })
})
