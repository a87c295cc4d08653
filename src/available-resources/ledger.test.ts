import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerEntry, PoolShardStatus } from '../objects/pool-shard.ts'
import type { PoolSpec } from '../objects/pool.ts'
import {
  allocate,
  cancel,
  expire,
  hold,
  isBalanced,
  isSellable,
  issue,
  newLedger,
  nextExpiry,
  partitionRefusal,
  release,
  setActive,
  shortageRefusal,
  withdraw,
} from './ledger.ts'

const SPEC: PoolSpec = {
  flavorType: 'k8slice',
  capacity: { cpu: '4', memory: '8Gi', pods: '10' },
  partition: { minimum: { cpu: '500m' }, step: { cpu: '500m' }, maximum: { cpu: '3' } },
  data: {},
  price: { amount: '', currency: '', period: '' },
}

const fresh = (): PoolShardStatus => newLedger(SPEC.capacity)

const at = (ms: number): string => new Date(ms).toISOString()
const entry = (id: string, cpu: string, expiresMs = 1_000): Omit<LedgerEntry, 'state'> => ({
  id,
  contractID: `contract-${id}`,
  buyer: 'buyer',
  flavorID: 'flavor',
  amounts: { cpu, memory: '1Gi', pods: '1' },
  expiresAt: at(expiresMs),
})

/** @throws when it is refused */
function held(shard: PoolShardStatus, id: string, cpu: string, now = 0, expiresMs = 1_000): PoolShardStatus {
  const result = hold(shard, entry(id, cpu, expiresMs), now)
  if ('ledger' in result) return result.ledger
  throw new Error(JSON.stringify(result))
}

describe('the ledger of a pool', () => {
  it('is empty, with everything free, when the pool is new', () => {
    const { capacity } = SPEC
    expect(fresh()).toEqual({ revision: 0, entries: [], free: capacity, capacity })
    expect(isBalanced(fresh())).toBe(true)
  })

  it('takes a hold from what is free', () => {
    const pool = held(fresh(), 'a', '1')
    expect(pool).toMatchObject({
      entries: [{ id: 'a', state: 'held' }],
      free: { cpu: '3', memory: '7Gi', pods: '9' },
    })
  })

  it('holds once under one id, however often it is asked', () => {
    const once = held(fresh(), 'a', '1')
    expect(held(once, 'a', '1')).toEqual(once)
  })

  it('refuses what is not free, with the numbers', () => {
    const pool = held(fresh(), 'a', '2')
    const outcome = hold(pool, entry('b', '2500m'), 0)
    expect('short' in outcome && shortageRefusal(outcome.short)).toEqual({
      code: 'insufficient-capacity',
      detail: 'cpu: 2500m wanted, 2 free',
      numbers: { 'cpu.wanted': '2500m', 'cpu.free': '2' },
    })
  })

  it.each([
    ['less than the minimum', { cpu: '100m' }, 'not-partitionable', { wanted: '100m', minimum: '500m' }],
    ['more than the maximum', { cpu: '3500m' }, 'not-partitionable', { wanted: '3500m', maximum: '3' }],
    ['not a multiple of the step', { cpu: '750m' }, 'not-partitionable', { wanted: '750m', step: '500m' }],
    ['negative', { cpu: '-1' }, 'wrong-configuration', { wanted: '-1' }],
  ])('refuses what is %s', (_, amounts, code, numbers) => {
    expect(partitionRefusal(SPEC, amounts)).toMatchObject({ code, numbers })
  })

  it('refuses a resource that it does not have', () => {
    const refused = hold(fresh(), { ...entry('a', '1'), amounts: { cpu: '1', storage: '1Gi' } }, 0)
    expect(refused).toEqual({ short: [{ resource: 'storage', wanted: '1Gi', available: '0' }] })
  })

  it('allocates a hold once, and keeps what the buyer signed', () => {
    const pool = held(fresh(), 'a', '1')
    const bought = allocate(pool, 'a', { expiresAt: at(9_000), buyerSignature: 's' }, 500)!
    expect(bought.entries).toMatchObject([{ state: 'allocated', buyerSignature: 's', expiresAt: at(9_000) }])
    const again = allocate(bought, 'a', { expiresAt: at(1), buyerSignature: 'other' }, 500)
    expect(again).toEqual(bought)
    // What is free did not change, so neither does what is advertised.
    expect(bought.free).toBe(pool.free)
  })

  it('does not allocate a hold that is over, in the very millisecond', () => {
    const pool = held(fresh(), 'a', '1', 0, 1_000)
    expect(allocate(pool, 'a', { expiresAt: at(9_000) }, 999)).toBeDefined()
    expect(allocate(pool, 'a', { expiresAt: at(9_000) }, 1_000)).toBeUndefined()
  })

  it('drops holds that are over when somebody else comes, allocations never', () => {
    const first = allocate(held(fresh(), 'a', '1'), 'a', { expiresAt: at(10) }, 0)!
    const second = held(first, 'b', '3', 0, 1_000)
    const third = held(second, 'c', '3', 2_000, 5_000)
    expect(third.entries.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(nextExpiry(third)).toBe(5_000)
    expect(expire(third, 4_999)).toBeUndefined()
  })

  it('gives back by transaction or by contract, and cancels holds only', () => {
    const pool = allocate(held(fresh(), 'a', '1'), 'a', { expiresAt: at(10) }, 0)!
    expect(cancel(pool, 'a')).toBeUndefined()
    expect(release(pool, 'contract-a')!.free).toEqual(SPEC.capacity)
    expect(release(pool, 'a')!.free).toEqual(SPEC.capacity)
    expect(release(pool, 'b')).toBeUndefined()
    expect(cancel(held(fresh(), 'a', '1'), 'a')!.entries).toEqual([])
  })

  it('says when nothing changes by setting active what is active', () => {
    const pool = held(fresh(), 'a', '1')
    const active = setActive(pool, 'contract-a', true)!
    expect(active.entries).toMatchObject([{ active: true }])
    expect(setActive(active, 'contract-a', true)).toBeUndefined()
    expect(setActive(pool, 'contract-x', true)).toBeUndefined()
  })

  it('makes no flavor of less than the smallest part, nor without a resource that there is', () => {
    expect(isSellable(SPEC, { cpu: '500m', memory: '1', pods: '1' })).toBe(true)
    expect(isSellable(SPEC, { cpu: '400m', memory: '8Gi', pods: '10' })).toBe(false)
    expect(isSellable(SPEC, { cpu: '4', memory: '0', pods: '10' })).toBe(false)
    const noStorage = { ...SPEC, capacity: { ...SPEC.capacity, storage: '0' } }
    expect(isSellable(noStorage, { ...SPEC.capacity, storage: '0' })).toBe(true)
  })

  it('takes no entry more than it has room for, not even a small one', () => {
    const shard = held(fresh(), 'a', '1')
    expect(hold(shard, entry('b', '500m'), 0, 1)).toEqual({ full: true })
    // The one that it has is another matter.
    expect(hold(shard, entry('a', '1'), 0, 1)).toEqual({ ledger: shard })
  })

  it('issues what is wanted, and takes away no more than is free', () => {
    const empty = issue(newLedger(), SPEC.capacity)!
    expect(empty).toMatchObject({ capacity: SPEC.capacity, free: SPEC.capacity, issued: SPEC.capacity })
    expect(issue(empty, SPEC.capacity)).toBeUndefined()
    const sold = held(empty, 'a', '3')
    const less = issue(sold, { cpu: '2', memory: '8Gi', pods: '10' })!
    expect(less).toMatchObject({ capacity: { cpu: '3' }, free: { cpu: '0' }, issued: { cpu: '3' } })
    expect(isBalanced(less)).toBe(true)
    const given = release(less, 'a')!
    expect(withdraw(given, { cpu: '2', memory: '16Gi', pods: '10' })).toMatchObject({
      capacity: { cpu: '2', memory: '8Gi' },
      free: { cpu: '2' },
      issued: { cpu: '2', memory: '8Gi' },
    })
    expect(withdraw(given, { ...SPEC.capacity, cpu: '9' })).toBeUndefined()
    expect(issue(given, {})).toMatchObject({ capacity: { cpu: '0', memory: '0', pods: '0' } })
  })

  it('adds up and is never negative, whatever is done to it in whatever order', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const cpu = fc.constantFrom('500m', '1', '1500m', '2', '3', '250m')
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('hold' as const), id, cpu, forMs: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ kind: fc.constant('allocate' as const), id }),
      fc.record({ kind: fc.constant('cancel' as const), id }),
      fc.record({ kind: fc.constant('release' as const), id }),
      fc.record({ kind: fc.constant('active' as const), id, active: fc.boolean() }),
      fc.record({ kind: fc.constant('expire' as const) }),
    )
    type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never
    const apply = (pool: PoolShardStatus, step: Operation, now: number): PoolShardStatus | undefined => {
      switch (step.kind) {
        case 'hold': {
          const result = hold(pool, entry(step.id, step.cpu, now + step.forMs), now)
          return 'ledger' in result ? result.ledger : undefined
        }
        case 'allocate':
          return allocate(pool, step.id, { expiresAt: at(now + 1_000) }, now)
        case 'cancel':
          return cancel(pool, step.id)
        case 'release':
          return release(pool, step.id)
        case 'active':
          return setActive(pool, `contract-${step.id}`, step.active)
        case 'expire':
          return expire(pool, now)
      }
    }
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (steps) => {
        let pool = fresh()
        steps.forEach((step, index) => {
          const now = index * 10
          const after = apply(pool, step, now)
          if (after === undefined) return
          const changed = after
          expect(isBalanced(changed), JSON.stringify(step)).toBe(true)
          // One entry for each id; and the same message again changes nothing.
          expect(new Set(after.entries.map((each) => each.id)).size).toBe(after.entries.length)
          const again = apply(changed, step, now)
          if (again !== undefined) expect(again).toEqual(after)
          pool = changed
        })
      }),
    )
  })
})
