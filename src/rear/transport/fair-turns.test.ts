import { describe, expect, it, vi } from 'vitest'
import type { Clock } from '../../kernel/system.ts'
import { FairTurns } from './fair-turns.ts'

/** A clock that work moves, and a log of whose work was done. */
function scene() {
  let now = 1_000
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, callback) => {
      const handle = setImmediate(() => {
        now += ms
        callback()
      })
      return { cancel: () => clearImmediate(handle) }
    },
  }
  const turns = new FairTurns(clock)
  const done = new Map<string, number>()
  /** @returns work that takes so many milliseconds of the event loop */
  const work = (who: string, ms: number) => () => {
    now += ms
    done.set(who, (done.get(who) ?? 0) + ms)
    return undefined
  }
  const usedBy = (who: string): number => Math.round(done.get(who) ?? 0)
  /** Asks for `ms` again and again, one after the other, with a little time in between. */
  const askInTurn = async (who: string, ms: number, times: number): Promise<void> => {
    for (let index = 0; index < times; index++) {
      await new Promise<void>((resolve) => {
        turns.take(who, () => {
          work(who, ms)()
          resolve()
          return undefined
        })
      })
      await turn()
      now += 0.1
    }
  }
  return { turns, work, usedBy, askInTurn, pass: (ms: number) => void (now += ms), now: () => now }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('taking turns', () => {
  it('lets one who is alone begin at once, and all that it asks for', async () => {
    const { turns, work, usedBy, now } = scene()
    turns.take('only', work('only', 1))
    expect(usedBy('only')).toBe(1)
    for (let index = 0; index < 500; index++) turns.take('only', work('only', 1))
    await vi.waitUntil(() => usedBy('only') === 501)
    // No time was wasted.
    expect(now()).toBeLessThan(1_505)
  })

  it('leaves two thirds to one who asks for one thing after the other, while another asks for hundreds', async () => {
    const { turns, work, usedBy, askInTurn } = scene()
    for (let index = 0; index < 1_000; index++) turns.take('many', work('many', 1))
    await askInTurn('one', 1, 300)
    const share = usedBy('one') / (usedBy('one') + usedBy('many'))
    expect(share).toBeGreaterThan(0.6)
    expect(share).toBeLessThan(0.75)
  })

  it('lets nobody wait for more than one piece of work and a slice of another, however much that has waiting', async () => {
    const { turns, work, now } = scene()
    for (let index = 0; index < 1_000; index++) turns.take('many', work('many', 3))
    let longest = 0
    for (let index = 0; index < 100; index++) {
      const asked = now()
      await new Promise<void>((resolve) => {
        turns.take('one', () => {
          longest = Math.max(longest, now() - asked)
          resolve()
          return undefined
        })
      })
      await turn()
    }
    expect(longest).toBeLessThanOrEqual(6)
  })

  it('gives a quarter to one who asks for much, whoever else asks for little things all the time', async () => {
    const { turns, work, usedBy, askInTurn, now } = scene()
    for (let index = 0; index < 1_000; index++) turns.take('many', work('many', 1))
    const start = now()
    await askInTurn('one', 0.01, 2_000)
    expect(usedBy('many') / (now() - start)).toBeGreaterThan(0.22)
  })

  it('shares all the time evenly between two who both ask for much', async () => {
    const { turns, work, usedBy, now } = scene()
    for (let index = 0; index < 400; index++) {
      turns.take('a', work('a', 1))
      turns.take('b', work('b', 1))
    }
    const start = now()
    await vi.waitUntil(() => usedBy('a') + usedBy('b') >= 400)
    expect(Math.abs(usedBy('a') - usedBy('b'))).toBeLessThan(40)
    expect(usedBy('a') + usedBy('b')).toBeGreaterThan(0.9 * (now() - start))
  })

  it('forgets what somebody used while nobody else asked', async () => {
    const { turns, work, usedBy, pass } = scene()
    for (let index = 0; index < 900; index++) turns.take('many', work('many', 1))
    await vi.waitUntil(() => usedBy('many') === 900)
    pass(10)
    turns.take('other', work('other', 1))
    await turn()
    turns.take('many', work('many', 1))
    await turn()
    expect(usedBy('many')).toBe(901)
  })

  it('lets those of one name take turns by where they come from', async () => {
    const { turns, work, usedBy } = scene()
    for (let index = 0; index < 200; index++) turns.take('strangers', work('first', 1), { from: 'first' })
    await new Promise<void>((resolve) => {
      turns.take('strangers', () => Promise.resolve(resolve()), { from: 'second' })
    })
    expect(usedBy('first')).toBeLessThan(10)
  })

  it('refuses who has too much waiting', () => {
    const { turns, work } = scene()
    const taken = Array.from({ length: 2_000 }, () => turns.take('many', work('many', 3)))
    expect(taken.filter(Boolean).length).toBeLessThan(1_100)
  })

  it('stops a source that causes more than its share, until it is its turn', async () => {
    const { turns, work, usedBy } = scene()
    turns.take('one', work('one', 1))
    await turn()
    const source = { pause: vi.fn(), resume: vi.fn() }
    turns.spent('many', 50, source)
    expect(source.pause).toHaveBeenCalledOnce()
    expect(source.resume).not.toHaveBeenCalled()
    turns.take('one', work('one', 1))
    await vi.waitUntil(() => usedBy('one') === 2)
    await vi.waitFor(() => expect(source.resume).toHaveBeenCalledOnce())
  })

  it('is not held up by work that fails, or is never done', async () => {
    const { turns, work, usedBy } = scene()
    turns.take('one', () => Promise.reject(new Error('failed')))
    turns.take('one', () => new Promise(() => undefined))
    turns.take('one', work('one', 1))
    await vi.waitUntil(() => usedBy('one') === 1)
  })
})
