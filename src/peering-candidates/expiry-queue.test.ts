import { describe, expect, it } from 'vitest'
import { createSimulatedSystem } from '../../test/support/simulated-system.ts'
import { ExpiryQueue } from './expiry-queue.ts'

describe('ExpiryQueue', () => {
  it('calls back within a second after the time, once, and not before', async () => {
    const simulation = createSimulatedSystem(1)
    const start = simulation.now()
    const due: [string, number][] = []
    const queue = new ExpiryQueue(simulation.system.clock, (key) => {
      due.push([key, simulation.now() - start])
      return undefined
    })
    for (const [key, ms] of [
      ['c', 10_300],
      ['a', 1],
      ['b', 5_000],
      ['never', 4_000],
    ] as const)
      queue.add(key, start + ms)
    queue.delete('never')
    await simulation.advance(60_000)
    expect(due.map(([key]) => key)).toEqual(['a', 'b', 'c'])
    for (const [index, ms] of [1, 5_000, 10_300].entries()) {
      expect(due[index]![1]).toBeGreaterThanOrEqual(ms)
      expect(due[index]![1]).toBeLessThan(ms + 1_000)
    }
    expect(simulation.pendingTimers()).toBe(0)
  })

  it('looks again at what was prolonged, and at what is wanted sooner than it was', async () => {
    const simulation = createSimulatedSystem(2)
    const start = simulation.now()
    let until = start + 5_000
    const due: number[] = []
    const queue = new ExpiryQueue(simulation.system.clock, () => {
      if (until > simulation.now()) return until
      due.push(simulation.now() - start)
      return undefined
    })
    queue.add('a', until)
    until = start + 20_000
    queue.add('a', until)
    await simulation.advance(19_000)
    expect(due).toEqual([])
    await simulation.advance(2_000)
    expect(due).toHaveLength(1)

    until = start + 30_000
    queue.add('a', start + 90_000)
    queue.add('a', until)
    await simulation.advance(11_000)
    expect(due).toHaveLength(2)
    queue.add('a', start + 40_000)
    queue.stop()
    await simulation.advance(100_000)
    expect(due).toHaveLength(2)
  })
})
