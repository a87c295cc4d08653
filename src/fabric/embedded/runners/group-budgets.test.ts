import { describe, expect, it } from 'vitest'
import { GroupBudgets } from './group-budgets.ts'

const group = { id: 'contract-1', limits: { diskBytes: 100 } }

describe('what a contract has, in whichever runners', () => {
  it('is given out once, and again when it was given back', () => {
    const budgets = new GroupBudgets({ diskBytes: 1_000 })
    const first = budgets.take(group, 'diskBytes', 60)
    expect(() => budgets.take(group, 'diskBytes', 41)).toThrow('has 40 of its 100 bytes of disk left')
    first.giveBack()
    first.giveBack()
    expect(budgets.left(group, 'diskBytes')).toBe(100)
    // Of a contract that states none there is the default; others are not touched.
    expect(budgets.left({ id: 'contract-2', limits: {} }, 'diskBytes')).toBe(1_000)
  })

  it('is enough of processes for many pods, and never more than it has', () => {
    const budgets = new GroupBudgets({ diskBytes: 0 })
    const shares: number[] = []
    expect(() => {
      for (;;) shares.push(budgets.nextPids(group, 32).amount)
    }).toThrow('processes left')
    expect(shares.length).toBeGreaterThan(20)
    expect(shares[0]).toBe(256)
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(2_048)
  })
})
